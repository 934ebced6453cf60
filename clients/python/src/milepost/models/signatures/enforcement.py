"""Checks of data and params against a signature. Values are never changed: one passes, or its exact equal, or none.

| given | wanted | |
|---|---|---|
| 1, 1.0 | integer, long, float, double | passes as 1 or 1.0 |
| 1.5 | integer, long | refused |
| 2**53 + 1 | double | refused: a double has no equal |
| 0.1 as float64 | float | refused; 0.5 passes |
| True | a number | refused, and a number for a boolean |
| "1" | a number | refused |
| None, or NaN for an integer | a required column | refused |
| a column that the schema does not have | | refused |
| columns in another order | | reordered by their names |

The checks are compiled once for each signature, so that a call costs little more than a look at dtypes and shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from milepost.errors import SchemaMismatch
from milepost.models._lazy import require
from milepost.models.signatures._shown import shown_names
from milepost.models.signatures.schema import AnyType, Column, DataType, Param, Schema
from milepost.models.signatures.signature import ModelSignature

if TYPE_CHECKING:
    from milepost.models.signatures._value_checks import Check

CheckInputs = Callable[[Any], Any]
CheckParams = Callable[[Mapping[str, Any] | None], Mapping[str, Any]]


def compile_inputs(signature: ModelSignature | None) -> CheckInputs:
    """The check of a model's inputs.

    The function gives the data as the caller gave them: the same object when it fits, else one of the same library with
    columns reordered or cast. Plain Python for columns with names, or for several, becomes a pandas data frame; for
    one column without a name it stays a list or a value; for tensors it becomes arrays of numpy.

    Args:
        signature: None, one without inputs, or one of a single `any` without a name checks nothing.

    Raises:
        MissingPackage: numpy is not installed. The function raises it when it needs pandas or narwhals.
    """
    if signature is None or signature.inputs is None:
        return lambda data: data
    require("numpy", "models")
    schema = signature.inputs
    if schema.is_tensors:
        return _compile_tensors(schema)
    from milepost.models.signatures._columns import ColumnsCheck

    columns = [field for field in schema.fields if isinstance(field, Column)]
    if len(columns) == 1 and columns[0].name is None and isinstance(columns[0].type, AnyType):
        return lambda data: data
    return ColumnsCheck(columns)


def compile_params(signature: ModelSignature | None) -> CheckParams:
    """The check of the params of a call: types as for inputs, defaults filled in, unknown ones refused.

    Args:
        signature: None, or one that says nothing about params, passes them on as they are.

    Raises:
        MissingPackage: numpy is not installed.
    """
    if signature is None or signature.params is None:
        return lambda params: params or {}
    require("numpy", "models")
    checks = {param.name: _compile_param(param) for param in signature.params}
    defaults = {param.name: _default(param, checks[param.name]) for param in signature.params}

    def check(params: Mapping[str, Any] | None) -> Mapping[str, Any]:
        if not params:
            return dict(defaults)
        if unknown := [name for name in params if name not in checks]:
            known = ", ".join(checks) or "none"
            raise SchemaMismatch(
                f"The params {shown_names(unknown)} are unknown; the model has {known}.", str(unknown[0])
            )
        return {**defaults, **{name: checks[name](value) for name, value in params.items()}}

    return check


def _compile_tensors(schema: Schema) -> CheckInputs:
    from milepost.models.signatures._tensors import TensorCheck, TensorChecks
    from milepost.models.signatures.schema import Tensor

    tensors = tuple(field for field in schema.fields if isinstance(field, Tensor))
    return TensorCheck(tensors[0]) if tensors[0].name is None else TensorChecks(tensors)


def _compile_param(param: Param) -> Callable[[Any], Any]:
    from milepost.models.signatures._value_checks import compile_value
    from milepost.models.signatures.schema import ArrayType

    check: Check = compile_value(param.type if param.shape is None else ArrayType(param.type), param.name)
    where = f"Param {param.name!r}"

    def check_param(value: Any) -> Any:
        return None if value is None and param.default is None else check(value, where)

    return check_param


def _default(param: Param, check: Callable[[Any], Any]) -> Any:
    """The default as a value of Python: times are texts in JSON."""
    from datetime import datetime

    value = param.default
    if param.type is DataType.DATETIME and value is not None:
        try:
            read = datetime.fromisoformat
            value = [read(item) for item in value] if param.shape is not None else read(value)
        except (TypeError, ValueError):
            raise SchemaMismatch(f"Param {param.name!r}: the default {value!r:.100} is no time.", param.name) from None
    return check(value)
