"""Series thinned for charts: buckets of a common axis, or pieces of equal length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from milepost import v1 as pb
from milepost_server.points.buckets import Axis, Buckets, Offsets
from milepost_server.points.columns import Integers, Points
from milepost_server.points.segments import Column, Indices, best, best_value, joined, rank, rising_within, run_starts
from milepost_server.points.summary import Summaries
from milepost_server.points.wire import split_fixed

_FIRST_COLUMN = pb.MetricSeries.BUCKETS_FIELD_NUMBER

Pieces: TypeAlias = dict[str, Column]
"""Columns of pieces: some points of one series in one bucket, its `cell`, with their `count`. `first` and `last` have
`_position`, `_step`, `_time_ms`, `_value` and `_sequence`, `min` and `max` all but step and time. Sequences are those
of the chunks that the points came in: of equal points the first to arrive counts. `min` and `max` are NaN, at any
position, where every value is."""

_ENDS, _PEAKS = ("first", "last"), ("min", "max")
_SHOWN = ("count", *(f"{name}_{part}" for name in (*_ENDS, *_PEAKS) for part in ("position", "value")))
# Points in no order make a piece for each chunk and bucket; beyond this many, those of one cell are joined.
_MOST_PIECES = 500_000


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
        pieces: Pieces = {
            "cell": self._cells(self._buckets.offsets(axis.lows(summaries)), series),
            "count": summaries["count"],
        }
        for name in (*_ENDS, *_PEAKS):
            step, time_ms = summaries[f"{name}_step"], summaries[f"{name}_time_ms"]
            pieces[f"{name}_position"] = axis.of(step, time_ms)
            pieces[f"{name}_value"], pieces[f"{name}_sequence"] = summaries[name], sequences
            if name in _ENDS:
                pieces[f"{name}_step"], pieces[f"{name}_time_ms"] = step, time_ms
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
        if not self._parts:
            return
        found = _merged(self._parts, _SHOWN)
        series, buckets = np.divmod(found["cell"], self._buckets.count)
        columns = [buckets.astype("u4"), *(found[name] for name in _SHOWN)]
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
        if not len(pieces["cell"]):
            return
        self._parts.append(pieces)
        self._pieces += len(pieces["cell"])
        if self._pieces > self._most_pieces:
            self._parts = [_merged(self._parts, self._parts[0])]
            self._pieces = len(self._parts[0]["cell"])
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
    least, most = best_value(values, starts, "least"), best_value(values, starts, "greatest")
    pieces: Pieces = {"count": ends - starts + 1}
    for name, rows in zip((*_ENDS, *_PEAKS), (first, last, least, most), strict=True):
        pieces[f"{name}_position"], pieces[f"{name}_value"] = positions[rows], values[rows]
        pieces[f"{name}_sequence"] = sequences
        if name in _ENDS:
            pieces[f"{name}_step"], pieces[f"{name}_time_ms"] = steps[rows], times[rows]
    return pieces


def _any_twin(steps: Integers, times: Integers, starts: Indices, ends: Indices) -> bool:
    """Whether the last two points of any run have the same step and time."""
    ends = ends[ends > starts]
    return bool(((steps[ends] == steps[ends - 1]) & (times[ends] == times[ends - 1])).any())


def _merged(parts: Sequence[Pieces], names: Iterable[str]) -> Pieces:
    """One piece for each cell, in their order, with at least the columns named."""
    cells = np.concatenate([part["cell"] for part in parts])
    rises = not np.count_nonzero(cells[1:] <= cells[:-1])
    pieces = {name: np.concatenate([part[name] for part in parts]) for name in (names if rises else parts[0])}
    pieces["cell"] = cells
    if not rises:
        order = np.argsort(cells, kind="stable")
        pieces = _one_each({name: column[order] for name, column in pieces.items()})
    nothing = np.flatnonzero(np.isnan(pieces["min_value"]))
    for name in _PEAKS:
        pieces[f"{name}_position"][nothing] = pieces["first_position"][nothing]
    return pieces


def _one_each(pieces: Pieces) -> Pieces:
    """One piece for each cell, of pieces in order of cells."""
    starts = run_starts(pieces["cell"])
    nan = np.isnan(pieces["min_value"])
    places = {name: [pieces[f"{name}_{part}"] for part in ("position", "step", "time_ms")] for name in _ENDS}
    # The complement turns the order round: of equal ones the first to arrive.
    first_arrived = {name: pieces[f"{name}_sequence"] for name in ("first", "min")}
    first_arrived |= {name: ~pieces[f"{name}_sequence"] for name in ("last", "max")}
    chosen = {
        "first": best([*places["first"], first_arrived["first"]], starts, "least"),
        "last": best([*places["last"], rank(pieces["last_value"]), first_arrived["last"]], starts, "greatest"),
        "min": best([nan, rank(pieces["min_value"]), first_arrived["min"]], starts, "least"),
        "max": best([~nan, rank(pieces["max_value"]), first_arrived["max"]], starts, "greatest"),
    }
    merged = {"cell": pieces["cell"][starts], "count": np.add.reduceat(pieces["count"], starts)}
    for name, column in pieces.items():
        if name not in merged:
            merged[name] = column[chosen[name.partition("_")[0]]]
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
