"""Summaries of series while points are added. `metric.proto` has the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

from milepost import v1 as pb
from milepost_server.storage.sql.values import sortable


def extend(
    summary: pb.MetricSummary, steps: Sequence[int], timestamps_ms: Sequence[int], values: Sequence[float]
) -> None:
    """Brings a summary up to date with further points, in their order. The columns have one length."""
    last = first = None
    if summary.count:
        last = (summary.last_step, summary.last_timestamp_ms, _rank(summary.last)), summary.last
        first = (summary.first_step, summary.first_timestamp_ms), summary.first
    least = (summary.min, summary.min_step) if summary.HasField("min") else None
    most = (summary.max, summary.max_step) if summary.HasField("max") else None
    nan_count = 0
    for step, time_ms, value in zip(steps, timestamps_ms, values, strict=True):
        place = step, time_ms, _rank(value)
        if last is None or place > last[0]:
            last = place, value
        if first is None or place[:2] < first[0]:
            first = (step, time_ms), value
        if math.isnan(value):
            nan_count += 1
            continue
        if least is None or value < least[0]:
            least = value, step
        if most is None or value > most[0]:
            most = value, step
    summary.count += len(values)
    summary.nan_count += nan_count
    if last is not None and first is not None:
        (summary.last_step, summary.last_timestamp_ms, _), summary.last = last
        (summary.first_step, summary.first_timestamp_ms), summary.first = first
    if least is not None and most is not None:
        summary.min, summary.min_step = least
        summary.max, summary.max_step = most


def _rank(value: float) -> float:
    """Where a value stands among those of one step and time: NaN counts as 0."""
    return 0.0 if math.isnan(value) else value


def sortable_columns(summary: pb.MetricSummary) -> dict[str, int | float | None]:
    """The columns of `series` by which a summary is searched and sorted."""
    columns: dict[str, int | float | None] = {}
    columns["last_kind"], columns["last_value"] = sortable(summary.last)
    columns["first_kind"], columns["first_value"] = sortable(summary.first)
    known = summary.HasField("min")
    columns["min_kind"], columns["min_value"] = sortable(summary.min) if known else (None, None)
    columns["max_kind"], columns["max_value"] = sortable(summary.max) if known else (None, None)
    return columns
