"""Reading points gives the same however they are stored, and notices when they are taken back meanwhile."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import numpy as np
import pyarrow as pa
import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost_server.errors import Aborted
from milepost_server.services.clock import system_clock
from milepost_server.services.folding import fold_some
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.metric_series import MetricSeriesService
from milepost_server.services.metrics import MetricService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage
from support.databases import opened
from support.values import points

AXES = pb.GetMetricSeriesRequest


class Database:
    """The services of one database, with what these tests do by them."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.metrics = MetricService(storage, system_clock)
        self.reads = MetricReadService(storage)
        self.series = MetricSeriesService(storage)

    async def new_run(self) -> str:
        runs = RunService(self.storage, system_clock)
        return (await runs.create(pb.CreateRunRequest(run=pb.Run(experiment_id="0")))).run_id

    async def log(self, run_id: str, *metrics: pb.MetricPoints) -> None:
        await self.metrics.log(pb.LogMetricsRequest(run_id=run_id, metrics=metrics))

    async def fold(self) -> int:
        """Folds all that is due within the next hour."""
        return await fold_some(self.storage, lambda: system_clock() + 3_600_000_000)

    async def everything(self, run_id: str) -> list[bytes]:
        """What all ways of reading give of a run, and charts of several kinds."""
        whole = pb.MetricPoints()
        stream = self.reads.stream(pb.StreamMetricHistoryRequest(run_id=run_id))
        async for message in stream:
            whole.MergeFrom(message.points)
        exported = b"".join(
            [part.body.data async for part in self.reads.export(pb.ExportMetricHistoryRequest(run_id=run_id))]
        )
        table = pa.ipc.open_stream(exported).read_all()
        assert table["step"].to_pylist() == list(whole.steps)
        assert np.asarray(table["value"]).tobytes() == np.array(whole.values).tobytes()
        found = [whole.SerializeToString()]
        for axis in (AXES.AXIS_STEP, AXES.AXIS_TIME, AXES.AXIS_RELATIVE_TIME):
            for fields in (
                {"buckets": 1},
                {"buckets": 3},
                {"buckets": 500},
                {"buckets": 20, "start": 100, "end": 5000},
            ):
                request = AXES(run_ids=[run_id], metric_keys=["m", "n"], axis=axis, **fields)
                found.append((await self.series.get(request)).SerializeToString())
        return found


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as storage:
        yield Database(storage)


@pytest.mark.parametrize("seed", range(2))
async def test_folding_changes_nothing_that_is_read(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    run_id = await database.new_run()
    step = 0
    for _ in range(80):
        count = dice.choice([1, 1, 2, 15, 17, 100, 700])
        steps = [step + dice.choice([number, number, dice.randint(-50, 50)]) for number in range(count)]
        step += count
        times = [1000 * one + dice.randint(0, 999) for one in steps]
        values = [dice.choice([dice.random(), float("nan"), -0.0]) for _ in range(count)]
        await database.log(run_id, points("m", values, steps, times), points("n", values[:1], steps[:1], times[:1]))
    before = await database.everything(run_id)
    assert await database.fold() >= 2
    assert await database.everything(run_id) == before


async def test_folding_after_a_rewind_changes_nothing_that_is_read(database: Database) -> None:
    run_id = await database.new_run()
    for begin in range(0, 9_000, 300):
        steps = range(begin, begin + 300)
        await database.log(run_id, points("m", steps, steps, steps), points("n", [begin], [begin], [begin]))
    await database.metrics.rewind(pb.RewindMetricsRequest(run_id=run_id, after_step=4_711))
    await database.log(run_id, points("m", [1.0, 2.0], [4_712, 4_713], [1, 2]))
    before = await database.everything(run_id)
    await database.fold()
    assert await database.everything(run_id) == before


async def test_pages_of_many_small_chunks_are_full(database: Database) -> None:
    run_id = await database.new_run()
    for number in range(600):
        await database.log(run_id, points("m", [number], [number], [number]))
    page = await database.reads.history(pb.ListMetricHistoryRequest(run_id=run_id, metric_key="m", page_size=599))
    assert page.points.values == [float(number) for number in range(599)]
    assert page.next_page_token


async def test_a_stream_whose_points_are_taken_back_is_aborted(database: Database) -> None:
    run_id = await database.new_run()
    await database.log(run_id, points("m", range(90_000)))
    stream = database.reads.stream(pb.StreamMetricHistoryRequest(run_id=run_id))
    assert len((await anext(stream)).points.values) == 65_536
    await database.metrics.rewind(pb.RewindMetricsRequest(run_id=run_id, after_step=70_000))
    with pytest.raises(Aborted):
        await anext(stream)


async def test_a_stream_has_no_points_that_arrived_after_it_began(database: Database) -> None:
    run_id = await database.new_run()
    await database.log(run_id, points("m", range(90_000)))
    stream = database.reads.stream(pb.StreamMetricHistoryRequest(run_id=run_id))
    first = await anext(stream)
    await database.log(run_id, points("m", [-1.0], [90_000]))
    rest = [value async for message in stream for value in message.points.values]
    assert [*first.points.values, *rest] == [float(number) for number in range(90_000)]
