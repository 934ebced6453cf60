"""Signatures inferred from data, or from type hints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require
from milepost.models.signatures.schema import AnyType, Column, Param, Schema
from milepost.models.signatures.signature import ModelSignature


def infer_signature(inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> ModelSignature:
    """The signature that examples of a model's data have.

    | data | schema |
    |---|---|
    | data frame of pandas, polars or pyarrow | a column for each of its own |
    | series | one column |
    | array of numpy or another library, sparse matrix | a tensor; its first size is free |
    | mapping of names to arrays of numpy | named tensors |
    | list of mappings | a column for each key; one that a mapping lacks is not required |
    | another mapping | one row of such a table |
    | list of values; a value | one column without a name |
    | type hint, such as `list[str]` or `list[dict[str, float]]` | one column without a name |

    A column that has a missing value is not required. Integers are `long` (`integer` up to 32 bits). pandas makes
    floats of integers beside missing values, so infer from data that have some if later data may. Types are never
    widened: numbers of several types in one column of Python objects are refused.

    Args:
        inputs: What `predict` gets; None when nothing is to be said about it.
        outputs: What it gives. Outputs are not checked, so those without a schema of their own are said to be `any`.
        params: Settings of a call with their defaults; None when nothing is to be said about them.

    Raises:
        ModelFormatError: The inputs or params have no schema; the message names the column.
        MissingPackage: numpy, or narwhals for data frames, is not installed.
    """
    return ModelSignature(
        inputs=_schema(inputs),
        outputs=_output_schema(outputs),
        params=None if params is None else _params(params),
    )


def signature_from_hints(function: Callable[..., Any]) -> ModelSignature | None:
    """The signature that the type hints of a function's first argument and of its return value have.

    Args:
        function: `predict(data)`, or a method of that name with `self` before. Hints that cannot be resolved, and
            those that say nothing about values, such as `numpy.ndarray`, count as none.

    Returns:
        None without such hints.
    """
    from milepost.models.signatures._hints import function_schemas

    inputs, outputs = function_schemas(function)
    return ModelSignature(inputs=inputs, outputs=outputs) if inputs is not None or outputs is not None else None


def _schema(data: Any) -> Schema | None:
    if data is None:
        return None
    from milepost.models.signatures._hints import hint_schema, is_hint

    if is_hint(data):
        return hint_schema(data)
    require("numpy", "models")
    from milepost.models.signatures._data_schema import data_schema

    try:
        return data_schema(data)
    except ModelFormatError as wrong:
        raise ModelFormatError(f"There is no signature for these data: {wrong}") from None


def _output_schema(data: Any) -> Schema | None:
    try:
        return _schema(data)
    except ModelFormatError:
        return Schema((Column(AnyType()),))


def _params(params: Mapping[str, Any]) -> tuple[Param, ...]:
    require("numpy", "models")
    from milepost.models.signatures._data_schema import param

    return tuple(param(name, value) for name, value in params.items())
