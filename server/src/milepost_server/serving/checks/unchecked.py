"""The batch of a model that says nothing about its data: handed on as what it looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models.signatures._column_values import objects
from milepost.models.signatures._frames import frame
from milepost.models.signatures._json_values import check_depth
from milepost.models.signatures._shown import shown
from milepost.models.signatures._tensors import leaf_types
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.bad_input import refuse_empty

# Below it, every integer is a double.
_DOUBLE_INTEGERS = 2.0**53


class Unchecked:
    """Anything. The methods are those of `Contract`."""

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload:
        if not tensors:
            raise SchemaMismatch("There are no tensors. Give at least one.")
        for array in tensors.values():
            if array.ndim:
                refuse_empty(len(array))
        if len(tensors) == 1:
            return Payload("array", tuple(tensors.values()))
        return Payload("arrays", tuple(tensors.values()), tuple(tensors))

    def from_columns(self, columns: Mapping[str, Array]) -> Payload:
        if not columns:
            raise SchemaMismatch("There are no columns. Give at least one.")
        arrays = list(columns.values())
        refuse_empty(len(arrays[0]))
        return frame(tuple(columns), arrays)

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        refuse_empty(len(rows))
        rows = list(rows)
        if all(type(row) is dict and row for row in rows):
            names = tuple(dict.fromkeys(name for row in rows for name in row))
            return frame(names, [_column([row.get(name) for row in rows]) for name in names])
        array = _numbers(rows)
        return Payload("array", (array,)) if array is not None else _value(rows)

    def from_table(self, names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> Payload:
        refuse_empty(len(rows))
        width = len(rows[0]) if names is None else len(names)
        if not width or any(len(row) != width for row in rows):
            raise SchemaMismatch(f"The rows must have as many values as there are columns: {width}.")
        if names is not None and len(set(names)) < len(names):
            raise SchemaMismatch("A column is there more than once.")
        return frame(None if names is None else tuple(names), [_column(column) for column in zip(*rows, strict=True)])

    def from_inputs(self, value: Any) -> Payload:
        if isinstance(value, list):
            return self.from_rows(value)
        if not isinstance(value, dict) or not value or not all(type(item) is list for item in value.values()):
            return _value(value)
        arrays = []
        for item in value.values():
            refuse_empty(len(item))
            array = _numbers(item)
            arrays.append(_column(item) if array is None else array)
        return Payload("arrays", arrays, tuple(value))


def _value(value: Any) -> Payload:
    if value is None:
        raise SchemaMismatch(f"{shown(value)} is given where data are required.")
    check_depth(value, "The data")
    return Payload("value", value=value)


def _numbers(rows: list[Any]) -> Array | None:
    """Nested lists of numbers or booleans as an array; None when they are something else."""
    kinds = leaf_types(rows, 0)
    if not kinds or not (kinds <= {int, float} or kinds == {bool}):
        return None
    try:
        array = np.array(rows)
    except ValueError:  # lists of different lengths
        return None
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and int in kinds and not _exact(array)):
        return None
    return array


def _column(values: Sequence[Any]) -> Array:
    kinds = set(map(type, values))
    if kinds == {bool}:
        return np.array(values)
    if kinds & {int, float} and kinds <= {int, float, type(None)}:
        numbers = np.array([np.nan if value is None else value for value in values])
        if numbers.dtype.kind in "iu" or (numbers.dtype.kind == "f" and (int not in kinds or _exact(numbers))):
            return numbers
    check_depth(values, "The data")
    return objects(values)


def _exact(array: Array) -> bool:
    return not bool((np.abs(array) >= _DOUBLE_INTEGERS).any())
