"""The horizontal axis of a chart, its buckets, and which chunks need not be read for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from milepost_server.points.columns import Integers, Points
from milepost_server.points.segments import Indices
from milepost_server.points.summary import Summaries

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_UINT64_MAX = 2**64 - 1

Offsets: TypeAlias = "NDArray[np.uint32] | NDArray[np.uint64]"


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """What positions are: steps, or times counted from an origin. Make one by `step`, `time` or `relative_time`.

    Args:
        origins_ms: What times count from, in milliseconds since the Unix epoch: one for each row of the columns that
            are given to the methods, or one for all. None for steps.
    """

    origins_ms: Integers | None

    @staticmethod
    def step() -> Axis:
        """Positions are steps."""
        return Axis(None)

    @staticmethod
    def time() -> Axis:
        """Positions are milliseconds since the Unix epoch."""
        return Axis(np.zeros(1, np.int64))

    @staticmethod
    def relative_time(*origins_ms: int) -> Axis:
        """Positions are milliseconds since an origin. Where that is beyond an int64, its extreme."""
        return Axis(np.array(origins_ms, np.int64))

    def at(self, rows: Indices) -> Axis:
        """The axis of other rows, given by the index of the origin of each."""
        if self.origins_ms is None or len(self.origins_ms) == 1:
            return self
        return Axis(self.origins_ms[rows])

    def positions(self, points: Points) -> Integers:
        """The position of each point."""
        return self.of(points.steps, points.times_ms)

    def lows(self, summaries: Summaries) -> Integers:
        """The smallest position of each chunk."""
        return self.of(summaries["first_step"], summaries["low_time_ms"])

    def highs(self, summaries: Summaries) -> Integers:
        """The greatest position of each chunk."""
        return self.of(summaries["last_step"], summaries["high_time_ms"])

    def of(self, steps: Integers, times_ms: Integers) -> Integers:
        """The positions of points with these steps and times."""
        origins = self.origins_ms
        if origins is None:
            return steps
        if not origins.any():
            return times_ms
        later, earlier = np.maximum(origins, 0), np.minimum(origins, 0)
        counted = np.maximum(times_ms, _INT64_MIN + later) - later
        positions: Integers = np.minimum(counted, _INT64_MAX + earlier) - earlier
        return positions


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of equal width: bucket i holds the positions from `start + i * width` to before the next begins.

    Make them by `over`.

    Args:
        start: First position of interest.
        width: Positions in a bucket, 1 to 2**64 - 1.
        count: Number of buckets.
        end: Last position of interest, inclusive.
    """

    start: int
    width: int
    count: int
    end: int

    @staticmethod
    def over(start: int, end: int, most: int) -> Buckets:
        """At most `most` buckets over the positions from `start` to `end`, both inclusive.

        A single bucket over all of int64 would be 2**64 wide, which its type cannot say: it has one position less, and
        the last one falls into it all the same.
        """
        span = end - start + 1
        width = min(-(-span // most), _UINT64_MAX)
        return Buckets(start, width, min(-(-span // width), most), end)

    def offsets(self, positions: Integers) -> Offsets:
        """Distance of positions from `start`. Only for positions from `start` to `end`."""
        if self._short:
            return (positions - self.start).astype(np.uint32)
        return positions.astype(np.int64, copy=False).view(np.uint64) - np.uint64(self.start % 2**64)

    def of_offsets(self, offsets: Offsets) -> Offsets:
        """The bucket of each offset."""
        if self._short:
            return offsets // np.uint32(self.width)
        numbers: Offsets = np.minimum(offsets // np.uint64(self.width), np.uint64(self.count - 1))
        return numbers

    @property
    def _short(self) -> bool:
        """Whether offsets are uint32, which are divided several times as fast."""
        return self.end - self.start < 2**32 - 1


class Place(IntEnum):
    """Where a chunk lies."""

    OUTSIDE = 0
    """No point is of interest."""
    INSIDE = 1
    """All points are in one bucket, and the summary has what a chart needs."""
    ACROSS = 2
    """The points must be looked at."""


def places(summaries: Summaries, axis: Axis, buckets: Buckets) -> NDArray[np.uint8]:
    """The `Place` of each chunk."""
    lows, highs = axis.lows(summaries), axis.highs(summaries)
    whole = (lows >= buckets.start) & (highs <= buckets.end)
    if axis.origins_ms is not None:
        # Of a chunk whose times or steps go back, the first and last point by time are not those by step.
        whole &= summaries["ordered"] != 0
    inside = whole & (buckets.of_offsets(buckets.offsets(lows)) == buckets.of_offsets(buckets.offsets(highs)))
    found = np.where(inside, np.uint8(Place.INSIDE), np.uint8(Place.ACROSS))
    found[(highs < buckets.start) | (lows > buckets.end)] = Place.OUTSIDE
    return found
