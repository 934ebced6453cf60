"""Thinned series are those that the rules give point by point, whatever chunks are taken by their summaries."""

from __future__ import annotations

import math
import unittest.mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.points import thinning
from milepost_server.points.buckets import Axis, Buckets, Place, places
from milepost_server.points.columns import Points
from milepost_server.points.summary import summarize
from milepost_server.points.thinning import Thinner, thin
from support.point_strategies import (
    INT64_MAX,
    INT64_MIN,
    Point,
    columns,
    long_point_lists,
    plain_series,
    plain_summary,
    point_lists,
    rows,
    splits,
)

_axes = st.one_of(
    st.just(Axis.step()),
    st.just(Axis.time()),
    st.tuples(*[st.sampled_from((0, 1, -1, 5, INT64_MIN, INT64_MAX))] * 3).map(lambda some: Axis.relative_time(*some)),
)


@st.composite
def _bucket_choices(draw: st.DrawFn, positions: list[int]) -> Buckets:
    start, end = min(positions), max(positions)
    if draw(st.booleans()):
        start, end = sorted((draw(st.sampled_from(positions)), draw(st.sampled_from(positions))))
    return Buckets.over(start, end, draw(st.sampled_from((1, 1, 2, 3, 7, 500, 10_000))))


def _position(axis: Axis, series: int, point: Point) -> int:
    if axis.origins_ms is None:
        return point.step
    origin = int(axis.at(np.array([series])).origins_ms[0])  # type: ignore[index]
    return max(INT64_MIN, min(point.time_ms - origin, INT64_MAX))


@given(st.lists(point_lists().flatmap(splits), min_size=3, max_size=3), _axes, st.data(), st.sampled_from((3, 10_000)))
def test_series_are_thinned_by_the_rules(
    of_series: list[list[list[Point]]], axis: Axis, data: st.DataObject, most_pieces: int
) -> None:
    _check_thinned(of_series, axis, data, most_pieces)


@settings(max_examples=30)
@given(long_point_lists().flatmap(splits), st.sampled_from((Axis.step(), Axis.time())), st.data())
def test_long_series_are_thinned_by_the_rules(parts: list[list[Point]], axis: Axis, data: st.DataObject) -> None:
    _check_thinned([parts], axis, data, 10_000)


def _check_thinned(of_series: list[list[list[Point]]], axis: Axis, data: st.DataObject, most_pieces: int) -> None:
    parts = [(number, part) for number, some in enumerate(of_series) for part in some]
    positions = [[_position(axis, number, p) for part in some for p in part] for number, some in enumerate(of_series)]
    buckets = data.draw(_bucket_choices([position for some in positions for position in some]))
    series = np.array([number for number, _ in parts])
    summaries = np.concatenate([summarize(columns(part)) for _, part in parts])
    counts = np.array([len(part) for _, part in parts])
    sequences = np.concatenate([np.cumsum([0, *map(len, some)])[:-1] for some in of_series])
    found = places(summaries, axis.at(series), buckets)

    inside = np.flatnonzero(found == Place.INSIDE)
    by_summary = inside[[data.draw(st.booleans()) for _ in inside]] if len(inside) else inside
    others = np.setdiff1d(np.flatnonzero(found != Place.OUTSIDE), by_summary)
    with unittest.mock.patch.object(thinning, "_MOST_PIECES", most_pieces):
        thinner = Thinner(axis, buckets)
        cut = data.draw(st.integers(0, len(others)))
        for batch in (others[cut:], others[:cut]):
            if len(batch):
                points = columns([point for index in batch for point in parts[index][1]])
                thinner.add_points(points, series[batch], sequences[batch], counts[batch])
        thinner.add_summaries(summaries[by_summary], series[by_summary], sequences[by_summary])
        messages = [pb.MetricSeries() for _ in of_series]
        thinner.fill(messages)

    for message, some, placed in zip(messages, of_series, positions, strict=True):
        _assert_same(message, plain_series([point for part in some for point in part], placed, buckets))


def _assert_same(series: pb.MetricSeries, expected: pb.MetricSeries) -> None:
    """Exact to the bit, but that "there is none" may be any NaN."""
    for message in (series, expected):
        for field in (message.min_values, message.max_values):
            field[:] = [math.nan if math.isnan(value) else value for value in field]
    assert series.SerializeToString() == expected.SerializeToString()


@given(st.integers(INT64_MIN, INT64_MAX), st.integers(INT64_MIN, INT64_MAX), st.integers(1, 10_000))
def test_buckets_cover_their_range_with_the_least_width(a: int, b: int, most: int) -> None:
    start, end = sorted((a, b))
    buckets = Buckets.over(start, end, most)
    span = end - start + 1
    assert 1 <= buckets.count <= most
    assert buckets.width * buckets.count >= span
    assert (buckets.width - 1) * most < span
    assert buckets.width * (buckets.count - 1) < span


def test_a_single_bucket_holds_all_of_int64() -> None:
    buckets = Buckets.over(INT64_MIN, INT64_MAX, 1)
    positions = np.array([INT64_MIN, -1, 0, INT64_MAX])
    assert buckets.of_offsets(buckets.offsets(positions)).tolist() == [0, 0, 0, 0]


@given(point_lists(max_size=200), st.integers(2, 50))
def test_a_thinned_series_keeps_its_extremes_and_its_ends_in_order(points: list[Point], most: int) -> None:
    arrays = columns(points)
    thinned, left_out = thin(arrays, most)
    kept = rows(thinned)
    assert len(kept) + left_out == len(points)
    assert len(kept) <= max(most, 4)
    remaining = iter(points)
    assert all(point in remaining for point in kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    whole, part = plain_summary(points), plain_summary(kept)
    assert (whole.HasField("min"), whole.min, whole.max) == (part.HasField("min"), part.min, part.max)


def test_a_short_series_is_not_thinned() -> None:
    points = Points.of([1, 2], [3, 4], [5.0, 6.0])
    assert thin(points, 2) == (points, 0)
