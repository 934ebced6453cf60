"""The first points of a series in order of time, found without sorting all of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from milepost_server.points.columns import Integers, Points
from milepost_server.points.segments import rank


@dataclass(frozen=True, slots=True)
class TimePlace:
    """Where a point stands in the order of time, step, value (NaN counts as 0) and arrival.

    Args:
        time_ms: Its time.
        step: Its step.
        rank: Its value, or 0 for NaN.
        sequence: Its number in order of arrival.
    """

    time_ms: int
    step: int
    rank: float
    sequence: int


class Earliest:
    """The first points behind a place in order of time. Takes points part by part, and keeps twice as many at most.

    Args:
        limit: How many, at least 1.
        after: The place. None: from the beginning.
        end: Points from this number on in order of arrival do not count.
    """

    def __init__(self, limit: int, after: TimePlace | None, end: int) -> None:
        self.low_time_ms = -(2**63) if after is None else after.time_ms
        """No point with an earlier time is among them."""
        self._limit = limit
        self._after = after
        self._end = end
        self._parts: list[Points] = []
        self._sequences: list[Integers] = []
        self._count = 0
        self._latest: int | None = None

    def add(self, points: Points, sequence: int) -> None:
        """Takes points that follow each other in order of arrival, the first of which has a number."""
        sequences = np.arange(sequence, sequence + len(points))
        wanted = self._wanted(points, sequences)
        if not wanted.all():
            points, sequences = points.take(wanted.nonzero()[0]), sequences[wanted]
        if not len(points):
            return
        self._parts.append(points)
        self._sequences.append(sequences)
        self._count += len(points)
        if self._count > 2 * self._limit:
            self._trim()

    def complete(self, low_time_ms: int) -> bool:
        """Whether no point from a time on can be among them."""
        if self._count < self._limit:
            return False
        return sum(int(np.count_nonzero(part.times_ms < low_time_ms)) for part in self._parts) >= self._limit

    def result(self) -> tuple[Points, Integers]:
        """The points in their order, and the number of each in order of arrival."""
        points, sequences = self._joined()
        if not _in_order(points, sequences):
            order = np.lexsort((sequences, rank(points.values), points.steps, points.times_ms))[: self._limit]
            return points.take(order), sequences[order]
        return points.slice(0, self._limit), sequences[: self._limit]

    def _joined(self) -> tuple[Points, Integers]:
        return Points.concatenate(self._parts), np.concatenate([np.empty(0, np.int64), *self._sequences])

    def _trim(self) -> None:
        """Drops points that are behind the limit."""
        times = np.concatenate([part.times_ms for part in self._parts])
        self._latest = int(np.partition(times, self._limit - 1)[self._limit - 1])
        points, sequences = self._joined()
        kept = np.flatnonzero(times <= self._latest)
        points, sequences = points.take(kept), sequences[kept]
        if len(points) > 2 * self._limit:
            # Many of one time.
            self._parts, self._sequences = [points], [sequences]
            points, sequences = self.result()
        self._parts, self._sequences, self._count = [points], [sequences], len(points)

    def _wanted(self, points: Points, sequences: Integers) -> NDArray[np.bool_]:
        times = points.times_ms
        wanted: NDArray[np.bool_] = sequences < self._end
        if self._latest is not None:
            wanted &= times <= self._latest
        after = self._after
        if after is not None:
            wanted &= times >= after.time_ms
            same = np.flatnonzero(wanted & (times == after.time_ms))
            if len(same):
                columns = (points.steps[same], rank(points.values[same]), sequences[same])
                wanted[same] = _greater(columns, (after.step, after.rank, after.sequence))
        return wanted


def _greater(
    columns: tuple[NDArray[np.int64] | NDArray[np.float64], ...], place: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Which rows are greater than a row, comparing column after column."""
    greater = np.zeros(len(columns[0]), np.bool_)
    for column, bound in zip(reversed(columns), reversed(place), strict=True):
        greater = (column > bound) | ((column == bound) & greater)
    return greater


def _in_order(points: Points, sequences: Integers) -> bool:
    if not len(points):
        return True
    times, steps, ranks = points.times_ms, points.steps, rank(points.values)
    later = np.ones(len(points) - 1, np.bool_)
    for column in (sequences, ranks, steps, times):
        later = (column[1:] > column[:-1]) | ((column[1:] == column[:-1]) & later)
    return bool(later.all())
