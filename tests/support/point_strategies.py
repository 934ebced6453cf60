"""Hypothesis strategies for metric points, and what they come to, computed point by point."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.points.buckets import Buckets
from milepost_server.points.columns import Points

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

SPECIAL_BITS = (
    0x0000000000000000,  # 0
    0x8000000000000000,  # -0
    0x0000000000000001,  # the smallest
    0x7FEFFFFFFFFFFFFF,  # the greatest
    0x7FF0000000000000,  # infinity
    0xFFF0000000000000,
    0x7FF8000000000000,  # NaN
    0xFFF8000000000000,
    0x7FF0000000000001,  # signalling NaN
    0x7FF8000020000000,  # NaN that is a float32 widened
    0x7FF0000020000000,  # signalling NaN that is one
    0xFFFFFFFFFFFFFFFF,
    0x36A0000000000000,  # the smallest float32
    0x3810000000000000,  # the smallest normal one
    0x47EFFFFFE0000000,  # the greatest one
    0x47EFFFFFF0000000,  # beyond it
)


class Point(NamedTuple):
    """One point, its value as bits."""

    step: int
    time_ms: int
    bits: int

    @property
    def value(self) -> float:
        return of_bits(self.bits)


def of_bits(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def to_bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def columns(points: Sequence[Point]) -> Points:
    bits = np.array([point.bits for point in points], np.uint64)
    return Points.of([point.step for point in points], [point.time_ms for point in points], bits.view(np.float64))


def rows(points: Points) -> list[Point]:
    bits = points.values.view(np.uint64).tolist()
    return [Point(*row) for row in zip(points.steps.tolist(), points.times_ms.tolist(), bits, strict=True)]


def _bits_of_float32(bits: int) -> int:
    with np.errstate(all="ignore"):
        return int(np.array(bits, np.uint32).view(np.float32).astype(np.float64).view(np.uint64))


_integers = st.one_of(
    st.integers(-3, 3),
    st.integers(0, 100_000),
    st.sampled_from((INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX)),
    st.integers(INT64_MIN, INT64_MAX),
)
_few_integers = st.one_of(st.integers(-3, 3), st.sampled_from((INT64_MIN, INT64_MAX)))
_singles = st.one_of(st.sampled_from((0, 0x3F800000, 0x7F800000, 0x7FC00000)), st.integers(0, 2**32 - 1)).map(
    _bits_of_float32
)
_doubles = st.one_of(st.sampled_from(SPECIAL_BITS), st.integers(0, 2**64 - 1))
_few_doubles = st.sampled_from((*SPECIAL_BITS[:8], to_bits(1.0), to_bits(2.0), to_bits(-1.0)))
_nans = st.sampled_from(SPECIAL_BITS[6:8])


@st.composite
def _series(draw: st.DrawFn, size: int) -> list[int]:
    """Integers that rise evenly, with some jitter and a few jumps, wrapping round."""
    number, change = draw(_integers), draw(st.sampled_from((0, 1, 100, -7, INT64_MAX)))
    jitter = draw(st.sampled_from((0, 1, 200, 70_000)))
    random = draw(st.randoms(use_true_random=False))
    jumps = draw(st.sets(st.integers(0, size), max_size=3))
    numbers = []
    for index in range(size):
        numbers.append((number - INT64_MIN) % 2**64 + INT64_MIN)
        number += change + random.randint(-jitter, jitter) + (draw(_integers) if index in jumps else 0)
    return numbers


def _column(size: int) -> st.SearchStrategy[list[int]]:
    choices = [st.lists(integers, min_size=size, max_size=size) for integers in (_integers, _few_integers)]
    return st.one_of(*choices, choices[1].map(sorted), _series(size))


@st.composite
def point_lists(draw: st.DrawFn, max_size: int = 60, min_size: int = 1) -> list[Point]:
    """Points of any values, sorted or not, with and without twins."""
    size = draw(st.integers(min_size, max_size))
    values = draw(st.sampled_from((_singles, _doubles, _few_doubles, _few_doubles, _nans)))
    bits = draw(st.lists(values, min_size=size, max_size=size))
    return [Point(*row) for row in zip(draw(_column(size)), draw(_column(size)), bits, strict=True)]


@st.composite
def long_point_lists(draw: st.DrawFn) -> list[Point]:
    """So many points that summaries and buckets take their way for long runs, with few different values."""
    size, seed = draw(st.integers(700, 2000)), draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    values = np.array(draw(st.lists(_few_doubles, min_size=1, max_size=6)), np.uint64)
    rising = [
        np.sort(random.integers(0, most, size)) for most in draw(st.sampled_from(((9, 5000), (5000, 5000), (1, 1))))
    ]
    if draw(st.booleans()):
        rising[draw(st.integers(0, 1))][random.integers(0, size, 3)] += 7
    bits = values[random.integers(0, len(values), size)]
    return [Point(*row) for row in zip(*(column.tolist() for column in (*rising, bits)), strict=True)]


@st.composite
def splits(draw: st.DrawFn, points: list[Point]) -> list[list[Point]]:
    """Points cut into parts in order, none of them empty."""
    cuts = sorted(draw(st.sets(st.integers(1, len(points) - 1), max_size=8))) if len(points) > 1 else []
    return [points[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(points)], strict=True)]


def _rank(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def plain_summary(points: Sequence[Point]) -> pb.MetricSummary:
    """`MetricSummary` as its comments say. `min` and `max` keep the first of equals, as Python's own do."""
    first = min(points, key=lambda point: (point.step, point.time_ms))
    last = max(points, key=lambda point: (point.step, point.time_ms, _rank(point.value)))
    known = [point for point in points if not math.isnan(point.value)]
    summary = pb.MetricSummary(
        first=first.value,
        first_step=first.step,
        first_timestamp_ms=first.time_ms,
        last=last.value,
        last_step=last.step,
        last_timestamp_ms=last.time_ms,
        count=len(points),
        nan_count=len(points) - len(known),
    )
    if known:
        least, most = min(known, key=lambda point: point.value), max(known, key=lambda point: point.value)
        summary.min, summary.min_step = least.value, least.step
        summary.max, summary.max_step = most.value, most.step
    return summary


def plain_series(points: Sequence[Point], positions: Sequence[int], buckets: Buckets) -> pb.MetricSeries:
    """`MetricSeries` as its comments say."""
    found: dict[int, list[tuple[int, Point]]] = {}
    for position, point in zip(positions, points, strict=True):
        if buckets.start <= position <= buckets.end:
            number = min((position - buckets.start) // buckets.width, buckets.count - 1)
            found.setdefault(number, []).append((position, point))
    series = pb.MetricSeries()
    for number, placed in sorted(found.items()):
        first = min(placed, key=lambda item: (item[0], item[1].step, item[1].time_ms))
        last = max(placed, key=lambda item: (item[0], item[1].step, item[1].time_ms, _rank(item[1].value)))
        known = [item for item in placed if not math.isnan(item[1].value)]
        series.buckets.append(number)
        series.counts.append(len(placed))
        series.first_positions.append(first[0])
        series.first_values.append(first[1].value)
        series.last_positions.append(last[0])
        series.last_values.append(last[1].value)
        least = min(known, key=lambda item: item[1].value, default=(first[0], None))
        most = max(known, key=lambda item: item[1].value, default=(first[0], None))
        series.min_positions.append(least[0])
        series.min_values.append(least[1].value if least[1] else math.nan)
        series.max_positions.append(most[0])
        series.max_values.append(most[1].value if most[1] else math.nan)
    return series
