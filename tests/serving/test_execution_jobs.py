"""Which requests are taken together."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from milepost.models.worker.payload import Payload
from milepost_server.serving.execution.jobs import Job, Waiting


def _job(rows: int, params: Any = None, width: int = 1) -> Job:
    payload = Payload("array", [np.zeros((rows, width))])
    return Job({"do": "predict"}, payload, params, asyncio.get_running_loop().create_future(), rows, 0.0)


def _taken(waiting: Waiting, jobs: list[Job]) -> list[list[int]]:
    """Positions of the jobs, as they are taken."""
    for job in jobs:
        waiting.add(job)
    taken = []
    while waiting:
        taken.append([jobs.index(job) for job in waiting.take()])
    return taken


async def test_those_that_fit_are_taken_with_the_first() -> None:
    jobs = [_job(1), _job(1, {"a": 1}), _job(2), _job(1, {"a": 1}), _job(1, width=2), _job(1)]
    assert _taken(Waiting(3), jobs) == [[0, 2], [1, 3], [4], [5]]


async def test_those_without_rows_or_with_too_many_go_alone() -> None:
    jobs = [_job(0), _job(9), _job(9), _job(1)]
    assert _taken(Waiting(8), jobs) == [[0], [1], [2], [3]]


async def test_one_by_one_when_models_want_it_so() -> None:
    waiting = Waiting(8)
    waiting.join_no_more()
    assert _taken(waiting, [_job(1), _job(1)]) == [[0], [1]]


async def test_many_rows_are_taken_only_where_the_model_is_quick_with_them() -> None:
    slow, quick = Waiting(8192), Waiting(8192)
    slow.took(1, 0.01)
    quick.took(1, 0.0001)
    assert [len(batch) for batch in _taken(slow, [_job(8) for _ in range(24)])] == [8, 8, 8]
    assert [len(batch) for batch in _taken(quick, [_job(8) for _ in range(125)])] == [125]


async def test_no_more_than_32_megabytes_are_taken_together() -> None:
    assert _taken(Waiting(64), [_job(1, width=1_500_000) for _ in range(3)]) == [[0, 1], [2]]


async def test_what_is_put_back_comes_first_and_what_is_dropped_does_not_come() -> None:
    waiting = Waiting(1)
    jobs = [_job(1) for _ in range(4)]
    for job in jobs:
        waiting.add(job)
    first, second = waiting.take()[0], waiting.take()[0]
    waiting.put_back([first, second])
    assert waiting.drop(second)
    assert not waiting.drop(second)
    assert [waiting.take()[0] for _ in range(len(waiting))] == [jobs[0], jobs[2], jobs[3]]
