"""Units of work on PostgreSQL: conflicts are repeated, and a database that is busy or away is said to be so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from milepost import v1 as pb
from milepost_server.errors import Aborted, DomainError, ResourceExhausted, Unavailable
from milepost_server.storage.base import Storage, Transaction
from support.databases import opened
from support.postgres import Postgres
from support.values import unique

Unit = Callable[[Transaction], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped: no other test uses it."""
    running = Postgres()
    yield running
    running.stop()


@asynccontextmanager
async def holding_a_connection(storage: Storage) -> AsyncIterator[None]:
    """Keeps one connection busy."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        begun.set()
        await go_on.wait()

    holding = asyncio.create_task(storage.write(hold))
    await begun.wait()
    try:
        yield
    finally:
        go_on.set()
        await holding


@pytest_asyncio.fixture
async def storage(postgres: Postgres) -> AsyncIterator[Storage]:
    """An empty database, and a pool of four connections."""
    async with opened(postgres.create_database()) as made:
        yield made


def create(name: str) -> Unit:
    """A unit of work that creates an experiment and returns its number, or None when it is there."""
    return lambda tx: tx.experiments.create(pb.Experiment(name=name), 1)


async def find(storage: Storage, name: str) -> pb.Experiment | None:
    """The stored experiment of that name."""
    return await storage.read(lambda tx: tx.experiments.find(name))


async def refusal(call: Awaitable[object]) -> DomainError:
    """What a call is refused with."""
    with pytest.raises(DomainError) as caught:
        await call
    return caught.value


async def test_units_that_wait_for_each_other_are_both_done(storage: Storage) -> None:
    numbers = [await storage.write(create(unique())) for _ in range(2)]
    both_began = asyncio.Barrier(2)
    tries = [0, 0]

    def unit(which: int) -> Unit:
        async def work(tx: Transaction) -> None:
            tries[which] += 1
            await tx.experiments.lock(numbers[which])
            if tries[which] == 1:
                await both_began.wait()
            await tx.experiments.lock(numbers[1 - which])
            await tx.experiments.set_tags(numbers[which], {"tries": str(tries[which])})

        return work

    await asyncio.gather(storage.write(unit(0)), storage.write(unit(1)))
    assert sorted(tries) == [1, 2]
    stored = await storage.read(lambda tx: tx.experiments.get_many(numbers))
    assert sorted(experiment.tags["tries"] for experiment in stored.values()) == ["1", "2"]


async def test_a_unit_that_always_conflicts_is_aborted_and_leaves_nothing(storage: Storage) -> None:
    name = unique()

    async def work(tx: Transaction) -> None:
        await create(name)(tx)
        raise asyncpg.SerializationError("somebody else was first")

    error = await refusal(storage.write(work))
    assert isinstance(error, Aborted)
    assert error.retry_after_s
    assert await find(storage, name) is None


async def test_one_of_many_creates_the_name_and_the_others_see_it(storage: Storage) -> None:
    name = unique()
    numbers = await asyncio.gather(*(storage.write(create(name)) for _ in range(12)))
    assert len([number for number in numbers if number is not None]) == 1


async def test_the_work_of_a_cancelled_caller_is_committed(storage: Storage) -> None:
    name = unique()
    written, go_on = asyncio.Event(), asyncio.Event()

    async def work(tx: Transaction) -> None:
        await create(name)(tx)
        written.set()
        await go_on.wait()

    task = asyncio.create_task(storage.write(work))
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    # The same name waits for the transaction that has it.
    assert await storage.write(create(name)) is None
    assert await find(storage, name)


async def test_who_finds_no_free_connection_is_told_to_come_again(postgres: Postgres) -> None:
    async with opened(postgres.create_database(), pool_size=1) as storage:
        async with holding_a_connection(storage):
            error = await refusal(find(storage, "Default"))
        assert isinstance(error, ResourceExhausted)
        assert error.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS
        assert error.retry_after_s
        assert await find(storage, "Default")


async def test_a_database_that_takes_no_more_connections_is_no_defect(postgres: Postgres) -> None:
    url = make_url(postgres.create_database())
    role = unique("role").replace("-", "_")
    postgres.sql(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    postgres.sql(f"ALTER DATABASE {url.database} OWNER TO {role}")
    async with opened(url.set(username=role).render_as_string(), pool_size=2) as storage:
        async with holding_a_connection(storage):
            error = await refusal(find(storage, "Default"))
        assert isinstance(error, ResourceExhausted)
        assert error.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS
        assert await find(storage, "Default")


async def test_a_unit_whose_connection_ends_may_be_repeated(postgres: Postgres) -> None:
    url = postgres.create_database()
    database = make_url(url).database
    async with opened(url) as storage:
        name = unique()

        async def work(tx: Transaction) -> None:
            await create(name)(tx)
            await asyncio.to_thread(
                postgres.sql,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{database}' AND state = 'idle in transaction'",
            )
            await tx.experiments.find(name)

        error = await refusal(storage.write(work))
        assert isinstance(error, Unavailable)
        assert error.reason == pb.ERROR_REASON_DATABASE_UNAVAILABLE
        assert await find(storage, name) is None
        assert await storage.write(create(name))


async def test_calls_fail_as_unavailable_while_the_database_is_away_and_work_when_it_is_back(
    own_postgres: Postgres,
) -> None:
    async with opened(own_postgres.create_database()) as storage:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def interrupted(tx: Transaction) -> None:
            begun.set()
            await go_on.wait()
            await create(unique())(tx)

        task = asyncio.create_task(storage.write(interrupted))
        await begun.wait()
        name = unique()
        await storage.write(create(name))
        await asyncio.to_thread(own_postgres.crash)
        go_on.set()
        calls = (task, find(storage, name), storage.write(create(unique())), storage.ready())
        errors = [await refusal(call) for call in calls]
        await asyncio.to_thread(own_postgres.start)
        for error in errors:
            assert isinstance(error, Unavailable)
            assert error.reason == pb.ERROR_REASON_DATABASE_UNAVAILABLE
            assert error.retry_after_s
        await storage.ready()
        assert await find(storage, name)
        assert await storage.write(create(unique()))
