"""The points of a run as a server has them, against those of a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from milepost.client import Client
from milepost.migration.source import Points
from milepost.migration.tally import Tally


def stored_points(client: Client, run_id: str) -> Iterator[Points]:
    """All points of a run, in pieces."""
    for history in client.metrics.stream_history(run_id):
        codes = numpy.zeros(len(history), numpy.intp)
        yield Points(run_id, [history.key], codes, history.steps, history.timestamps_ms, history.values)


def stored_tally(client: Client, run_id: str) -> Tally:
    """Number and digest of all points of a run."""
    tally = Tally()
    for points in stored_points(client, run_id):
        tally.add(points)
    return tally


def first_difference(client: Client, run_id: str, points: Iterator[Points]) -> tuple[str, str, str]:
    """The metric that differs first by key, and its first point that differs, as the source and the server have it."""
    source, stored = _by_key(points), _by_key(stored_points(client, run_id))
    for key in sorted({*source, *stored}):
        left, right = source.get(key, _NONE), stored.get(key, _NONE)
        for place in range(max(len(left), len(right))):
            expected, found = _shown(left, place), _shown(right, place)
            if expected != found:
                return f"metrics.{key}", expected, found
    return "metrics", "other points when it was read first", "the same points"


_TYPE = [("step", numpy.int64), ("time", numpy.int64), ("value", numpy.float64)]
_NONE: Any = numpy.empty(0, _TYPE)


def _by_key(points: Iterator[Points]) -> dict[str, Any]:
    pieces: dict[str, list[Any]] = {}
    for piece in points:
        for series in piece.series():
            rows = numpy.empty(len(series.values), _TYPE)
            rows["step"], rows["time"], rows["value"] = series.steps, series.timestamps_ms, series.values
            pieces.setdefault(series.key, []).append(rows)
    return {key: numpy.sort(numpy.concatenate(rows)) for key, rows in pieces.items()}


def _shown(rows: Any, place: int) -> str:
    if place >= len(rows):
        return "nothing"
    step, time, value = rows[place].tolist()
    return f"{value!r} at step {step}, {time} ms"
