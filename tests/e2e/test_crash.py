"""A server that is killed while it works has lost nothing that it acknowledged, and stores no repeat twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from milepost import v1 as pb
from support.crash_writers import Answered, StreamWriter, UnaryWriter, Writer, write_until_refused
from support.history_checker import FLAWLESS, Track, judge
from support.server_process import ServerProcess, call
from support.values import unique

KILLS = int(os.environ.get("MILEPOST_KILLS", "10"))
STREAMS = 8
UNARY = 4
RECORDERS = 2
METRICS = 3
# Answers after which the server is killed, at most; the other writers are at work then.
MOST_ANSWERS = 400
CREATE_RUN = "milepost.v1.TrackingService/CreateRun"
LIST_RUNS = "milepost.v1.TrackingService/ListRuns"
LOG_BATCH = "milepost.v1.TrackingService/LogBatch"


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
class Recorder:
    """A client that creates a run and logs its params one by one, and remembers all of it."""

    steps: list[Step] = field(default_factory=list)

    async def write(self, channel: grpc.aio.Channel, answered: Answered) -> None:
        """Repeats what had no answer, then writes to a new run until the server is gone."""
        await self.finish(channel)
        for step in self._endless():
            self.steps.append(step)
            await step.send(channel)
            answered()

    async def finish(self, channel: grpc.aio.Channel) -> None:
        """Repeats the last two requests: one that had its answer, and one that perhaps had not."""
        for step in self.steps[-2:]:
            await step.send(channel)

    def _endless(self) -> Iterator[Step]:
        create = Step(CREATE_RUN, pb.CreateRunRequest(request_id=unique(), run=pb.Run(name=unique())))
        yield create
        assert isinstance(create.answer, pb.CreateRunResponse)
        for number in range(1_000_000):
            batch = pb.LogBatchRequest(request_id=unique(), run_id=create.answer.run.run_id)
            batch.params[f"p{number}"].int_value = number
            yield Step(LOG_BATCH, batch)

    def check(self, stored: dict[str, pb.Run]) -> None:
        """All that was sent, and by now has been answered, is stored."""
        assert all(step.answer for step in self.steps)
        for step in self.steps:
            if step.method == LOG_BATCH:
                params = stored[step.request.run_id].params
                assert {key: params[key] for key in step.request.params} == dict(step.request.params)


def tracks_of(runs: Sequence[str]) -> list[list[Track]]:
    """For each writer of points, what it writes: several writers share each metric of each run."""
    return [
        [Track(runs[writer % len(runs)], f"metric-{key}", writer) for key in range(METRICS)]
        for writer in range(STREAMS + UNARY)
    ]


async def write_until_killed(server: ServerProcess, clients: Sequence[Writer], answers: int) -> None:
    """Lets all clients write, and kills the server in the midst of it."""
    left = answers

    def answered() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            server.kill()

    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        ends = await asyncio.gather(*(write_until_refused(client, channel, answered) for client in clients))
    assert set(ends) == {grpc.StatusCode.UNAVAILABLE}
    assert server.wait() == -9


async def create_runs(server: ServerProcess, number: int) -> list[str]:
    """Ids of new runs."""
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        created = [
            await call(channel, CREATE_RUN, pb.CreateRunRequest(run=pb.Run(name="points"))) for _ in range(number)
        ]
    return [answer.run.run_id for answer in created]


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_killed_servers_lose_nothing_acknowledged_and_store_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(0)
    server = await asyncio.to_thread(ServerProcess, tmp_path / "data", "--synchronous", "FULL")
    tracks = tracks_of(await create_runs(server, 3))
    points: list[Writer] = [StreamWriter(own) for own in tracks[:STREAMS]]
    points += [UnaryWriter(own) for own in tracks[STREAMS:]]
    recorders = [Recorder() for _ in range(RECORDERS)]
    for _ in range(KILLS):
        await write_until_killed(server, [*points, *recorders], chance.randint(1, MOST_ANSWERS))
        server = await asyncio.to_thread(ServerProcess, tmp_path / "data", "--synchronous", "FULL")
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            await asyncio.gather(*(client.finish(channel) for client in [*points, *recorders]))
            verdict = await judge(channel, [track for own in tracks for track in own])
            unheard = sum(writer.unheard for writer in points if isinstance(writer, StreamWriter))
            print(f"{verdict}, acknowledgements that were lost: {unheard}")
            assert verdict.flaws() == FLAWLESS
            assert verdict.stored == verdict.acknowledged > KILLS
            await check_records(channel, recorders)
    finally:
        server.terminate()
        assert await asyncio.to_thread(server.wait) == 0


async def check_records(channel: grpc.aio.Channel, recorders: Sequence[Recorder]) -> None:
    """Compares runs and params with what was sent."""
    listed = await call(
        channel, LIST_RUNS, pb.ListRunsRequest(view=pb.VIEW_ALL, page_size=1000, filter="name != 'points'")
    )
    steps = [step for recorder in recorders for step in recorder.steps]
    created = Counter(step.request.run.name for step in steps if step.method == CREATE_RUN)
    assert Counter(run.name for run in listed.runs) == created
    for recorder in recorders:
        recorder.check({run.run_id: run for run in listed.runs})
