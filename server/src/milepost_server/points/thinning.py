"""Series thinned for charts: buckets of a common axis, or pieces of equal length."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost_server.points.buckets import Axis, Buckets
from milepost_server.points.columns import Integers, Points
from milepost_server.points.segments import Indices, best, best_value, rank, rising, run_starts
from milepost_server.points.summary import Summaries
from milepost_server.points.wire import packed_fixed

_FIRST_COLUMN = pb.MetricSeries.BUCKETS_FIELD_NUMBER
_END = np.dtype([("position", "i8"), ("step", "i8"), ("time_ms", "i8"), ("value", "f8")])
_PEAK = np.dtype([("position", "i8"), ("value", "f8")])
_PIECE = np.dtype(
    [
        ("bucket", "i8"),
        ("sequence", "i8"),
        ("count", "i8"),
        ("first", _END),
        ("last", _END),
        ("min", _PEAK),
        ("max", _PEAK),
    ]
)
"""The points of one chunk in one bucket. `min` and `max` are NaN, at any position, where every value is."""

Pieces: TypeAlias = NDArray[np.void]


class Thinner:
    """One series cut into buckets. Takes its points part by part, in any order of parts, and keeps only pieces.

    Args:
        axis: What positions are.
        buckets: The buckets.
    """

    def __init__(self, axis: Axis, buckets: Buckets) -> None:
        self._axis = axis
        self._buckets = buckets
        self._parts: list[Pieces] = []

    def add_summaries(self, summaries: Summaries, sequences: Integers) -> None:
        """Takes chunks that lie inside one bucket each (`Place.INSIDE`) by their summaries.

        Args:
            summaries: Summaries of the chunks.
            sequences: Number of the first point of each chunk in order of arrival.
        """
        axis = self._axis
        pieces = np.empty(len(summaries), _PIECE)
        pieces["bucket"] = self._buckets.of_offsets(self._buckets.offsets(axis.lows(summaries)))
        pieces["sequence"] = sequences
        pieces["count"] = summaries["count"]
        for name in ("first", "last"):
            end, step, time_ms = pieces[name], summaries[f"{name}_step"], summaries[f"{name}_time_ms"]
            end["position"] = axis.of(step, time_ms)
            end["step"], end["time_ms"], end["value"] = step, time_ms, summaries[name]
        for name in ("min", "max"):
            pieces[name]["position"] = axis.of(summaries[f"{name}_step"], summaries[f"{name}_time_ms"])
            pieces[name]["value"] = summaries[name]
        self._parts.append(pieces)

    def add_points(self, points: Points, sequences: Integers, counts: Integers) -> None:
        """Takes points of one or more chunks, in their stored order. Those that are not of interest are left out.

        Args:
            points: The points of all these chunks.
            sequences: Number of the first point of each chunk in order of arrival.
            counts: Number of points of each chunk, none of them 0.
        """
        positions = self._axis.positions(points)
        rises = rising(positions)
        begins = np.cumsum(counts) - counts
        # Chunks that follow each other are as one: no other can have arrived between them.
        apart = run_starts(sequences - begins)
        begins, sequences = begins[apart], sequences[apart]
        low, high = positions[0 if rises else positions.argmin()], positions[-1 if rises else positions.argmax()]
        if low < self._buckets.start or high > self._buckets.end:
            kept = np.flatnonzero((positions >= self._buckets.start) & (positions <= self._buckets.end))
            if not len(kept):
                return
            points, positions, begins = points.take(kept), positions[kept], np.searchsorted(kept, begins)
        offsets = self._buckets.offsets(positions)
        if rises:
            changes = self._changes(offsets)
        else:
            numbers = self._buckets.of_offsets(offsets)
            order = np.lexsort((numbers, np.searchsorted(begins, np.arange(len(points)), side="right")))
            points, positions, offsets = points.take(order), positions[order], offsets[order]
            changes = run_starts(numbers[order])
        starts = np.sort(np.concatenate((begins[begins < len(points)], changes)))
        starts = starts[run_starts(starts)]
        pieces = _pieces(positions, points, starts, rises)
        pieces["bucket"] = self._buckets.of_offsets(offsets[starts])
        pieces["sequence"] = sequences[np.searchsorted(begins, starts, side="right") - 1]
        self._parts.append(pieces)

    def _changes(self, offsets: NDArray[np.uint64]) -> Indices:
        """Where buckets begin in offsets that never decrease. Some may be told twice, and the first left out."""
        width = self._buckets.width
        first, last = int(offsets[0]) // width, int(offsets[-1]) // width
        if last - first < len(offsets):
            return np.searchsorted(offsets, np.arange(first + 1, last + 1, dtype=np.uint64) * np.uint64(width))
        return run_starts(offsets // np.uint64(width))

    def fill(self, message: pb.MetricSeries) -> None:
        """Appends the buckets that have points to the columns of a message."""
        if not self._parts:
            return
        found = _merged(np.concatenate(self._parts))
        columns = [found["bucket"].astype("<u4"), found["count"]]
        for name in ("first", "last", "min", "max"):
            columns += [found[name]["position"], found[name]["value"]]
        parts = [packed_fixed(field, column) for field, column in enumerate(columns, _FIRST_COLUMN)]
        message.MergeFromString(b"".join(parts))


def _pieces(positions: Integers, points: Points, starts: Indices, rises: bool) -> Pieces:
    """What each run of points comes to, without bucket and sequence. `rises` says that positions never decrease."""
    steps, times, values = points.steps, points.times_ms, points.values
    ends = np.append(starts[1:], len(points)) - 1
    first, last = starts, ends
    ordered = rises and all(column is positions or rising(column) for column in (steps, times))
    if not ordered:
        first = best([positions, steps, times], starts, "least")
    if not ordered or _any_twin(steps, times, starts, ends):
        last = best([positions, steps, times, rank(values)], starts, "greatest")
    pieces = np.empty(len(starts), _PIECE)
    pieces["count"] = ends - starts + 1
    for name, rows in (("first", first), ("last", last)):
        end = pieces[name]
        end["position"], end["step"], end["time_ms"] = positions[rows], steps[rows], times[rows]
        end["value"] = values[rows]
    for name, rows in (("min", best_value(values, starts, "least")), ("max", best_value(values, starts, "greatest"))):
        pieces[name]["position"], pieces[name]["value"] = positions[rows], values[rows]
    return pieces


def _any_twin(steps: Integers, times: Integers, starts: Indices, ends: Indices) -> bool:
    """Whether the last two points of any run have the same step and time."""
    ends = ends[ends > starts]
    return bool(((steps[ends] == steps[ends - 1]) & (times[ends] == times[ends - 1])).any())


def _merged(pieces: Pieces) -> Pieces:
    """One piece for each bucket, in their order."""
    if np.count_nonzero(pieces["bucket"][1:] <= pieces["bucket"][:-1]):
        pieces = _one_each(pieces[np.lexsort((pieces["sequence"], pieces["bucket"]))])
    nothing = np.isnan(pieces["min"]["value"])
    for name in ("min", "max"):
        pieces[name]["position"][nothing] = pieces["first"]["position"][nothing]
    return pieces


def _one_each(pieces: Pieces) -> Pieces:
    """One piece for each bucket, of pieces in order of buckets and arrival."""
    starts = run_starts(pieces["bucket"])
    first, last = pieces["first"], pieces["last"]
    keys = ("position", "step", "time_ms")
    merged = np.empty(len(starts), _PIECE)
    merged["bucket"] = pieces["bucket"][starts]
    merged["count"] = np.add.reduceat(pieces["count"], starts)
    merged["first"] = first[best([first[key] for key in keys], starts, "least")]
    merged["last"] = last[best([*(last[key] for key in keys), rank(last["value"])], starts, "greatest")]
    merged["min"] = pieces["min"][best_value(pieces["min"]["value"], starts, "least")]
    merged["max"] = pieces["max"][best_value(pieces["max"]["value"], starts, "greatest")]
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
