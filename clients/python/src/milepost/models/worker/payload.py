"""Data on their way to a model or back, in a form that needs no data frames and can be joined, cut and sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from milepost.errors import ModelError

Array = NDArray[Any]
Form = Literal["array", "arrays", "frame", "value"]


@dataclass(slots=True, eq=False)
class Payload:
    """A batch for a model, or its answer. Rows are counted by the first dimension of arrays, or the items of a list.

    Args:
        form: What the model takes or gave: `array` for one array, `arrays` for a mapping of names to arrays, `frame`
            for a data frame, `value` for anything that JSON has (a text, a list of rows, a mapping).
        arrays: In the order of `names`. Numbers, booleans and times (`datetime64[ns]`) have numpy's dtypes; texts,
            bytes, lists, mappings and missing values are arrays of objects, of one dimension in a frame. One array for
            `array`; none for `value`.
        names: Of `arrays`, or of the columns of a frame. None for `array`, `value`, and a frame whose columns have
            positions only.
        block: Of a frame: whether `arrays` is one array of two dimensions that has all columns, which have one dtype.
        value: Of the form `value`.
    """

    form: Form
    arrays: Sequence[Array] = ()
    names: tuple[str, ...] | None = None
    block: bool = False
    value: Any = field(default=None)

    @property
    def rows(self) -> int | None:
        """Number of rows; None where there are none to count, so that it can be neither joined nor cut."""
        if self.form == "value":
            return len(self.value) if isinstance(self.value, list) else None
        if not self.arrays or not all(array.ndim for array in self.arrays):
            return None
        count = len(self.arrays[0])
        return count if all(len(array) == count for array in self.arrays[1:]) else None

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without what arrays of objects refer to."""
        return sum(array.nbytes for array in self.arrays)

    def fits(self, other: Payload) -> bool:
        """Whether the two can be joined: same form, names and dtypes, and same sizes of all but the first dimension."""
        if self.form != other.form or self.names != other.names or self.block != other.block:
            return False
        if self.form == "value":
            return isinstance(self.value, list) and isinstance(other.value, list)
        return len(self.arrays) == len(other.arrays) and all(
            mine.dtype == its.dtype and mine.shape[1:] == its.shape[1:]
            for mine, its in zip(self.arrays, other.arrays, strict=True)
        )


def join(payloads: Sequence[Payload]) -> Payload:
    """One payload with the rows of all in their order. They must fit each other."""
    first = payloads[0]
    if len(payloads) == 1:
        return first
    if first.form == "value":
        return Payload("value", value=[row for payload in payloads for row in payload.value])
    arrays = [np.concatenate(parts) for parts in zip(*(payload.arrays for payload in payloads), strict=True)]
    return Payload(first.form, arrays, first.names, first.block)


def cut(payload: Payload, counts: Sequence[int]) -> list[Payload]:
    """The reverse of `join`: payloads with so many rows each, which are views of the arrays.

    Raises:
        ModelError: The payload does not have as many rows as are asked for.
    """
    if payload.rows != sum(counts):
        raise ModelError(f"An answer to {sum(counts)} rows has {payload.rows} rows.")
    parts, start = [], 0
    for count in counts:
        end = start + count
        if payload.form == "value":
            parts.append(Payload("value", value=payload.value[start:end]))
        else:
            parts.append(
                Payload(payload.form, [array[start:end] for array in payload.arrays], payload.names, payload.block)
            )
        start = end
    return parts
