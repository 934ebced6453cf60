"""Which of some points a series has already. What is known of a series tells most new points without a look at others.

Points are the same when step, time and value are: values by their bits, but NaN is NaN whatever its bits.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost_server.points.columns import Integers, Points
from milepost_server.points.summary import Summaries, last_place, rank_of

Identity: TypeAlias = tuple[int, int, int]
"""Step, time in milliseconds and bits of a point, of which all NaN have the same."""

_NAN_BITS = 0x7FF8 << 48


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a series that has points.

    Args:
        number: Its number in the database.
        summary: Its summary.
        high_time_ms: A time that no point is after; None when there is no telling.
    """

    number: int
    summary: pb.MetricSummary
    high_time_ms: int | None


def surely_new(points: pb.MetricPoints, known: Known | None) -> bool:
    """Whether it is plain that all points are new, each also to those before it.

    Args:
        points: At least one point; all columns are filled.
        known: The series that they go to. None when it has no points yet.
    """
    steps = points.steps
    # A look that is quick and mostly enough comes first.
    if known is not None and steps[0] <= known.summary.last_step:
        times_ms = points.timestamps_ms
        if (steps[0], times_ms[0], rank_of(points.values[0])) <= last_place(known.summary):
            later = known.high_time_ms is not None and times_ms[0] > known.high_time_ms
            return later and _rises(times_ms)
    return _rises(steps) or _rises(list(zip(steps, points.timestamps_ms, strict=True)))


def _rises(column: Sequence[int] | Sequence[tuple[int, int]]) -> bool:
    """Whether each element is greater than the one before. Python's own loops beat numpy's conversion here."""
    return len(column) == 1 or all(map(operator.lt, column, column[1:]))


class Sifting:
    """Points of one series from which repeats are taken out.

    Args:
        points: The points; all columns are filled.
        known: The series that they go to. None when it has no points yet.
    """

    def __init__(self, points: pb.MetricPoints, known: Known | None) -> None:
        self._points = points
        self._new: list[int] = []
        self._doubtful: dict[Identity, int] = {}
        seen: set[Identity] = set()
        values = np.array(points.values, np.float64)
        rows = zip(points.steps, points.timestamps_ms, _identity_bits(values).tolist(), strict=True)
        for index, point in enumerate(rows):
            if point in seen:
                continue
            seen.add(point)
            stored = _stored(point, points.values[index], known) if known is not None else False
            if stored is None:
                self._doubtful[point] = index
            elif not stored:
                self._new.append(index)

    def doubts(self) -> Doubts | None:
        """The points of which only stored points tell whether they are new; None where there are none."""
        return Doubts(self._doubtful) if self._doubtful else None

    def left(self, doubts: Doubts | None) -> pb.MetricPoints:
        """The points that are new, in their order, once doubts are settled."""
        indices = self._new
        if doubts is not None:
            indices = sorted([*indices, *(self._doubtful[point] for point in doubts.open)])
        points = self._points
        return pb.MetricPoints(
            key=points.key,
            steps=[points.steps[index] for index in indices],
            timestamps_ms=[points.timestamps_ms[index] for index in indices],
            values=[points.values[index] for index in indices],
        )


def _stored(point: Identity, value: float, known: Known) -> bool | None:
    """Whether a series has a point; None when it may."""
    summary = known.summary
    step, time_ms, _ = point
    if known.high_time_ms is not None and time_ms > known.high_time_ms:
        return False
    if (step, time_ms, rank_of(value)) > last_place(summary):
        return False
    if (step, time_ms) < (summary.first_step, summary.first_timestamp_ms):
        return False
    ends = (
        (summary.last_step, summary.last_timestamp_ms, summary.last),
        (summary.first_step, summary.first_timestamp_ms, summary.first),
    )
    return True if point in [(*place, _bits(end)) for *place, end in ends] else None


class Doubts:
    """Points of one series of which is open whether it has them. What finds them in its chunks strikes them out.

    Args:
        points: At least one point.
    """

    def __init__(self, points: Collection[Identity]) -> None:
        self.open = set(points)
        """Those that were not found."""
        self._steps = np.sort(np.array([step for step, _, _ in points], np.int64))
        self._times_ms = np.sort(np.array([time_ms for _, time_ms, _ in points], np.int64))

    def may_have(self, summaries: Summaries) -> NDArray[np.bool_]:
        """Which chunks may have one of the points."""
        by_step = _any_within(self._steps, summaries["first_step"], summaries["last_step"])
        return by_step & _any_within(self._times_ms, summaries["low_time_ms"], summaries["high_time_ms"])

    def strike(self, points: Points) -> None:
        """Takes out those of the points that these stored ones are."""
        near = (points.steps >= self._steps[0]) & (points.steps <= self._steps[-1])
        near &= (points.times_ms >= self._times_ms[0]) & (points.times_ms <= self._times_ms[-1])
        self.open.difference_update(_identities(points.take(near.nonzero()[0])))


def _any_within(column: Integers, lows: Integers, highs: Integers) -> NDArray[np.bool_]:
    """Whether any element of a sorted column lies in each of some ranges."""
    found: NDArray[np.bool_] = np.searchsorted(column, lows) < np.searchsorted(column, highs, side="right")
    return found


def _identities(points: Points) -> Iterable[Identity]:
    return zip(points.steps.tolist(), points.times_ms.tolist(), _identity_bits(points.values).tolist(), strict=True)


def _identity_bits(values: NDArray[np.float64]) -> Integers:
    return np.where(np.isnan(values), np.int64(_NAN_BITS), values.view(np.int64))


def _bits(value: float) -> int:
    if math.isnan(value):
        return _NAN_BITS
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits
