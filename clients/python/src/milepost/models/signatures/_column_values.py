"""The values of one column, checked, as an array in the neutral form of `Payload`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from milepost.models.signatures._column_arrays import ColumnArrays, object_array, object_values
from milepost.models.signatures._json_values import Decode
from milepost.models.signatures.schema import Column, DataType
from milepost.models.worker.payload import Array

_SCALARS = (DataType.BOOLEAN, DataType.INTEGER, DataType.LONG, DataType.FLOAT, DataType.DOUBLE)
_NANOSECONDS = np.dtype("datetime64[ns]")


def column_values(values: Any, column: Column, label: str, decode: Decode | None = None) -> Array:
    """The array of a column.

    Args:
        values: An array of one dimension, or a sequence.
        column: What the values must be.
        label: How messages name the column.
        decode: Reads each value, as `compile_decode` says.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return _neutral(ColumnArrays([column], [label]).check(values))
    if decode is not None:
        values = [decode(value, f"{label}, row {row}") for row, value in enumerate(values)]
    if column.type in _SCALARS:
        return object_array(objects(values), column, label)
    checked = object_values(list(values), column, label)
    return _times(checked) if column.type is DataType.DATETIME else objects(checked)


def objects(values: Sequence[Any]) -> Array:
    """An array of one dimension, also when values are lists of one length."""
    return np.fromiter(values, dtype=object, count=len(values))


def _neutral(array: Array) -> Array:
    if array.dtype.kind in "US":
        return array.astype(object)
    if array.dtype.kind == "M" and array.dtype != _NANOSECONDS:
        exact = array.astype(_NANOSECONDS)
        return exact if np.array_equal(exact.astype(array.dtype), array, equal_nan=True) else array.astype(object)
    return array


def _times(values: list[Any]) -> Array:
    """Times in nanoseconds; as objects those that have an offset, are dates, or are out of reach."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {np.datetime64}:
        return _neutral(np.array(values, dtype="datetime64"))
    if kinds == {datetime} and all(value is None or value.tzinfo is None for value in values):
        return _neutral(np.array(values, dtype="datetime64[us]"))
    return objects(values)
