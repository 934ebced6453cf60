"""Columns of a typed request. Readers take the rows, give an array for each column, None for one that no row has.

They raise `Broken`, with the path below the list of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from google.protobuf.message import Message

from milepost.models.signatures._column_values import objects
from milepost.models.signatures.schema import Column
from milepost.models.worker.payload import Array
from milepost_server.calls.field_rules import Broken
from milepost_server.serving.typed.fields import DTYPES, OBJECT, Place, absent
from milepost_server.serving.typed.reading_values import ABSENT, field_reader, nanoseconds

_NOT_A_TIME = np.iinfo(np.int64).min


class ScalarColumns:
    """Reads columns of single values that have one type. Together, since numpy's calls cost more than a few values.

    Args:
        places: The fields, in one message.
        required: Whether each must be there.
    """

    def __init__(self, places: Sequence[Place], required: Sequence[bool]) -> None:
        self._required = required
        self._places = places
        get = attrgetter(*(place.path for place in places))
        self._get: Callable[[Message], Any] = get if len(places) > 1 else lambda row: (get(row),)
        self._dtype = DTYPES.get(places[0].field.type, OBJECT)

    def __call__(self, rows: Sequence[Message]) -> Sequence[Array | None]:
        """See the module."""
        block = np.array(list(map(self._get, rows)), self._dtype)
        # What is absent reads as zero: only what does is asked.
        given = block.astype(np.bool_) if self._dtype is OBJECT else block != 0
        return list(block.T) if given.all() else self._with_missing(block, given, rows)

    def _with_missing(self, block: Array, given: Array, rows: Sequence[Message]) -> Sequence[Array | None]:
        missing: dict[int, list[int]] = {}
        for row, column in np.argwhere(~given).tolist():
            place = self._places[column]
            if not place.parent(rows[row]).HasField(place.field.name):
                if self._required[column]:
                    raise absent().inside(f"[{row}].{place.path}")
                missing.setdefault(column, []).append(row)
        return [_without(array, missing.get(column, ())) for column, array in enumerate(block.T)]


def _without(array: Array, missing: Sequence[int]) -> Array | None:
    """The array with None for some values; None where none is left."""
    if not missing:
        return array
    if len(missing) == len(array):
        return None
    objects = array.astype(np.object_)
    objects[missing] = None
    return objects


class TimeColumn:
    """Reads a column of times."""

    def __init__(self, place: Place, required: bool) -> None:
        self._place = place
        self._required = required

    def __call__(self, rows: Sequence[Message]) -> Sequence[Array | None]:
        """See the module."""
        name = self._place.field.name
        times = np.empty(len(rows), np.int64)
        some = False
        for row, parent in enumerate(self._place.parents(rows)):
            try:
                if parent.HasField(name):
                    times[row], some = nanoseconds(getattr(parent, name)), True
                elif self._required:
                    raise absent()
                else:
                    times[row] = _NOT_A_TIME
            except Broken as wrong:
                wrong.inside(f"[{row}].{self._place.path}")
                raise
        return [times.view("datetime64[ns]") if some else None]


class ObjectColumn:
    """Reads a column of lists, objects, maps or any values."""

    def __init__(self, column: Column, place: Place) -> None:
        self._place = place
        self._read = field_reader(column.type, column.required, place.field)

    def __call__(self, rows: Sequence[Message]) -> Sequence[Array | None]:
        """See the module."""
        values = []
        for row, parent in enumerate(self._place.parents(rows)):
            try:
                values.append(self._read(parent))
            except Broken as wrong:
                wrong.inside(f"[{row}].{self._place.group}" if self._place.group else f"[{row}]")
                raise
        if all(value is ABSENT for value in values):
            return [None]
        return [objects([None if value is ABSENT else value for value in values])]
