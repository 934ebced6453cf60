"""Columns of integers as differences of differences, which are small or 0 where a column rises evenly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from milepost_server.points.columns import Integers
from milepost_server.points.segments import Indices

WIDTHS = (0, 1, 2, 4, 8)
"""Bytes that a difference may take."""

_OUTLIER_BYTES = 4 + 8
_NO_OUTLIERS = np.empty(0, np.intp)


class Deltas(NamedTuple):
    """How a column of at least 2 integers is packed. All arithmetic wraps round, so that any int64 is exact.

    Args:
        width: Bytes of each difference.
        outliers: Number of differences that do not fit and are written apart.
        first: The first integer.
        change: What the second integer has more than the first.
    """

    width: int
    outliers: int
    first: int
    change: int

    def size(self, count: int) -> int:
        """Bytes of the body of a column of `count` integers."""
        return (count - 2) * self.width + self.outliers * _OUTLIER_BYTES

    def unpack(self, body: memoryview, column: Integers) -> None:
        """Fills a column from its body.

        Raises:
            ValueError: An outlier is behind the end of the column.
        """
        differences = column[2:]
        column[0] = self.first
        if not self.width and not self.outliers:
            column[1:] = self.change
        else:
            column[1] = self.change
            near = len(differences) * self.width
            differences[:] = np.frombuffer(body[:near], f"<i{self.width}") if self.width else 0
            if self.outliers:
                far = near + 4 * self.outliers
                places = np.frombuffer(body[near:far], "<u4")
                if int(places.max()) >= len(differences):
                    raise ValueError("an outlier is behind the end of the column")
                differences[places] = np.frombuffer(body[far:], "<i8")
            np.add.accumulate(column[1:], out=column[1:])
        np.add.accumulate(column, out=column)


def pack(column: Integers) -> tuple[Deltas, bytes]:
    """A column of at least 3 integers, and its body."""
    changes = column[1:] - column[:-1]
    differences = changes[1:] - changes[:-1]
    width, outliers = _width(differences)
    far = b""
    if len(outliers):
        far = outliers.astype("<u4").tobytes() + differences[outliers].astype("<i8", copy=False).tobytes()
        differences[outliers] = 0
    near = differences.astype(f"<i{width}").tobytes() if width else b""
    return Deltas(width, len(outliers), int(column[0]), int(changes[0])), near + far


def _width(differences: Integers) -> tuple[int, Indices]:
    """The width that takes the fewest bytes, and the places of the differences that do not fit it.

    These are written apart: a pause in training makes one difference thousands of times greater than the others.
    """
    # `argmin` and `argmax` find their element faster than `min` and `max` return it.
    low, high = int(differences[differences.argmin()]), int(differences[differences.argmax()])
    if low == high == 0:
        return 0, _NO_OUTLIERS
    width = next(width for width in WIDTHS[1:] if max(high, ~low) <= _limit(width))
    fewest, beyond = width * len(differences), None
    sizes = differences ^ (differences >> 63) if width > 1 else differences
    for narrow in WIDTHS[: WIDTHS.index(width)]:
        outside = sizes > _limit(narrow) if narrow else differences != 0
        size = narrow * len(differences) + _OUTLIER_BYTES * int(np.count_nonzero(outside))
        if size < fewest:
            fewest, width, beyond = size, narrow, outside
    return width, _NO_OUTLIERS if beyond is None else beyond.nonzero()[0]


def _limit(width: int) -> int:
    """The greatest signed integer of so many bytes."""
    return (1 << (8 * width - 1)) - 1
