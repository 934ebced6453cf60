"""The batch of a model, by what its signature says: columns, one column without a name, or tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models.signatures._column_arrays import ColumnArrays, object_values
from milepost.models.signatures._columns import label_of
from milepost.models.signatures._json_values import compile_decode
from milepost.models.signatures._rows import Rows
from milepost.models.signatures._shown import shown, shown_names
from milepost.models.signatures.schema import AnyType, Column, Schema, Tensor
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.bad_input import refuse_empty
from milepost_server.serving.checks.specs import INPUT
from milepost_server.serving.checks.tensors import TensorInputs, by_position
from milepost_server.serving.checks.unchecked import Unchecked


class Inputs(Protocol):
    """Makes payloads. The methods are those of `Contract`, and raise `SchemaMismatch`."""

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload: ...
    def from_columns(self, columns: Mapping[str, Array]) -> Payload: ...
    def from_rows(self, rows: Sequence[Any]) -> Payload: ...
    def from_table(self, names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> Payload: ...
    def from_inputs(self, value: Any) -> Payload: ...


def compile_inputs(schema: Schema | None) -> Inputs:
    """What makes payloads for a schema; None takes anything."""
    if schema is None:
        return Unchecked()
    tensors = [field for field in schema.fields if isinstance(field, Tensor)]
    if tensors:
        return TensorInputs(tensors)
    columns = [field for field in schema.fields if isinstance(field, Column)]
    if len(columns) > 1 or columns[0].name is not None:
        return ColumnInputs(columns)
    return Unchecked() if isinstance(columns[0].type, AnyType) else ValueInputs(columns[0])


class ColumnInputs:
    """Columns: the payload is a frame."""

    def __init__(self, columns: Sequence[Column]) -> None:
        arrays = ColumnArrays(columns, [label_of(column, i) for i, column in enumerate(columns)])
        self._exact, self._json = Rows(arrays), Rows(arrays, json=True)
        self._positional = columns[0].name is None
        self._names = tuple(str(i if column.name is None else column.name) for i, column in enumerate(columns))
        self._labels = dict(zip(self._names, arrays.labels, strict=True))
        self._dtype = arrays.dtype if arrays.dtype is not None and arrays.dtype.kind in "biuf" else None

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload:
        whole = self._whole(tensors)
        if whole is None:
            return self.from_columns({name: self._flat(name, array) for name, array in tensors.items()})
        if whole.dtype is self._dtype:
            return self._of_block(whole)
        return self.from_columns({name: whole[:, i] for i, name in enumerate(self._names)})

    def from_columns(self, columns: Mapping[str, Array]) -> Payload:
        if self._positional and len(columns) == len(self._names):
            columns = dict(zip(self._names, columns.values(), strict=True))
        block = self._block(columns)
        if block is not None:
            return self._of_block(block)
        payload = self._exact.from_columns(columns)
        refuse_empty(len(payload.arrays[0]))
        return payload

    def _of_block(self, block: Array) -> Payload:
        refuse_empty(len(block))
        return Payload("frame", (block,), None if self._positional else self._names, block=True)

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        return self._json.from_rows(by_position(rows) if self._positional else rows)

    def from_table(self, names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> Payload:
        return self._json.from_table(self._names if names is None else names, rows)

    def from_inputs(self, value: Any) -> Payload:
        if isinstance(value, list):
            return self._json.from_rows(value)
        if not isinstance(value, dict):
            raise SchemaMismatch(f"{shown(value)} is given for columns. Give an object of columns, or a list of rows.")
        payload = self._json.from_mapping(value)
        refuse_empty(len(payload.arrays[0]))
        return payload

    def _whole(self, tensors: Mapping[str, Array]) -> Array | None:
        """The one array that has all columns, where there is no column of its name."""
        if len(tensors) != 1:
            return None
        ((name, array),) = tensors.items()
        if name not in ("", INPUT) or name in self._labels or array.ndim != 2:
            return None
        if array.shape[1] != len(self._names):
            raise SchemaMismatch(f"An array of {array.shape[1]} columns is given for {len(self._names)}.", name)
        return array

    def _block(self, columns: Mapping[str, Array]) -> Array | None:
        """The columns side by side, when all are there and of the right dtype."""
        dtype, names = self._dtype, self._names
        if dtype is None or len(columns) != len(names):
            return None
        block: Array | None = None
        for i, name in enumerate(names):
            array = columns.get(name)
            if array is None or array.dtype is not dtype or array.ndim != 1:
                return None
            if block is None:
                block = np.empty((len(array), len(names)), dtype=dtype)
            if len(array) != len(block):
                return None
            block[:, i] = array
        return block

    def _flat(self, name: str, array: Array) -> Array:
        if array.ndim == 1 or name not in self._labels:
            return array
        if array.ndim == 2 and array.shape[1] == 1:
            return array[:, 0]
        raise SchemaMismatch(
            f"{self._labels[name]}: got the shape {list(array.shape)}; a column is a tensor of shape [n] or [n, 1].",
            name,
        )


class ValueInputs:
    """One column without a name: the payload is a list of values."""

    def __init__(self, column: Column) -> None:
        self._column, self._label = column, label_of(column, 0)
        self._decode = compile_decode(column.type, "")

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload:
        if tensors.keys() != {"0"}:
            raise SchemaMismatch(
                f"Give one tensor with the name '0', not {shown_names(tensors) if tensors else 'none'}."
            )
        return self.from_columns(tensors)

    def from_columns(self, columns: Mapping[str, Array]) -> Payload:
        if len(columns) != 1:
            raise SchemaMismatch(f"{len(columns)} columns are given; the model takes one.")
        (array,) = columns.values()
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise SchemaMismatch(f"{self._label}: got the shape {list(array.shape)}; give [n] or [n, 1].")
        values = array.astype("datetime64[us]") if array.dtype.kind == "M" else array
        if values is not array and not np.array_equal(values, array, equal_nan=True):
            raise SchemaMismatch(f"{self._label}: times have at most 6 decimals here.")
        return self._checked(values.tolist())

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        if self._decode is None:
            return self._checked(rows)
        return self._checked([self._decode(row, f"{self._label}, row {i}") for i, row in enumerate(rows)])

    def from_table(self, names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> Payload:
        if any(len(row) != 1 for row in rows):
            raise SchemaMismatch("The model takes one column. Give rows of one value.")
        return self.from_rows([row[0] for row in rows])

    def from_inputs(self, value: Any) -> Payload:
        if not isinstance(value, list):
            raise SchemaMismatch(f"{shown(value)} is given where a list of values is required.")
        return self.from_rows(value)

    def _checked(self, values: Sequence[Any]) -> Payload:
        refuse_empty(len(values))
        return Payload("value", value=object_values(values, self._column, self._label))
