"""What a model takes and gives: makes checked payloads of what callers send, in whatever form it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from milepost.models.signatures._json_values import compile_decode
from milepost.models.signatures.enforcement import compile_params
from milepost.models.signatures.schema import ArrayType, ColumnType
from milepost.models.signatures.signature import ModelSignature
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.bad_input import Checked, bad_input
from milepost_server.serving.checks.inputs import compile_inputs
from milepost_server.serving.checks.outputs import named_arrays
from milepost_server.serving.checks.specs import INPUT, OUTPUT, TensorSpec, specs
from milepost_server.serving.checks.unchecked import Unchecked

__all__ = ["Contract", "TensorSpec"]


class Contract:
    """The signature of one version, compiled. Nothing that a caller sent is changed, cut or left out in silence.

    | signature | payload |
    |---|---|
    | a tensor without a name | `array` |
    | named tensors | `arrays`, in the order of the signature |
    | columns | `frame`; without the columns that may be absent, and are |
    | one column without a name | `value`, a list: a batch of values |
    | none | `array` for one tensor or nested lists of numbers, `arrays` for several, `frame` for tables, else `value` |

    Args:
        signature: None for a model that says nothing about its data, which is then handed on unchecked.

    All methods raise `InvalidArgument` (`BAD_MODEL_INPUT`) that names the field, and no value of the caller's.

    Raises:
        SchemaMismatch: The signature contradicts itself: a default is not of its param's type.
    """

    def __init__(self, signature: ModelSignature | None) -> None:
        self.signature = signature
        schema = signature.inputs if signature is not None else None
        outputs = signature.outputs if signature is not None else None
        self.inputs: tuple[TensorSpec, ...] = specs(schema, INPUT)
        self.outputs: tuple[TensorSpec, ...] = specs(outputs, OUTPUT)
        self.input_by_name = {spec.name: spec for spec in self.inputs}
        self.takes_columns = schema is not None and not schema.is_tensors
        self.positional = schema is None or schema.names is None
        """Whether the fields have no names of their own."""
        self._inputs = compile_inputs(schema)
        self.is_checked = not isinstance(self._inputs, Unchecked)
        """Whether the signature says anything about the inputs."""
        self._check_params = compile_params(signature)
        self._decode_params = {
            param.name: decode
            for param in (signature.params if signature is not None else None) or ()
            if (decode := compile_decode(_param_type(param.type, param.shape), param.name)) is not None
        }
        self._defaults = self._check_params(None) or None

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload:
        """The batch of arrays by the names of `inputs`; columns have the shape `[n]` or `[n, 1]`.

        All columns may also come as one array of two dimensions, without a name or called `input`, by their positions.
        """
        with Checked():
            return self._inputs.from_tensors(tensors)

    def from_columns(self, columns: Mapping[str, Array]) -> Payload:
        """The batch of a table's columns, arrays of one dimension and one length, by their names.

        A tensor without a name and of two dimensions takes them by position, named tensors by their names.
        """
        with Checked():
            return self._inputs.from_columns(columns)

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        """The batch of rows as JSON has them: objects, or lists of values; for tensors nested lists.

        Objects for fields without names are taken by position, if all have the same names in the same order.
        """
        with Checked():
            return self._inputs.from_rows(rows)

    def from_table(self, names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> Payload:
        """The batch of rows as JSON has them, which are lists; without names by position."""
        with Checked():
            return self._inputs.from_table(names, rows)

    def from_inputs(self, value: Any) -> Payload:
        """The batch as JSON has it by columns, an object of names and lists; or as lists, which are rows."""
        with Checked():
            return self._inputs.from_inputs(value)

    def params(self, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The params of a call as JSON has them, checked, with the defaults of those that are not given."""
        if not given:
            return self._defaults
        if self.signature is not None and self.signature.params is None:
            name = next(iter(given))
            raise bad_input(f"Param {name!r:.100}: the model's signature has no params. Leave it out.", name)
        with Checked():
            if self._decode_params:
                given = {
                    name: decode(value, f"Param {name!r}") if (decode := self._decode_params.get(name)) else value
                    for name, value in given.items()
                }
            return self._check_params(given)

    def named(self, answer: Payload) -> list[tuple[str, Array]]:
        """An answer as tensors with the names of `outputs`, or those it has; without any `output`, or positions."""
        return named_arrays(answer, self.outputs)


def _param_type(kind: ColumnType, shape: tuple[int, ...] | None) -> ColumnType:
    return kind if shape is None else ArrayType(kind)
