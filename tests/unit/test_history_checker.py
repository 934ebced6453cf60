"""The judge of the crash tests sees every kind of flaw."""

from __future__ import annotations

import numpy as np
import pytest

from support.history_checker import FLAWLESS, Ints, Track, Verdict, judge_metric

SENT, ACKNOWLEDGED = 100, 60


def judged(track: Track, numbers: list[int], change: str = "") -> dict[str, int]:
    """The flaws of a metric that holds these points of a track, in this order, one of them changed."""
    columns: tuple[Ints, Ints, Ints] = track.columns(np.array(numbers, np.int64))
    if change:
        columns[("step", "time", "value").index(change)][7] ^= 1 << 45 if change == "step" else 1
    verdict = Verdict()
    judge_metric(columns, [track], verdict)
    assert verdict.stored == len(numbers)
    return {name: count for name, count in verdict.flaws().items() if count}


@pytest.fixture(params=[0, 1, 2])
def track(request: pytest.FixtureRequest) -> Track:
    return Track("run", "metric", request.param, sent=SENT, acknowledged=ACKNOWLEDGED)


@pytest.mark.parametrize("stored", [ACKNOWLEDGED, SENT - 1, SENT])
def test_all_that_was_acknowledged_and_some_more_in_order_is_right(track: Track, stored: int) -> None:
    assert judged(track, list(range(stored))) == {}


def test_flaws_are_told_apart(track: Track) -> None:
    every = list(range(SENT))
    assert judged(track, every[: ACKNOWLEDGED - 3]) == {"lost": 3}
    assert judged(track, [*every, 5, 99]) == {"twins": 2}
    assert judged(track, [*every[1:], 0])["displaced"] == SENT
    assert judged(track, [*every[:70], *every[71:]]) == {"displaced": SENT - 71}
    assert judged(track, [*every, SENT]) == {"foreign": 1}
    assert judged(track, every, "time") == {"corrupted": 1}
    assert judged(track, every, "value") == {"corrupted": 1}
    assert judged(track, every, "step")["foreign"] == 1


def test_points_of_a_track_are_the_same_whenever_they_are_sent(track: Track) -> None:
    first, again = track.points(10, 40), track.points(20, 10)
    assert list(again.steps) == list(first.steps[10:20])
    assert np.array(again.values).tobytes() == np.array(first.values[10:20]).tobytes()
    assert (track.sent, Verdict().flaws()) == (SENT, FLAWLESS)
