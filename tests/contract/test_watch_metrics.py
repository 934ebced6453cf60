"""Watches of metric points tell each point once, in stored order, exact to the bit."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.rest_api import RestApi
from support.values import INT64_MAX, INT64_MIN, PAYLOAD_NAN, QUIET_NAN, bits, points, unique
from support.watching import Watch


@dataclass
class Known:
    """What a reader of the messages knows: columns of points by run and key."""

    token: str = ""
    messages: int = 0
    series: dict[tuple[str, str], pb.MetricPoints] = field(default_factory=dict)
    skipped: int = 0

    def take(self, message: pb.WatchMetricsResponse) -> None:
        self.messages += 1
        self.token = message.resume_token
        for told in message.series:
            key = told.run_id, told.points.key
            if told.restarted or key not in self.series:
                self.series[key] = pb.MetricPoints()
            self.series[key].MergeFrom(told.points)
            self.skipped += told.skipped

    def values(self, run: pb.Run, key: str) -> list[float]:
        return list(self.series[run.run_id, key].values)

    async def until(self, watch: Watch, run: pb.Run, key: str, count: int) -> None:
        """Reads on until so many points of a metric are known."""
        while len(self.series.get((run.run_id, key), pb.MetricPoints()).values) != count:
            message = await watch.next()
            assert message is not None
            self.take(message)


async def test_watch_begins_with_what_is_stored_and_goes_on_with_what_comes(api: Api, run: pb.Run) -> None:
    # JSON has one NaN only.
    values = [PAYLOAD_NAN if api.transport == "grpc" else QUIET_NAN, -0.0, math.inf, 5e-324]
    sent = points("m", values, [INT64_MIN, 0, 0, INT64_MAX], [INT64_MAX, 1, 0, INT64_MIN])
    await api.log_metrics(run.run_id, sent)
    known = Known()
    async with api.watch_metrics([run.run_id]) as watch:
        await known.until(watch, run, "m", 4)
        await api.log_metrics(run.run_id, sent)
        await known.until(watch, run, "m", 8)
        stored = known.series[run.run_id, "m"]
        assert bits(stored.values) == bits(values * 2)
        assert list(stored.steps) == [*sent.steps] * 2
        assert list(stored.timestamps_ms) == [*sent.timestamps_ms] * 2
        await api.log_metrics(run.run_id, points("later", [1.0]))
        await known.until(watch, run, "later", 1)


async def test_watch_of_named_metrics_tells_no_others(api: Api, run: pb.Run) -> None:
    known = Known()
    async with api.watch_metrics([run.run_id], "a", "b") as watch:
        assert not (await watch.next()).series
        await api.log_metrics(run.run_id, points("a", [1.0]), points("c", [1.0]))
        await api.log_metrics(run.run_id, points("b", [1.0]))
        await known.until(watch, run, "b", 1)
    assert {key for _, key in known.series} == {"a", "b"}


async def test_each_point_comes_once_over_many_reconnects(api: Api, run: pb.Run) -> None:
    async def write() -> None:
        for step in range(60):
            await api.log_metrics(run.run_id, points("a", [step, step + 0.5]), points(f"b{step % 5}", [step]))

    writing = asyncio.create_task(write())
    known = Known()
    while len(known.series.get((run.run_id, "a"), pb.MetricPoints()).values) < 120:
        async with api.watch_metrics([run.run_id], resume_token=known.token) as watch:
            known.take(await watch.next())
    await writing
    assert known.values(run, "a") == [value for step in range(60) for value in (step, step + 0.5)]
    assert [known.values(run, f"b{index}") for index in range(5)] == [list(range(index, 60, 5)) for index in range(5)]


async def test_points_that_are_taken_back_are_told(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", range(10)), points("n", range(10)))
    known = Known()
    async with api.watch_metrics([run.run_id]) as watch:
        await known.until(watch, run, "n", 10)
        await api.rewind_metrics(run.run_id, 3)
        await known.until(watch, run, "m", 4)
        assert known.values(run, "n") == [0, 1, 2, 3]
        await api.log_metrics(run.run_id, points("m", [40.0], [4]))
        await known.until(watch, run, "m", 5)
        assert known.values(run, "m") == [0, 1, 2, 3, 40]
        await api.delete_metrics(run.run_id, "m")
        await known.until(watch, run, "m", 0)
        await api.log_metrics(run.run_id, points("m", [7.0]))
        await known.until(watch, run, "m", 1)
        assert known.values(run, "m") == [7]


async def test_points_that_are_taken_back_while_nobody_watches_are_told(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, *(points(key, range(10)) for key in "abc"))
    known = Known()
    async with api.watch_metrics([run.run_id]) as watch:
        await known.until(watch, run, "c", 10)
    await api.rewind_metrics(run.run_id, 1, "a")
    await api.delete_metrics(run.run_id, "b", "c")
    await api.log_metrics(run.run_id, points("b", [5.0]))
    async with api.watch_metrics([run.run_id], resume_token=known.token) as watch:
        await known.until(watch, run, "b", 1)
    assert [known.values(run, key) for key in "abc"] == [[0, 1], [5], []]


async def test_more_points_than_wanted_are_thinned_and_keep_their_extremes(api: Api, run: pb.Run) -> None:
    values = [math.sin(index) for index in range(5000)]
    values[2345], values[3456] = 100.0, -100.0
    await api.log_metrics(run.run_id, points("m", values))
    known = Known()
    async with api.watch_metrics([run.run_id], max_points=100) as watch:
        known.take(await watch.next())
        told = known.series[run.run_id, "m"]
        assert len(told.values) <= 100
        assert len(told.values) + known.skipped == 5000
        assert {values[0], values[-1], 100.0, -100.0} <= set(told.values)
        assert list(told.steps) == sorted(told.steps)
        await api.log_metrics(run.run_id, points("m", [1.0, 2.0, 3.0]))
        told_before = len(told.values)
        await known.until(watch, run, "m", told_before + 3)


async def test_slow_reader_gets_few_messages_and_all_points(api: Api, run: pb.Run) -> None:
    known = Known()
    async with api.watch_metrics([run.run_id]) as watch:
        known.take(await watch.next())
        for step in range(200):
            await api.log_metrics(run.run_id, points("m", [step], [step]))
        await known.until(watch, run, "m", 200)
    assert known.values(run, "m") == list(range(200))
    assert known.messages < 150


async def test_many_points_come_in_several_messages(api: Api, run: pb.Run) -> None:
    for key in ("a", "b", "c"):
        await api.log_metrics(run.run_id, points(key, range(40_000)))
    known = Known()
    async with api.watch_metrics([run.run_id], max_points=100_000) as watch:
        known.take(await watch.next())
    assert list(known.series) == [(run.run_id, "a")]
    async with api.watch_metrics([run.run_id], max_points=50_000, resume_token=known.token) as watch:
        await known.until(watch, run, "c", 40_000)
    assert all(known.values(run, key) == list(range(40_000)) for key in "abc")


async def test_points_of_metric_streams_are_told(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    known = Known()
    async with grpc_api.watch_metrics([run.run_id]) as watch, grpc_api.stream_metrics() as stream:
        known.take(await watch.next())
        await stream.open(run.run_id, "writer")
        await stream.send(1, points("m", range(3)))
        await known.until(watch, run, "m", 3)
        await stream.send(2, points("m", range(3, 6)))
        await known.until(watch, run, "m", 6)
    assert known.values(run, "m") == list(range(6))


async def test_runs_that_do_not_exist_are_left_out_until_they_do(api: Api, run: pb.Run) -> None:
    later = pb.Run(run_id=unique())
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.watch_metrics([later.run_id]).next()
    known = Known()
    async with api.watch_metrics([later.run_id, run.run_id]) as watch:
        known.take(await watch.next())
        await api.create_run(run_id=later.run_id)
        await api.log_metrics(later.run_id, points("m", [1.0]))
        await known.until(watch, later, "m", 1)
        await api.delete_run(later.run_id)
        await api.purge_run(later.run_id)
        await known.until(watch, later, "m", 0)


async def test_token_of_another_watch_is_refused(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0]))
    async with api.watch_metrics([run.run_id]) as watch:
        token = (await watch.next()).resume_token
    other = await api.create_run()
    for refusing in (
        api.watch_metrics([run.run_id], "m", resume_token=token),
        api.watch_metrics([other.run_id], resume_token=token),
        api.watch_metrics([run.run_id], resume_token=token[:-3]),
        api.watch_metrics([run.run_id], resume_token="AAAA" * 10),
    ):
        with refused("INVALID_ARGUMENT", "BAD_RESUME_TOKEN"):
            await refusing.next()


async def test_event_source_goes_on_behind_its_last_event(rest_api: RestApi) -> None:
    run = await rest_api.create_run()
    await rest_api.log_metrics(run.run_id, points("m", [1.0]))
    method, request = "milepost.v1.MetricService/WatchMetrics", pb.WatchMetricsRequest(run_ids=[run.run_id])
    async with rest_api.watch(method, request) as watch:
        first = await watch.next()
    request.resume_token = first.resume_token
    await rest_api.log_metrics(run.run_id, points("m", [2.0]))
    async with rest_api.watch(method, request) as watch:
        second = await watch.next()
    await rest_api.log_metrics(run.run_id, points("m", [3.0]))
    # It calls the same address again, with the token that it began with.
    async with rest_api.watch(method, request, {"last-event-id": second.resume_token}) as watch:
        third = await watch.next()
    assert [list(one.series[0].points.values) for one in (first, second, third)] == [[1.0], [2.0], [3.0]]
    with refused("INVALID_ARGUMENT", "BAD_RESUME_TOKEN"):
        await rest_api.watch(method, request, {"last-event-id": "x"}).next()


@pytest.mark.parametrize("target", ["/v1/runs/{}:watch", "/v1/metrics:watch?runIds={}"])
async def test_watch_is_also_lines_of_json(rest_api: RestApi, target: str) -> None:
    run = await rest_api.create_run()
    await rest_api.log_metrics(run.run_id, points("m", [1.0]))
    async with rest_api._http.stream("GET", target.format(run.run_id)) as response:
        assert response.headers["content-type"] == "application/x-ndjson"
        line = await anext(response.aiter_lines())
    assert json.loads(line)["result"]["resumeToken"]
