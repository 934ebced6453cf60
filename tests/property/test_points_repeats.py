"""Repeats of points are told from new points exactly, however little is known of the series."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from milepost_server.points.repeats import Known, Sifting, surely_new
from milepost_server.points.summary import SUMMARY, summarize
from support.point_strategies import Point, columns, plain_summary, point_lists, rows, splits


def _identity(point: Point) -> tuple[int, int, int | str]:
    return point.step, point.time_ms, "NaN" if math.isnan(point.value) else point.bits


@st.composite
def _stored_and_sent(draw: st.DrawFn) -> tuple[list[Point], list[Point]]:
    """Points of a series and points that are sent, some of them known."""
    stored = draw(st.one_of(st.just([]), point_lists(30)))
    fresh = draw(point_lists(30))
    known = draw(st.lists(st.sampled_from(stored or fresh), max_size=20))
    return stored, draw(st.permutations([*fresh, *known])) if draw(st.booleans()) else [*fresh, *known]


@given(data=st.data(), case=_stored_and_sent(), time_known=st.booleans())
def test_what_is_left_is_what_a_set_of_all_points_leaves(
    data: st.DataObject, case: tuple[list[Point], list[Point]], time_known: bool
) -> None:
    stored, sent = case
    known = None
    if stored:
        high = max(point.time_ms for point in stored) if time_known else None
        known = Known(1, plain_summary(stored), high)
    seen = {_identity(point) for point in stored}
    expected = []
    for point in sent:
        if _identity(point) not in seen:
            seen.add(_identity(point))
            expected.append(point)

    message = columns(sent).to_message("m")
    if surely_new(message, known):
        assert expected == sent
    sifting = Sifting(message, known)
    doubts = sifting.doubts()
    if doubts is not None:
        chunks = [columns(part) for part in data.draw(splits(stored))]
        summaries = np.frombuffer(b"".join([summarize(chunk).tobytes() for chunk in chunks]), SUMMARY)
        for index in np.flatnonzero(doubts.may_have(summaries)):
            doubts.strike(chunks[index])
    left = sifting.left(doubts)
    assert [(step, time_ms) for step, time_ms, _ in expected] == list(zip(left.steps, left.timestamps_ms, strict=True))
    assert [bits for _, _, bits in expected] == np.array(left.values).view(np.uint64).tolist()


@given(points=point_lists())
def test_points_sent_twice_in_one_go_are_left_once(points: list[Point]) -> None:
    message = columns(points + points).to_message("m")
    left = Sifting(message, None).left(None)
    assert len(left.values) == len({_identity(point) for point in points})
    assert rows(columns(points))[0] == Point(
        left.steps[0], left.timestamps_ms[0], int(np.array(left.values[:1]).view(np.uint64)[0])
    )
