"""Repeats are found among all that a series has, however it is stored; new points never count as such."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost_server.services.batches import BatchService
from milepost_server.services.clock import system_clock
from milepost_server.services.folding import fold_some
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.metrics import MetricService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage
from support.databases import opened

_Point = tuple[int, int, float]


class Database:
    """One database, with what these tests do to one of its runs."""

    def __init__(self, storage: Storage, run_id: str) -> None:
        self._storage = storage
        self._run_id = run_id

    async def log(self, sent: dict[str, list[_Point]]) -> int:
        metrics = []
        for key, points in sent.items():
            steps, times_ms, values = zip(*points, strict=True)
            metrics.append(pb.MetricPoints(key=key, steps=steps, timestamps_ms=times_ms, values=values))
        request = pb.LogBatchRequest(run_id=self._run_id, metrics=metrics, skip_repeated_points=True)
        return (await BatchService(self._storage, system_clock).log_batch(request)).metric_points

    async def fold(self) -> None:
        await fold_some(self._storage, lambda: system_clock() + 3_600_000_000)

    async def rewind(self, after_step: int) -> None:
        request = pb.RewindMetricsRequest(run_id=self._run_id, metric_keys=["m"], after_step=after_step)
        await MetricService(self._storage, system_clock).rewind(request)

    async def stored(self, key: str) -> list[_Point]:
        request = pb.ListMetricHistoryRequest(run_id=self._run_id, metric_key=key, page_size=100_000)
        points = (await MetricReadService(self._storage).history(request)).points
        return list(zip(points.steps, points.timestamps_ms, points.values, strict=True))


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as storage:
        run = pb.CreateRunRequest(run=pb.Run(experiment_id="0"))
        yield Database(storage, (await RunService(storage, system_clock).create(run)).run_id)


@pytest.mark.parametrize("seed", range(2))
async def test_a_random_history_is_stored_as_a_set_would_keep_it(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    expected: dict[str, list[_Point]] = {"m": [], "n": []}
    seen: dict[str, set[_Point]] = {"m": set(), "n": set()}
    for number in range(60):
        sent = {key: _some(rng, number, expected[key]) for key in expected}
        stored = 0
        for key, points in sent.items():
            for step, time_ms, value in points:
                identity = step, time_ms, math.inf if math.isnan(value) else value
                if identity not in seen[key]:
                    seen[key].add(identity)
                    expected[key].append((step, time_ms, value))
                    stored += 1
        assert await database.log(sent) == stored
        if number % 20 == 19:
            await database.fold()
    for key, points in expected.items():
        assert str(await database.stored(key)) == str(points)


def _some(rng: random.Random, number: int, known: list[_Point]) -> list[_Point]:
    """A single point, some, or many: in order, going back, or known already."""
    count = rng.choice((1, 1, 5, 40, 300))
    start, time_ms = rng.choice((100 * number, 100 * number, 0)), 1000 * rng.choice((number, number, 3))
    points = [(start + step, time_ms + step // 3, rng.choice((0.5, 1.5, math.nan))) for step in range(count)]
    points += rng.sample(known, min(len(known), rng.choice((0, 0, 3, 50))))
    if rng.random() < 0.3:
        rng.shuffle(points)
    return points


async def test_points_that_were_taken_back_are_stored_again(database: Database) -> None:
    points = [(step, 10 * step, 1.0) for step in range(100)]
    assert await database.log({"m": points}) == 100
    await database.rewind(after_step=49)
    assert await database.log({"m": points[90:] + points[:10]}) == 10
    assert await database.stored("m") == points[:50] + points[90:]
