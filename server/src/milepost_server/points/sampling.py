"""A series sampled: some of its points, evenly spread, with its ends and its peaks."""

from __future__ import annotations

import numpy as np

from milepost_server.points.columns import Integers, Points
from milepost_server.points.segments import Choice, Indices, best_value, rank, run_starts
from milepost_server.points.summary import Summaries


def in_step_order(points: Points) -> Points:
    """Points in order of step, time and value, where NaN counts as 0; those that are equal in all stay as they are."""
    steps, times = points.steps, points.times_ms
    same = steps[1:] == steps[:-1]
    if not np.count_nonzero((steps[1:] < steps[:-1]) | (same & (times[1:] <= times[:-1]))):
        return points
    return points.take(np.lexsort((rank(points.values), times, steps)))


class Sampler:
    """At most some points of a series: the first, the last, and the least and greatest value of stretches between.

    Stretches have equal numbers of points in order of step and time, so that many points at one step are spread over
    their times. Takes the points part by part; each knows how many there are before it.

    Args:
        count: Points of the series, more than `most`.
        most: Most points to choose, at least 1.
    """

    def __init__(self, count: int, most: int) -> None:
        self._count = count
        self._most = most
        self._stretches = max((most - 2) // 2, 1)
        self._parts: dict[Choice, list[tuple[Integers, Points]]] = {"least": [], "greatest": []}

    def whole(self, begins: Integers, counts: Integers) -> Indices:
        """Which parts lie in one stretch each, so that `add_summaries` will do for them.

        Args:
            begins: Points before each part.
            counts: Points of each.
        """
        return np.flatnonzero(self._stretch(begins) == self._stretch(begins + counts - 1))

    def add_summaries(self, summaries: Summaries, begins: Integers) -> None:
        """Takes parts by their summaries."""
        stretches = self._stretch(begins)
        for parts, name in zip(self._parts.values(), ("min", "max"), strict=True):
            columns = (summaries[f"{name}_step"], summaries[f"{name}_time_ms"], summaries[name])
            parts.append((stretches, Points(*(np.ascontiguousarray(column) for column in columns))))

    def add_points(self, points: Points, begin: int) -> None:
        """Takes a part whose points are `in_step_order`."""
        first, last = self._stretch(np.array([begin, begin + len(points) - 1])).tolist()
        stretches = np.arange(first, last + 1)
        # A stretch begins with the first point whose number makes the quotient that of the stretch.
        starts = np.maximum(-(-stretches * self._count // self._stretches) - begin, 0)
        for choice, parts in self._parts.items():
            parts.append((stretches, points.take(best_value(points.values, starts, choice))))

    def result(self, first: Points, last: Points) -> Points:
        """The points, `in_step_order`, each once.

        Args:
            first: The first point of the series.
            last: The last one, the only one that is returned when there can be one only.
        """
        if self._most == 1:
            return last
        chosen = [first, last]
        if self._most > 3:
            chosen += [_best(parts, choice) for choice, parts in self._parts.items()]
        points = Points.concatenate(chosen)
        bits = points.values.view(np.int64)
        order = np.lexsort((bits, rank(points.values), points.times_ms, points.steps))
        points, bits = points.take(order), bits[order]
        new = np.ones(len(points), np.bool_)
        for column in (points.steps, points.times_ms, bits):
            new[1:] &= column[1:] == column[:-1]
        new[1:] = ~new[1:]
        return points.take(new.nonzero()[0])

    def _stretch(self, begins: Integers) -> Integers:
        """The stretch of points, given by the number of those before each."""
        return begins * self._stretches // self._count


def _best(parts: list[tuple[Integers, Points]], choice: Choice) -> Points:
    """The best point of each stretch, of those of the parts."""
    stretches = np.concatenate([numbers for numbers, _ in parts])
    points = Points.concatenate([candidates for _, candidates in parts])
    order = np.argsort(stretches, kind="stable")
    points = points.take(order)
    return points.take(best_value(points.values, run_starts(stretches[order]), choice))
