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

# The Python types for which numpy's own conversion keeps each value, or overflows; and the dtype of that conversion.
# numpy 1 cuts integers that are too large for 32 bits.
_PLAIN: dict[DataType, tuple[set[type], type]] = {
    DataType.BOOLEAN: ({bool}, np.bool_),
    DataType.INTEGER: ({int}, np.int64),
    DataType.LONG: ({int}, np.int64),
    DataType.FLOAT: ({float, int}, np.float64),
    DataType.DOUBLE: ({float, int}, np.float64),
}
# Below these, every integer has an equal.
_SINGLE_INTEGERS, _DOUBLE_INTEGERS = 2.0**24, 2.0**53
_SCALARS = (DataType.BOOLEAN, DataType.INTEGER, DataType.LONG, DataType.FLOAT, DataType.DOUBLE)
_NANOSECONDS = np.dtype("datetime64[ns]")


def column_values(
    values: Any, column: Column, label: str, decode: Decode | None = None, *, json: bool = False
) -> Array:
    """The array of a column.

    Args:
        values: An array of one dimension, or a sequence.
        column: What the values must be.
        label: How messages name the column.
        decode: Reads each value, as `compile_decode` says.
        json: Whether the values are as JSON has them.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return _neutral(ColumnArrays([column], [label]).check(values))
    if isinstance(column.type, DataType):
        kinds = set(map(type, values))
        if column.type is DataType.STRING and kinds <= ({str} if column.required else {str, type(None)}):
            return objects(values)
        plain = plain_array(values, kinds, column.type, json=json)
        if plain is not None:
            return ColumnArrays([column], [label]).check(plain)
    if decode is not None:
        values = [decode(value, f"{label}, row {row}") for row, value in enumerate(values)]
    if column.type in _SCALARS:
        return object_array(objects(values), column, label)
    checked = object_values(list(values), column, label)
    return _times(checked) if column.type is DataType.DATETIME else objects(checked)


def plain_array(values: Sequence[Any], kinds: set[type], kind: DataType, *, json: bool) -> Array | None:
    """The array that numpy makes of values, or of rows of them; None where that could change one.

    Args:
        values: Of Python.
        kinds: Their types.
        kind: What they must be; the array may have a wider dtype, which is still to be checked.
        json: Whether decimals are read in the precision of `kind`.
    """
    plain, dtype = _PLAIN.get(kind, (set(), object))
    if not kinds <= plain:
        return None
    try:
        array: Array = np.array(values, dtype=dtype)
    except OverflowError:
        return None
    if dtype is not np.float64:
        return array
    single = json and kind is DataType.FLOAT
    if int in kinds and not (np.abs(array) < (_SINGLE_INTEGERS if single else _DOUBLE_INTEGERS)).all():
        return None
    return _rounded(array) if single else array


def _rounded(array: Array) -> Array | None:
    """Decimals in the precision of single floats; None where one is too large."""
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float32)
    return None if np.isinf(rounded).any() else rounded


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
