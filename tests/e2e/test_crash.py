"""A server that is killed while it works has lost nothing that it acknowledged, and stores no repeat twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from milepost import v1 as pb
from support.server_process import ServerProcess, call
from support.values import unique

WRITERS = 6
KILLS = 5
# Answers after which the server is killed; the other writers' calls are at work then.
ANSWERS = 70
CREATE_RUN = "milepost.v1.TrackingService/CreateRun"
LIST_RUNS = "milepost.v1.TrackingService/ListRuns"
LOG_BATCH = "milepost.v1.TrackingService/LogBatch"
LOG_METRICS = "milepost.v1.MetricService/LogMetrics"
HISTORY = "milepost.v1.MetricService/ListMetricHistory"


@dataclass
class Step:
    """A request, and its answer once there is one."""

    method: str
    request: Any
    answer: Message | None = None

    async def send(self, channel: grpc.aio.Channel) -> None:
        """Calls the server, with a `request_id` that makes the call safe to repeat."""
        answer = await call(channel, self.method, self.request)
        assert self.answer in (None, answer), "a repeat was answered otherwise"
        self.answer = answer


@dataclass
class Writer:
    """A client that writes one request after another, and remembers all of them."""

    steps: list[Step] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    async def write(self, channel: grpc.aio.Channel, answered: Callable[[], None]) -> None:
        """Repeats what had no answer, then writes to a new run until the server is gone."""
        try:
            # The last two: one that had its answer, and one that perhaps had not.
            for step in self.steps[-2:]:
                await step.send(channel)
            for step in self._endless():
                self.steps.append(step)
                await step.send(channel)
                answered()
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE, error  # noqa: PT017

    def _endless(self) -> Iterator[Step]:
        create = Step(CREATE_RUN, pb.CreateRunRequest(request_id=unique(), run=pb.Run(name=unique())))
        yield create
        assert isinstance(create.answer, pb.CreateRunResponse)
        run_id = create.answer.run.run_id
        values = self.values[run_id] = []
        for number in range(1_000_000):
            points = pb.MetricPoints(key="loss", values=[number, number + 0.5], steps=[number, number])
            values += points.values
            if number % 2:
                yield Step(LOG_METRICS, pb.LogMetricsRequest(request_id=unique(), run_id=run_id, metrics=[points]))
            else:
                batch = pb.LogBatchRequest(request_id=unique(), run_id=run_id, metrics=[points])
                batch.params[f"p{number}"].int_value = number
                yield Step(LOG_BATCH, batch)


async def write_until_killed(server: ServerProcess, writers: list[Writer]) -> None:
    """Lets all writers write, and kills the server in the midst of it."""
    answers = 0

    def answered() -> None:
        nonlocal answers
        answers += 1
        if answers == ANSWERS:
            server.kill()

    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        await asyncio.gather(*(writer.write(channel, answered) for writer in writers))
    assert server.wait() == -9


async def test_killed_servers_lose_nothing_acknowledged_and_store_nothing_twice(tmp_path: Path) -> None:
    writers = [Writer() for _ in range(WRITERS)]
    for _ in range(KILLS):
        server = await asyncio.to_thread(ServerProcess, tmp_path / "data", "--synchronous", "FULL")
        await write_until_killed(server, writers)
    server = await asyncio.to_thread(ServerProcess, tmp_path / "data")
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            for writer in writers:
                for step in writer.steps[-2:]:
                    await step.send(channel)
            await check(channel, writers)
    finally:
        server.terminate()
        assert await asyncio.to_thread(server.wait) == 0


async def check(channel: grpc.aio.Channel, writers: list[Writer]) -> None:
    """Compares all that is stored with all that was sent, which by now has been answered."""
    steps = [step for writer in writers for step in writer.steps]
    assert all(step.answer for step in steps)
    assert len(steps) >= KILLS * ANSWERS
    listed = await call(channel, LIST_RUNS, pb.ListRunsRequest(view=pb.VIEW_ALL, page_size=1000))
    created = Counter(step.request.run.name for step in steps if step.method == CREATE_RUN)
    assert Counter(run.name for run in listed.runs) == created
    stored = {run.run_id: run for run in listed.runs}
    for step in steps:
        if step.method == LOG_BATCH:
            params = stored[step.request.run_id].params
            assert {key: params[key] for key in step.request.params} == dict(step.request.params)
    for writer in writers:
        for run_id, values in writer.values.items():
            if values:
                history = await call(channel, HISTORY, pb.ListMetricHistoryRequest(run_id=run_id, metric_key="loss"))
                assert list(history.points.values) == values
