"""Casts of arrays that keep every value, and refuse where one would change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from milepost.errors import SchemaMismatch
from milepost.models.signatures._shown import shown_number

Array = NDArray[Any]
_NUMBERS = "iuf"


def exact_cast(array: Array, dtype: np.dtype[Any], field: str, what: str, *, missing: bool = False) -> Array:
    """The array with another dtype and the same values; itself when it has that dtype.

    Args:
        array: Booleans, numbers, times, texts or bytes; any shape. Python objects are the caller's to unpack.
        dtype: Target; one of numpy's own.
        field: Name of the column or tensor.
        what: The field for messages, such as `Column 'age' (long)`.
        missing: Whether NaN may stand for a missing integer. The array then keeps its dtype if it has one.

    Raises:
        SchemaMismatch: A value has no equal in the target, or the kinds differ: a boolean is no number.
    """
    source = array.dtype
    if source == dtype:
        return array
    if source.kind == dtype.kind and source.kind in "USM":
        return array  # texts, bytes and times differ in width and unit only
    if source.kind in _NUMBERS and dtype.kind in _NUMBERS:
        return _cast_numbers(array, dtype, field, what, missing)
    raise SchemaMismatch(f"{what}: got {source}, which is not converted. Convert the data first.", field)


def _cast_numbers(array: Array, dtype: np.dtype[Any], field: str, what: str, missing: bool) -> Array:
    if dtype.kind in "iu":
        if array.dtype.kind == "f":
            return _floats_to_integers(array, dtype, field, what, missing)
        _refuse_first(~_in_range(array, dtype), array, field, what, f"does not fit into {dtype}")
        return array.astype(dtype)
    # numpy calls int64 to float64 safe, though it rounds.
    if np.can_cast(array.dtype, dtype) and (array.dtype.kind == "f" or array.dtype.itemsize < dtype.itemsize):
        return array.astype(dtype)
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    floats = array.dtype.kind == "f"
    changed = (cast != array) & ~np.isnan(array) if floats else ~_same_integers(array, cast)
    _refuse_first(changed, array, field, what, f"has no equal in {dtype}")
    return cast


def _floats_to_integers(array: Array, dtype: np.dtype[Any], field: str, what: str, missing: bool) -> Array:
    absent = np.isnan(array)
    if absent.any() and not missing:
        _refuse_first(absent, array, field, what, "where a value is required")
    whole = np.trunc(array) == array
    _refuse_first(~(whole | absent), array, field, what, "is no integer")
    _refuse_first(~(_in_range(array, dtype) | absent), array, field, what, f"does not fit into {dtype}")
    # No integer is missing: such a column stays as it is.
    return array if absent.any() else array.astype(dtype)


def _in_range(array: Array, dtype: np.dtype[Any]) -> Array:
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f":
        wide = _wide(array)
        # One beyond the greatest integer is a power of two, which doubles have exactly.
        return np.asarray((wide >= float(limits.min)) & (wide < float(limits.max + 1)))
    low, high = max(limits.min, np.iinfo(array.dtype).min), min(limits.max, np.iinfo(array.dtype).max)
    return np.asarray((array >= low) & (array <= high))


def _same_integers(integers: Array, floats: Array) -> Array:
    """Where floats, made from 64-bit or narrower integers, equal them."""
    inside = _wide(floats) < float(
        np.iinfo(integers.dtype).max + 1
    )  # the greatest integers round up to one that no longer fits
    back = np.where(inside, floats, 0).astype(integers.dtype)
    return np.asarray(inside & (back == integers))


def _wide(floats: Array) -> Array:
    """The same floats in a type that has the limits of all integers, as half floats have not."""
    return floats.astype(np.float64) if floats.dtype.itemsize < 8 else floats


def _refuse_first(wrong: Array, array: Array, field: str, what: str, problem: str) -> None:
    if not wrong.any():
        return
    position = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    where = "" if not position else f" at row {position[0]}" if len(position) == 1 else f" at {list(position)}"
    value = array[position].item() if array[position].dtype != np.longdouble else array[position]
    count = int(np.count_nonzero(wrong))
    others = f" ({count:,} such values)" if count > 1 else ""
    remedy = "Values are never rounded or cut: convert the data first if that is meant."
    raise SchemaMismatch(f"{what}: {shown_number(value)} {problem}{where}{others}. {remedy}", field)
