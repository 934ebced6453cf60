"""The horizontal axis of a chart, its buckets, and which chunks need not be read for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from milepost_server.points.columns import Integers, Points
from milepost_server.points.summary import Summaries

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_UINT64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Axis:
    """What positions are: steps, or times counted from an origin. Make one by `step`, `time` or `relative_time`.

    Args:
        origin_ms: What times count from, in milliseconds since the Unix epoch. None for steps.
    """

    origin_ms: int | None

    @staticmethod
    def step() -> Axis:
        """Positions are steps."""
        return Axis(None)

    @staticmethod
    def time() -> Axis:
        """Positions are milliseconds since the Unix epoch."""
        return Axis(0)

    @staticmethod
    def relative_time(origin_ms: int) -> Axis:
        """Positions are milliseconds since `origin_ms`. Where that is beyond an int64, its extreme."""
        return Axis(origin_ms)

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
        origin = self.origin_ms
        if origin is None:
            return steps
        if origin > 0:
            return np.maximum(times_ms, _INT64_MIN + origin) - origin
        if origin < 0:
            return np.minimum(times_ms, _INT64_MAX + origin) - origin
        return times_ms


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of equal width: bucket i holds the positions from `start + i * width` to before the next begins.

    Args:
        start: First position of interest.
        width: Positions in a bucket, 1 to 2**64 - 1.
        count: Number of buckets.
        end: Last position of interest, inclusive.
    """

    start: int
    width: int
    count: int
    end: int = _INT64_MAX

    @staticmethod
    def over(start: int, end: int, most: int) -> Buckets:
        """At most `most` buckets over the positions from `start` to `end`, both inclusive.

        A single bucket over all of int64 would be 2**64 wide, which its type cannot say: it has one position less, and
        the last one falls into it all the same.
        """
        span = end - start + 1
        width = min(-(-span // most), _UINT64_MAX)
        return Buckets(start, width, min(-(-span // width), most), end)

    def offsets(self, positions: Integers) -> NDArray[np.uint64]:
        """Distance of positions from `start`. Only for positions from `start` on."""
        return positions.astype(np.int64, copy=False).view(np.uint64) - np.uint64(self.start % 2**64)

    def of_offsets(self, offsets: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The bucket of each offset."""
        numbers = (offsets // np.uint64(self.width)).view(np.int64)
        return np.minimum(numbers, self.count - 1)


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
    if axis.origin_ms is not None:
        # Of a chunk whose times or steps go back, the first and last point by time are not those by step.
        whole &= summaries["ordered"] != 0
    inside = whole & (buckets.of_offsets(buckets.offsets(lows)) == buckets.of_offsets(buckets.offsets(highs)))
    found = np.where(inside, np.uint8(Place.INSIDE), np.uint8(Place.ACROSS))
    found[(highs < buckets.start) | (lows > buckets.end)] = Place.OUTSIDE
    return found
