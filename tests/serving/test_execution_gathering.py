"""When requests wait for others."""

from __future__ import annotations

from milepost_server.serving.execution.gathering import Gathering

MOST_S = 0.002


def _batch(gathering: Gathering, callers: int, now: float) -> None:
    """Callers ask, are taken and answered."""
    for at_work in range(1, callers + 1):
        gathering.came(at_work)
    assert gathering.wait_s(now, callers) <= 0
    gathering.went(callers)


def test_one_caller_never_waits() -> None:
    gathering = Gathering(MOST_S)
    for now in range(10):
        _batch(gathering, 1, now)


def test_several_wait_until_all_are_back() -> None:
    gathering = Gathering(MOST_S)
    _batch(gathering, 4, 0)
    for back in (1, 2, 3):
        gathering.came(back)
        assert 0 < gathering.wait_s(1 + back * 1e-4, back) <= MOST_S
    gathering.came(4)
    assert gathering.wait_s(1.001, 4) <= 0


def test_nobody_waits_longer_than_the_limit() -> None:
    gathering = Gathering(MOST_S)
    _batch(gathering, 4, 0)
    gathering.came(1)
    assert gathering.wait_s(1, 1) == MOST_S
    assert gathering.wait_s(1 + MOST_S, 1) <= 0


def test_where_nobody_comes_the_next_do_not_wait() -> None:
    gathering = Gathering(MOST_S)
    waited = 0
    for now in range(1000):
        gathering.came(2)  # two at once, of which one stays away until both were answered
        gathering.went(2)
        if gathering.wait_s(now, 1) > 0:
            assert gathering.wait_s(now + 1, 1) <= 0
            waited += 1
        gathering.went(1)
    assert 0 < waited < 50
