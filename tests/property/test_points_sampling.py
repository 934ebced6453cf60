"""Samples are the same whether points come one by one, in parts or as summaries of parts."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from milepost_server.points.sampling import Sampler, in_step_order
from milepost_server.points.summary import summarize
from support import plain_samples
from support.point_strategies import Point, columns, long_point_lists, point_lists, rows, splits


def _ordered(points: list[Point]) -> list[Point]:
    return rows(in_step_order(columns(points)))


_parts = st.one_of(point_lists(200, min_size=2), long_point_lists()).map(_ordered).flatmap(splits)


@given(parts=_parts, most=st.one_of(st.integers(1, 12), st.integers(1, 300)))
def test_sample_has_the_ends_and_the_peaks_of_each_stretch(parts: list[list[Point]], most: int) -> None:
    points = [point for part in parts for point in part]
    assume(len(points) > most)
    counts = np.array([len(part) for part in parts])
    begins = np.cumsum(counts) - counts
    sampler = Sampler(len(points), most)
    whole = set(sampler.whole(begins, counts).tolist())
    for index, part in enumerate(parts):
        if index in whole:
            sampler.add_summaries(summarize(columns(part)), begins[[index]])
        else:
            sampler.add_points(columns(part), int(begins[index]))
    found = rows(sampler.result(columns(points[:1]), columns(points[-1:])))

    assert len(found) <= most
    assert found == plain_samples.in_step_order(found)
    assert set(found) <= set(points)
    expected = plain_samples.sample(points, most)
    # Of equal values another point may be taken, since summaries know the first to arrive.
    if len({plain_samples.rank(point) for point in points}) == len(points):
        assert set(found) == expected
    assert {plain_samples.rank(point) for point in expected} == {plain_samples.rank(point) for point in found}
    assert {points[-1 if most == 1 else 0], points[-1]} <= set(found)


@given(points=point_lists(60))
def test_step_order_is_that_of_step_time_and_value(points: list[Point]) -> None:
    assert rows(in_step_order(columns(points))) == plain_samples.in_step_order(points)
