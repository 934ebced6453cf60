"""Summaries from columns are those that the rules give point by point, however the points are split."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.points.summary import SUMMARY, combine, extend, extend_rows, summarize
from support.point_strategies import Point, columns, long_point_lists, plain_summary, point_lists, splits


@given(point_lists())
def test_the_summary_of_a_chunk_is_by_the_rules(points: list[Point]) -> None:
    assert _wire(combine(summarize(columns(points)))) == _wire(plain_summary(points))


@given(point_lists())
def test_a_stored_summary_knows_its_times_and_order(points: list[Point]) -> None:
    stored = np.frombuffer(summarize(columns(points)).tobytes(), SUMMARY)[0]
    times, steps = [point.time_ms for point in points], [point.step for point in points]
    assert (stored["low_time_ms"], stored["high_time_ms"]) == (min(times), max(times))
    assert stored["ordered"] == (sorted(times) == times and sorted(steps) == steps)


@given(st.one_of(point_lists(), long_point_lists()).flatmap(splits))
def test_the_summaries_of_chunks_combine_to_that_of_all_points(parts: list[list[Point]]) -> None:
    together = np.concatenate([summarize(columns(part)) for part in parts])
    assert _wire(combine(together)) == _wire(plain_summary([point for part in parts for point in part]))


@given(st.one_of(point_lists(), long_point_lists()).flatmap(splits), st.randoms(use_true_random=False))
def test_a_summary_that_grows_chunk_by_chunk_or_row_by_row_is_that_of_all_points(
    parts: list[list[Point]], random: Random
) -> None:
    summary = pb.MetricSummary()
    for part in parts:
        arrays = columns(part)
        if random.random() < 0.5:
            extend(summary, summarize(arrays))
        else:
            extend_rows(summary, arrays.steps.tolist(), arrays.times_ms.tolist(), arrays.values.tolist())
    assert _wire(summary) == _wire(plain_summary([point for part in parts for point in part]))


def _wire(summary: pb.MetricSummary) -> bytes:
    """All fields, exact to the bit."""
    return summary.SerializeToString(deterministic=True)
