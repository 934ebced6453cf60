"""Metrics in order of time and sampled: the same however they are stored, and whatever comes meanwhile."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost_server.errors import Aborted
from milepost_server.services.clock import system_clock
from milepost_server.services.folding import fold_some
from milepost_server.services.metric_histories import MetricHistoryService, PagePosition
from milepost_server.services.metric_samples import MetricSampleService
from milepost_server.services.metrics import MetricService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage
from support import plain_samples
from support.databases import opened
from support.point_strategies import INT64_MAX, INT64_MIN, SPECIAL_BITS, Point, columns, rows, to_bits


class Database:
    """The services of one database, with what these tests do by them."""

    def __init__(self, storage: Storage) -> None:
        self.histories = MetricHistoryService(storage)
        self.samples = MetricSampleService(storage)
        self._metrics = MetricService(storage, system_clock)
        self._storage = storage

    async def new_run(self) -> str:
        request = pb.CreateRunRequest(run=pb.Run(experiment_id="0"))
        return (await RunService(self._storage, system_clock).create(request)).run_id

    async def log(self, run_id: str, points: Sequence[Point], *sizes: int) -> None:
        """Stores points by writes of some sizes, of which the last is that of all further ones."""
        begin, left = 0, list(sizes)
        while begin < len(points):
            size = left.pop(0) if len(left) > 1 else left[0]
            metrics = [columns(points[begin : begin + size]).to_message("m")]
            await self._metrics.log(pb.LogMetricsRequest(run_id=run_id, metrics=metrics))
            begin += size

    async def remove(self, run_id: str) -> None:
        await self._metrics.delete(pb.DeleteMetricsRequest(run_id=run_id, metric_keys=["m"]))

    async def fold(self) -> None:
        await fold_some(self._storage, lambda: system_clock() + 3_600_000_000)

    async def pages(self, run_id: str, limit: int, after: PagePosition | None = None) -> list[Point]:
        found: list[Point] = []
        while True:
            page = await self.histories.page(run_id, "m", limit, after)
            assert len(page.points) == limit or page.following is None
            found += rows(page.points)
            if page.following is None:
                return found
            after = page.following


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as storage:
        yield Database(storage)


def _points(rng: random.Random, kind: str) -> list[Point]:
    """Points of a few chunks."""
    count = 9000
    bits = [rng.choice((to_bits(rng.random()), rng.choice(SPECIAL_BITS))) for _ in range(count)]
    match kind:
        case "in order":
            places = [(index, 10 * index) for index in range(count)]
        case "at one step":
            places = [(0, index // 3) for index in range(count)]
        case "nearly in order":
            places = [(index, 10 * index + rng.randrange(200)) for index in range(count)]
        case "begun again":
            places = [(index % 5000, index) for index in range(count)]
        case "at one time":
            places = [(rng.randrange(5), 7) for _ in range(count)]
        case _:
            extremes = (INT64_MIN, -1, 0, INT64_MAX)
            places = [
                (rng.choice((*extremes, rng.randrange(9999))), rng.choice((*extremes, rng.randrange(9999))))
                for _ in range(count)
            ]
    return [Point(*place, value) for place, value in zip(places, bits, strict=True)]


KINDS = ("in order", "at one step", "nearly in order", "begun again", "at one time", "in no order")


@pytest.mark.parametrize("kind", KINDS)
async def test_histories_are_in_order_of_time(database: Database, kind: str) -> None:
    points = _points(random.Random(1), kind)
    run_id = await database.new_run()
    await database.log(run_id, points, 4500, 4000, 3, 1, 1, 90, 5)
    expected = plain_samples.in_time_order(points)
    for limit in (1700, 8999, 9000):
        assert await database.pages(run_id, limit) == expected
    await database.fold()
    assert await database.pages(run_id, 2500) == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_samples_are_spread_and_have_ends_and_peaks(database: Database, kind: str) -> None:
    points = _points(random.Random(2), kind)
    run_id = await database.new_run()
    await database.log(run_id, points, 4500, 4000, 3, 1, 1, 90, 5)
    for steps in ((None, None), (300, 4200), (0, 0)):
        low, high = INT64_MIN if steps[0] is None else steps[0], INT64_MAX if steps[1] is None else steps[1]
        wanted = plain_samples.in_step_order([point for point in points if low <= point.step <= high])
        for most in (1, 2, 3, 4, 51, 2500, 9000):
            found = await database.samples.sampled([run_id], "m", most, *steps)
            _check_sample(rows(found[0].points) if found else [], wanted, most)


def _check_sample(found: list[Point], wanted: list[Point], most: int) -> None:
    if len(wanted) <= most:
        assert sorted(found) == sorted(wanted)
        return
    assert len(found) <= most
    assert found == plain_samples.in_step_order(found)
    assert set(found) <= set(wanted)
    places = [(point.step, point.time_ms) for point in found]
    assert places[-1] == (wanted[-1].step, wanted[-1].time_ms)
    if most == 1:
        return
    assert places[0] == (wanted[0].step, wanted[0].time_ms)
    if most > 3:
        ranks = {plain_samples.rank(point) for point in wanted}
        assert {min(ranks), max(ranks)} <= {plain_samples.rank(point) for point in found}
    if len({(point.step, point.time_ms) for point in wanted}) == len(wanted):
        ranks = {plain_samples.rank(point) for point in plain_samples.sample(wanted, most)}
        assert {plain_samples.rank(point) for point in found} == ranks


async def test_pages_show_the_metric_as_of_the_first(database: Database) -> None:
    points = [Point(step, 10 * step, to_bits(step / 2)) for step in range(600)]
    run_id = await database.new_run()
    await database.log(run_id, points, 7)
    page = await database.histories.page(run_id, "m", 300)
    await database.log(run_id, [Point(0, 10 * time, 0) for time in range(900)], 50)
    await database.fold()
    assert rows(page.points) + await database.pages(run_id, 100, page.following) == points
    assert len(await database.pages(run_id, 1000)) == 1500


async def test_pages_of_a_metric_that_was_begun_again_are_refused(database: Database) -> None:
    points = [Point(step, step, 0) for step in range(10)]
    run_id = await database.new_run()
    await database.log(run_id, points, 10)
    page = await database.histories.page(run_id, "m", 5)
    await database.remove(run_id)
    assert await database.pages(run_id, 5, page.following) == []
    await database.log(run_id, points, 10)
    with pytest.raises(Aborted):
        await database.histories.page(run_id, "m", 5, page.following)


async def test_several_runs_come_in_the_order_asked_for(database: Database) -> None:
    first, second, empty = [await database.new_run() for _ in range(3)]
    points = [Point(step, 100 - step, to_bits(step / 2)) for step in range(100)]
    await database.log(first, points, 10)
    await database.log(second, points[:20], 20)
    asked = [second, "unknown", empty, first, second]
    found = await database.histories.of_runs(asked, "m", 50)
    assert [(one.run_id, len(one.points)) for one in found] == [(second, 20), (first, 30)]
    assert rows(found[1].points) == points[:-31:-1]
    sampled = await database.samples.sampled(asked, "m", 20)
    assert [one.run_id for one in sampled] == [second, first]
    assert rows(sampled[0].points) == points[:20]


async def test_unknown_metrics_have_no_points(database: Database) -> None:
    run_id = await database.new_run()
    await database.log(run_id, [Point(1, 2, 3)], 1)
    for run, key in ((run_id, "n"), ("unknown", "m")):
        page = await database.histories.page(run, key, 5)
        assert (len(page.points), page.following) == (0, None)
        assert await database.histories.of_runs([run], key, 5) == []
        assert await database.samples.sampled([run], key, 5) == []
