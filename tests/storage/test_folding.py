"""Small chunks of points are folded into full ones, and nobody can tell by reading."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from milepost import v1 as pb
from milepost_server.points.columns import CHUNK_POINTS
from milepost_server.services.folding import fold_some
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.metrics import MetricService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.sql.appending import AGED_CHUNKS, FOLD_AFTER_US, FOLD_CHUNKS
from milepost_server.storage.sql.schema import metric_chunk
from milepost_server.storage.sql.statements import Statement
from support.databases import opened, sqlite_url
from support.values import bits

NOW_US = 1_700_000_000_000_000
_COUNTS = Statement(select(metric_chunk.c.count).order_by(metric_chunk.c.sequence))


def now() -> int:
    return NOW_US


def later() -> int:
    return NOW_US + FOLD_AFTER_US


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with opened(sqlite_url(tmp_path)) as storage:
        await RunService(storage, now).create(pb.CreateRunRequest(run=pb.Run(run_id="run")))
        yield storage


async def log(storage: Storage, values: Sequence[float], steps: Sequence[int] = ()) -> None:
    points = pb.MetricPoints(key="loss", values=values, steps=steps, timestamps_ms=[1] * len(values))
    await MetricService(storage, now).log(pb.LogMetricsRequest(run_id="run", metrics=[points]))


async def values(storage: Storage) -> list[float]:
    request = pb.ListMetricHistoryRequest(run_id="run", metric_key="loss", page_size=100_000)
    return list((await MetricReadService(storage).history(request)).points.values)


async def chunks(storage: Storage) -> list[int]:
    """Number of points in each chunk of the only series."""

    async def work(tx: Transaction) -> list[int]:
        return [row[0] for row in await tx.metrics._connection.fetch(_COUNTS)]  # type: ignore[attr-defined]

    return await storage.scan(work)


async def test_many_small_chunks_are_folded_at_once(storage: Storage) -> None:
    logged = [random.Random(1).random() for _ in range(FOLD_CHUNKS)]
    for value in logged[:-1]:
        await log(storage, [value])
    assert await fold_some(storage, now) == 0
    await log(storage, logged[-1:])
    assert await fold_some(storage, now) == 1
    assert await chunks(storage) == [FOLD_CHUNKS]
    assert bits(await values(storage)) == bits(logged)


async def test_few_small_chunks_are_folded_after_a_while(storage: Storage) -> None:
    for value in range(AGED_CHUNKS - 1):
        await log(storage, [float(value)])
    assert await fold_some(storage, later) == 0
    await log(storage, [0.5])
    assert await fold_some(storage, now) == 0
    assert await fold_some(storage, later) == 1
    assert await chunks(storage) == [AGED_CHUNKS]
    assert await fold_some(storage, later) == 0


async def test_rest_of_a_fold_grows_with_the_next_one_until_it_is_full(storage: Storage) -> None:
    logged: list[float] = []
    for size in (100, CHUNK_POINTS - 50, 30):
        part = [float(len(logged) + number) for number in range(size)]
        await log(storage, part[AGED_CHUNKS:])
        for value in part[:AGED_CHUNKS]:
            await log(storage, [value])
        logged += part[AGED_CHUNKS:] + part[:AGED_CHUNKS]
        await fold_some(storage, later)
    assert await chunks(storage) == [CHUNK_POINTS, 80]
    assert await values(storage) == logged


async def test_points_keep_their_numbers_over_a_gap_that_a_rewind_left(storage: Storage) -> None:
    await log(storage, [1.0, 2.0], [1, 2])
    await log(storage, [3.0], [3])
    await MetricService(storage, now).rewind(pb.RewindMetricsRequest(run_id="run", after_step=1))
    later_steps = range(4, 4 + AGED_CHUNKS)
    for step in later_steps:
        await log(storage, [float(step)], [step])
    await fold_some(storage, later)
    assert await chunks(storage) == [1, AGED_CHUNKS]
    assert await values(storage) == [1.0, *map(float, later_steps)]
