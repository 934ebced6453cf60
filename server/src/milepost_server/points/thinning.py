"""Series thinned for charts: buckets of a common axis, or pieces of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost_server.points.buckets import Axis, Buckets, Offsets
from milepost_server.points.columns import Integers, Points
from milepost_server.points.segments import Indices, best, best_value, joined, rank, rising_within, run_starts
from milepost_server.points.summary import Summaries
from milepost_server.points.wire import split_fixed

_FIRST_COLUMN = pb.MetricSeries.BUCKETS_FIELD_NUMBER
# Of the points that come to these, the first in order of arrival counts where others are equal: hence their sequences.
_END = np.dtype([("position", "i8"), ("step", "i8"), ("time_ms", "i8"), ("value", "f8"), ("sequence", "i8")])
_PEAK = np.dtype([("position", "i8"), ("value", "f8"), ("sequence", "i8")])
_PIECE = np.dtype(
    [
        ("cell", "i8"),
        ("count", "i8"),
        ("first", _END),
        ("last", _END),
        ("min", _PEAK),
        ("max", _PEAK),
    ]
)
"""Some points of one series in one bucket, its cell. `min` and `max` are NaN, at any position, where every value is.
Sequences are those of the chunks that the points came in."""

# Points in no order make a piece for each chunk and bucket; beyond this many, those of one cell are joined.
_MOST_PIECES = 500_000

Pieces: TypeAlias = NDArray[np.void]


class Thinner:
    """Series cut into common buckets. Takes their points part by part, in any order of parts, and keeps only pieces.

    Args:
        axis: What positions are: of each series, or of all.
        buckets: The buckets.
    """

    def __init__(self, axis: Axis, buckets: Buckets) -> None:
        self._axis = axis
        self._buckets = buckets
        self._parts: list[Pieces] = []
        self._pieces = 0
        self._most_pieces = _MOST_PIECES

    def add_summaries(self, summaries: Summaries, series: Indices, sequences: Integers) -> None:
        """Takes chunks that lie inside one bucket each (`Place.INSIDE`) by their summaries.

        Args:
            summaries: Summaries of the chunks.
            series: Index of the series of each chunk.
            sequences: Number of the first point of each chunk in order of arrival.
        """
        axis = self._axis.at(series)
        pieces = np.empty(len(summaries), _PIECE)
        pieces["cell"] = self._cells(self._buckets.offsets(axis.lows(summaries)), series)
        pieces["count"] = summaries["count"]
        for name in ("first", "last", "min", "max"):
            some, step, time_ms = pieces[name], summaries[f"{name}_step"], summaries[f"{name}_time_ms"]
            some["position"] = axis.of(step, time_ms)
            some["value"], some["sequence"] = summaries[name], sequences
            if some.dtype == _END:
                some["step"], some["time_ms"] = step, time_ms
        self._add(pieces)

    def add_points(self, points: Points, series: Indices, sequences: Integers, counts: Integers) -> None:
        """Takes points of chunks, in their stored order. Those that are not of interest are left out.

        Args:
            points: The points of all these chunks.
            series: Index of the series of each chunk.
            sequences: Number of the first point of each chunk in order of arrival.
            counts: Number of points of each chunk, none of them 0.
        """
        begins = np.cumsum(counts) - counts
        # Chunks of a series that follow each other are as one: no other can have arrived between them.
        apart = joined(run_starts(sequences - begins), run_starts(series))
        begins, series, sequences = begins[apart], series[apart], sequences[apart]
        positions = self._positions(points, series, begins)
        kept = self._kept(positions)
        if kept is not None:
            points, positions, begins = points.take(kept), positions[kept], np.searchsorted(kept, begins)
        if not len(points):
            return
        offsets = self._buckets.offsets(positions)
        rises = rising_within(positions, begins)
        if not rises:
            runs = np.searchsorted(begins, np.arange(len(points)), side="right")
            order = np.lexsort((self._buckets.of_offsets(offsets), runs))
            points, positions, offsets = points.take(order), positions[order], offsets[order]
        starts = joined(begins[begins < len(points)], run_starts(self._buckets.of_offsets(offsets)))
        runs = np.searchsorted(begins, starts, side="right") - 1
        pieces = _pieces(positions, points, starts, sequences[runs], rises=rises)
        pieces["cell"] = self._cells(offsets[starts], series[runs])
        self._add(pieces)

    def fill(self, messages: Sequence[pb.MetricSeries]) -> None:
        """Appends the buckets that have points to the columns of a message for each series."""
        found = _merged(np.concatenate([np.empty(0, _PIECE), *self._parts]))
        series, buckets = np.divmod(found["cell"], self._buckets.count)
        columns = [buckets.astype("u4"), found["count"]]
        for name in ("first", "last", "min", "max"):
            columns += [found[name]["position"], found[name]["value"]]
        bounds = np.searchsorted(series, np.arange(len(messages) + 1)).tolist()
        for message, data in zip(messages, split_fixed(_FIRST_COLUMN, columns, bounds), strict=True):
            message.MergeFromString(data)

    def _positions(self, points: Points, series: Indices, begins: Indices) -> Integers:
        if self._axis.origins_ms is None:
            return points.steps
        return self._axis.at(np.repeat(series, np.diff(begins, append=len(points)))).positions(points)

    def _kept(self, positions: Integers) -> Indices | None:
        """Which positions are of interest; None for all."""
        if positions.min() >= self._buckets.start and positions.max() <= self._buckets.end:
            return None
        return np.flatnonzero((positions >= self._buckets.start) & (positions <= self._buckets.end))

    def _cells(self, offsets: Offsets, series: Indices) -> Integers:
        return self._buckets.of_offsets(offsets).astype(np.int64) + series * self._buckets.count

    def _add(self, pieces: Pieces) -> None:
        self._parts.append(pieces)
        self._pieces += len(pieces)
        if self._pieces > self._most_pieces:
            self._parts = [_merged(np.concatenate(self._parts))]
            self._pieces = len(self._parts[0])
            self._most_pieces = self._pieces + _MOST_PIECES


def _pieces(positions: Integers, points: Points, starts: Indices, sequences: Integers, *, rises: bool) -> Pieces:
    """What runs of points come to, but for the cell. `rises` says that positions never decrease within a run."""
    steps, times, values = points.steps, points.times_ms, points.values
    ends = np.append(starts[1:], len(points)) - 1
    first, last = starts, ends
    ordered = rises and all(column is positions or rising_within(column, starts) for column in (steps, times))
    if not ordered:
        first = best([positions, steps, times], starts, "least")
    if not ordered or _any_twin(steps, times, starts, ends):
        last = best([positions, steps, times, rank(values)], starts, "greatest")
    pieces = np.empty(len(starts), _PIECE)
    pieces["count"] = ends - starts + 1
    least, most = best_value(values, starts, "least"), best_value(values, starts, "greatest")
    for name, rows in (("first", first), ("last", last), ("min", least), ("max", most)):
        some = pieces[name]
        some["position"], some["value"], some["sequence"] = positions[rows], values[rows], sequences
        if some.dtype == _END:
            some["step"], some["time_ms"] = steps[rows], times[rows]
    return pieces


def _any_twin(steps: Integers, times: Integers, starts: Indices, ends: Indices) -> bool:
    """Whether the last two points of any run have the same step and time."""
    ends = ends[ends > starts]
    return bool(((steps[ends] == steps[ends - 1]) & (times[ends] == times[ends - 1])).any())


def _merged(pieces: Pieces) -> Pieces:
    """One piece for each cell, in their order."""
    if np.count_nonzero(pieces["cell"][1:] < pieces["cell"][:-1]):
        pieces = pieces[np.argsort(pieces["cell"], kind="stable")]
    if np.count_nonzero(pieces["cell"][1:] == pieces["cell"][:-1]):
        pieces = _one_each(pieces)
    nothing = np.isnan(pieces["min"]["value"])
    for name in ("min", "max"):
        pieces[name]["position"][nothing] = pieces["first"]["position"][nothing]
    return pieces


def _one_each(pieces: Pieces) -> Pieces:
    """One piece for each cell, of pieces in order of cells."""
    starts = run_starts(pieces["cell"])
    first, last, low, high = (pieces[name] for name in ("first", "last", "min", "max"))
    nan = np.isnan(low["value"])
    place = ("position", "step", "time_ms")
    # The complement turns the order round: of equal ones the first to arrive.
    rows = {
        "first": best([*(first[key] for key in place), first["sequence"]], starts, "least"),
        "last": best([*(last[key] for key in place), rank(last["value"]), ~last["sequence"]], starts, "greatest"),
        "min": best([nan, rank(low["value"]), low["sequence"]], starts, "least"),
        "max": best([~nan, rank(high["value"]), ~high["sequence"]], starts, "greatest"),
    }
    merged = np.empty(len(starts), _PIECE)
    merged["cell"] = pieces["cell"][starts]
    merged["count"] = np.add.reduceat(pieces["count"], starts)
    for name, chosen in rows.items():
        merged[name] = pieces[name][chosen]
    return merged


def thin(points: Points, most: int) -> tuple[Points, int]:
    """A series thinned to about `most` points, and how many were left out.

    The points are cut into pieces of equal number in their order, and of each piece the first, the last, the smallest
    and the greatest are kept.
    """
    if len(points) <= most:
        return points, 0
    pieces = max(most // 4, 1)
    starts = np.arange(pieces) * len(points) // pieces
    ends = np.append(starts[1:], len(points)) - 1
    least, greatest = (best_value(points.values, starts, choice) for choice in ("least", "greatest"))
    kept = np.unique(np.concatenate((starts, ends, least, greatest)))
    return points.take(kept), len(points) - len(kept)
