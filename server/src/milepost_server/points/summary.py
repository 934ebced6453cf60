"""What points come to: summaries of chunks, and of metrics from them. `metric.proto` has the rules."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost_server.points.columns import Floats, Integers, Points
from milepost_server.points.segments import best, best_value, rank, rising

SUMMARY = np.dtype(
    [
        ("count", "<i8"),
        ("nan_count", "<i8"),
        ("first_step", "<i8"),
        ("first_time_ms", "<i8"),
        ("first", "<f8"),
        ("last_step", "<i8"),
        ("last_time_ms", "<i8"),
        ("last", "<f8"),
        ("min", "<f8"),
        ("min_step", "<i8"),
        ("min_time_ms", "<i8"),
        ("max", "<f8"),
        ("max_step", "<i8"),
        ("max_time_ms", "<i8"),
        ("low_time_ms", "<i8"),
        ("high_time_ms", "<i8"),
        ("ordered", "u1"),
    ]
)
"""Summary of some points, stored as these 129 bytes.

`first`, `last`, `min` and `max` are those of `MetricSummary`; where every value is NaN, `min` and `max` are the first
point. `low_time_ms` and `high_time_ms` are the smallest and greatest time. `ordered` says that neither steps nor times
ever decrease."""

Summaries: TypeAlias = NDArray[np.void]

_PACKED = struct.Struct("<qqqqqqqqqqqqqqqqB")  # floats as their bits
_ALL = np.zeros(1, np.intp)


def summarize(points: Points) -> Summaries:
    """The summary of at least one point, as an array of one `SUMMARY`."""
    steps, times, values = points.steps, points.times_ms, points.values
    ordered = rising(steps) and rising(times)
    if ordered:
        first, last = 0, _last_of_ordered(steps, times, values)
        low_time, high_time = int(times[0]), int(times[-1])
    else:
        first = int(best([steps, times], _ALL, "least")[0])
        last = int(best([steps, times, rank(values)], _ALL, "greatest")[0])
        low_time, high_time = int(times.min()), int(times.max())
    least, most, nan_count = _extremes(values, first)
    rows = [first, last, least, most]
    chosen_steps, chosen_times = steps[rows].tolist(), times[rows].tolist()
    bits = values.view(np.int64)[rows].tolist()
    packed = _PACKED.pack(
        len(points),
        nan_count,
        *(chosen_steps[0], chosen_times[0], bits[0]),
        *(chosen_steps[1], chosen_times[1], bits[1]),
        *(bits[2], chosen_steps[2], chosen_times[2]),
        *(bits[3], chosen_steps[3], chosen_times[3]),
        low_time,
        high_time,
        ordered,
    )
    return np.frombuffer(packed, SUMMARY)


def _last_of_ordered(steps: Integers, times: Integers, values: Floats) -> int:
    end = len(steps)
    if end == 1 or steps[-2] != steps[-1] or times[-2] != times[-1]:
        return end - 1
    begin = max(int(np.searchsorted(steps, steps[-1])), int(np.searchsorted(times, times[-1])))
    return begin + int(rank(values[begin:]).argmax())


def _extremes(values: Floats, first: int) -> tuple[int, int, int]:
    """Indices of the smallest and the greatest value, and how many are NaN. `first` is taken where all are."""
    least = int(values.argmin())  # the first NaN where there is any
    if not math.isnan(values[least]):
        return least, int(values.argmax()), 0
    nan_count = int(np.count_nonzero(np.isnan(values)))
    if nan_count == len(values):
        return first, first, nan_count
    return int(best_value(values, _ALL, "least")[0]), int(best_value(values, _ALL, "greatest")[0]), nan_count


def combine(summaries: Summaries) -> pb.MetricSummary:
    """The summary of a metric from those of all its chunks, at least one, in the order of the chunks."""
    first = last = least = most = 0
    if len(summaries) > 1:
        first = int(best([summaries["first_step"], summaries["first_time_ms"]], _ALL, "least")[0])
        lasts = [summaries["last_step"], summaries["last_time_ms"], rank(summaries["last"])]
        last = int(best(lasts, _ALL, "greatest")[0])
        least = int(best_value(summaries["min"], _ALL, "least")[0])
        most = int(best_value(summaries["max"], _ALL, "greatest")[0])
    summary = pb.MetricSummary()
    summary.count, summary.nan_count = sum(summaries["count"].tolist()), sum(summaries["nan_count"].tolist())
    _, _, summary.first_step, summary.first_timestamp_ms, summary.first, *_ = summaries[first].item()
    _, _, _, _, _, summary.last_step, summary.last_timestamp_ms, summary.last, *_ = summaries[last].item()
    if summary.nan_count < summary.count:
        _, _, _, _, _, _, _, _, summary.min, summary.min_step, *_ = summaries[least].item()
        _, _, _, _, _, _, _, _, _, _, _, summary.max, summary.max_step, *_ = summaries[most].item()
    return summary


def extend(summary: pb.MetricSummary, more: Summaries) -> None:
    """Brings the summary of a metric up to date with chunks that arrived after all it knows, in their order."""
    later = combine(more)
    if not summary.count:
        summary.CopyFrom(later)
        return
    if (later.first_step, later.first_timestamp_ms) < (summary.first_step, summary.first_timestamp_ms):
        summary.first_step, summary.first_timestamp_ms = later.first_step, later.first_timestamp_ms
        summary.first = later.first
    if last_place(later) > last_place(summary):
        summary.last_step, summary.last_timestamp_ms = later.last_step, later.last_timestamp_ms
        summary.last = later.last
    if later.HasField("min"):
        known = summary.HasField("min")
        if not known or later.min < summary.min:
            summary.min, summary.min_step = later.min, later.min_step
        if not known or later.max > summary.max:
            summary.max, summary.max_step = later.max, later.max_step
    summary.count += later.count
    summary.nan_count += later.nan_count


def extend_rows(
    summary: pb.MetricSummary, steps: Sequence[int], times_ms: Sequence[int], values: Sequence[float]
) -> None:
    """Brings the summary of a metric up to date with a few further points, in their order, without numpy.

    The columns have one length.
    """
    last = first = None
    if summary.count:
        last = last_place(summary), summary.last
        first = (summary.first_step, summary.first_timestamp_ms), summary.first
    least = (summary.min, summary.min_step) if summary.HasField("min") else None
    most = (summary.max, summary.max_step) if summary.HasField("max") else None
    nan_count = 0
    for step, time_ms, value in zip(steps, times_ms, values, strict=True):
        place = step, time_ms, rank_of(value)
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


def last_place(summary: pb.MetricSummary) -> tuple[int, int, float]:
    """Step, time and rank of value of the last point: no point has a greater place."""
    return summary.last_step, summary.last_timestamp_ms, rank_of(summary.last)


def rank_of(value: float) -> float:
    """Where a value stands among those of one step and time: NaN counts as 0."""
    return 0.0 if math.isnan(value) else value
