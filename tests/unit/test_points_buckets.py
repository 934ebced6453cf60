"""Which chunks a chart need not read."""

from __future__ import annotations

import numpy as np

from milepost import v1 as pb
from milepost_server.points.buckets import Axis, Buckets, Place, places
from milepost_server.points.columns import Points
from milepost_server.points.summary import Summaries, summarize
from milepost_server.points.thinning import Thinner


def _summaries(*chunks: tuple[list[int], list[int]]) -> Summaries:
    return np.concatenate([summarize(Points.of(steps, times, [0.5] * len(steps))) for steps, times in chunks])


def test_chunks_inside_one_bucket_need_not_be_read_and_those_outside_are_dropped() -> None:
    chunks = _summaries(
        ([0, 9], [0, 0]), ([10, 19], [0, 0]), ([19, 20], [0, 0]), ([30, 35], [0, 0]), ([28, 31], [0, 0])
    )
    found = places(chunks, Axis.step(), Buckets.over(10, 29, 2))
    assert found.tolist() == [Place.OUTSIDE, Place.INSIDE, Place.ACROSS, Place.OUTSIDE, Place.ACROSS]


def test_a_chunk_whose_times_go_back_is_read_on_a_time_axis_only() -> None:
    chunks = _summaries(([1, 2], [5, 4]), ([2, 1], [4, 5]), ([1, 2], [4, 5]))
    assert places(chunks, Axis.time(), Buckets.over(0, 9, 1)).tolist() == [Place.ACROSS, Place.ACROSS, Place.INSIDE]
    assert places(chunks, Axis.step(), Buckets.over(0, 9, 1)).tolist() == [Place.INSIDE] * 3


def test_a_relative_axis_counts_from_its_origin_and_stops_at_the_ends_of_int64() -> None:
    times = np.array([-(2**63), 0, 2**63 - 1])
    points = Points.of([0, 0, 0], times, [0.0, 0.0, 0.0])
    assert Axis.relative_time(10).positions(points).tolist() == [-(2**63), -10, 2**63 - 11]
    assert Axis.relative_time(-10).positions(points).tolist() == [-(2**63) + 10, 10, 2**63 - 1]


def test_a_series_without_points_of_interest_has_no_buckets() -> None:
    thinner = Thinner(Axis.step(), Buckets.over(0, 9, 10))
    none = np.zeros(1, np.intp)
    thinner.add_points(Points.of([10, 11], [0, 0], [0.5, 0.5]), none, np.array([0]), np.array([2]))
    series = pb.MetricSeries()
    thinner.fill([series])
    assert series == pb.MetricSeries()


def test_all_of_int64_is_cut_into_equal_buckets() -> None:
    buckets = Buckets.over(-(2**63), 2**63 - 1, 4)
    assert (buckets.width, buckets.count) == (2**62, 4)
    positions = np.array([-(2**63), -(2**62) - 1, -(2**62), -1, 0, 2**62 - 1, 2**62, 2**63 - 1])
    assert buckets.of_offsets(buckets.offsets(positions)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
