"""The database is killed under a server that stays: nothing acknowledged is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest

from milepost import v1 as pb
from support.crash_writers import Answered, StreamWriter, UnaryWriter, Writer, write_until_refused
from support.history_checker import FLAWLESS, Track, judge
from support.mariadb import Mariadb
from support.postgres import Postgres
from support.server_process import ServerProcess, call

KILLS = int(os.environ.get("MILEPOST_KILLS", "5"))
STREAMS = 8
UNARY = 4
METRICS = 3
MOST_ANSWERS = 200
# Between two attempts of a client.
BACK_OFF_S = 0.05
CREATE_RUN = "milepost.v1.TrackingService/CreateRun"


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Iterator[Postgres | Mariadb]:
    """A database server of the test's own, which keeps its commits."""
    if request.param == "mariadb":
        # Where there is none, this skips.
        request.getfixturevalue("mariadb")
    running = Postgres(durable=True) if request.param == "postgresql" else Mariadb()
    yield running
    running.stop()


class Answers:
    """Counts answers, and lets wait for so many more."""

    def __init__(self) -> None:
        self._left = 0
        self._enough = asyncio.Event()

    def __call__(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._enough.set()

    async def more(self, number: int) -> None:
        """Returns after so many more answers."""
        self._left = number
        self._enough.clear()
        await self._enough.wait()


async def write_forever(writer: Writer, channel: grpc.aio.Channel, answered: Answered) -> None:
    """Lets a writer go on, whatever refuses it."""
    while True:
        await write_until_refused(writer, channel, answered)
        await asyncio.sleep(BACK_OFF_S)


async def kill_again_and_again(database: Postgres | Mariadb, answers: Answers) -> None:
    """Kills the database under the writers, by turns in both ways where there are two, and starts it again."""
    kill = database.kill if isinstance(database, Postgres) else database.crash
    chance = random.Random(0)
    for number in range(KILLS):
        await answers.more(chance.randint(1, MOST_ANSWERS))
        await asyncio.to_thread(kill if number % 2 else database.crash)
        await asyncio.to_thread(database.start)
    await answers.more(1)


async def until_first(works: Sequence[asyncio.Task[None]]) -> None:
    """Returns, or fails, as the first of the tasks to end does, and stops the others."""
    done, others = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_killed_database_loses_nothing_acknowledged_and_holds_nothing_twice(
    tmp_path: Path, database: Postgres | Mariadb
) -> None:
    url = database.create_database()
    server = await asyncio.to_thread(ServerProcess, tmp_path / "data", "--database-url", url)
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            created = [await call(channel, CREATE_RUN, pb.CreateRunRequest(run=pb.Run())) for _ in range(3)]
            tracks = [
                [Track(created[writer % 3].run.run_id, f"metric-{key}", writer) for key in range(METRICS)]
                for writer in range(STREAMS + UNARY)
            ]
            writers: list[Writer] = [StreamWriter(own) for own in tracks[:STREAMS]]
            writers += [UnaryWriter(own) for own in tracks[STREAMS:]]
            answers = Answers()
            works = [asyncio.create_task(write_forever(writer, channel, answers)) for writer in writers]
            await until_first([asyncio.create_task(kill_again_and_again(database, answers)), *works])
            await asyncio.gather(*(writer.finish(channel) for writer in writers))
            verdict = await judge(channel, [track for own in tracks for track in own])
            unheard = sum(writer.unheard for writer in writers if isinstance(writer, StreamWriter))
            print(f"{verdict}, acknowledgements that were lost: {unheard}")
            assert verdict.flaws() == FLAWLESS
            assert verdict.stored == verdict.acknowledged > KILLS
    finally:
        server.terminate()
        assert await asyncio.to_thread(server.wait) == 0
