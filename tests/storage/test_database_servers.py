"""Units of work on database servers: conflicts are repeated, and one that is busy or away is said to be so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncmy.errors
import asyncpg
import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost_server.errors import Aborted, DomainError, ResourceExhausted, Unavailable
from milepost_server.storage.base import RunKey, Storage, Transaction
from support.databases import DatabaseServer, opened
from support.values import unique

CONFLICTS = {
    "postgresql": asyncpg.SerializationError("somebody else was first"),
    "mariadb": asyncmy.errors.OperationalError(1213, "somebody else was first"),
}
Unit = Callable[[Transaction], Coroutine[Any, Any, Any]]


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


@asynccontextmanager
async def opened_when_free(url: str) -> AsyncIterator[Storage]:
    """A busy database: a connection that was closed, as those of the first look, counts until the database saw it."""
    async with AsyncExitStack() as stack:
        storage = None
        while storage is None:
            with suppress(Unavailable):
                storage = await stack.enter_async_context(opened(url, pool_size=2))
        yield storage


@pytest_asyncio.fixture
async def storage(database_server: DatabaseServer) -> AsyncIterator[Storage]:
    """An empty database, and a pool of four connections."""
    async with opened(database_server.create_database()) as made:
        yield made


def create(name: str) -> Unit:
    """A unit of work that creates an experiment and returns its number, or None when it is there."""
    return lambda tx: tx.experiments.create(pb.Experiment(name=name), 1)


async def find(storage: Storage, name: str) -> pb.Experiment | None:
    """The stored experiment of that name."""
    return await storage.read(lambda tx: tx.experiments.find(name))


async def answer(call: Awaitable[object]) -> object:
    """What a call answers, or is refused with."""
    try:
        return await call
    except DomainError as error:
        return error


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
    # One gave way, or each in turn.
    assert max(tries) > 1
    stored = await storage.read(lambda tx: tx.experiments.get_many(numbers))
    assert [stored[number].tags["tries"] for number in numbers] == [str(count) for count in tries]


async def test_rows_of_one_run_are_removed_while_those_of_another_are_locked(storage: Storage) -> None:
    def append(key: RunKey) -> Unit:
        metric = pb.MetricPoints(key="a", steps=[1], timestamps_ms=[1], values=[1.0])
        return lambda tx: tx.metrics.append(key, [metric], 1)

    async def create_run(tx: Transaction) -> RunKey:
        key = await tx.runs.create(pb.Run(experiment_id="0", run_id=unique()), 1)
        assert key is not None
        await append(key)(tx)
        return key

    async def append_and_remove(tx: Transaction) -> None:
        await append(first)(tx)
        assert await storage.write(lambda other: other.metrics.remove(second, ["a"])) == 1

    first, second = await storage.write(create_run), await storage.write(create_run)
    await storage.write(append_and_remove)
    assert not await storage.read(lambda tx: tx.metrics.known(second, []))


async def test_a_unit_that_always_conflicts_is_aborted_and_leaves_nothing(storage: Storage) -> None:
    name = unique()

    async def work(tx: Transaction) -> None:
        await create(name)(tx)
        raise CONFLICTS[storage.kind]

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


async def test_who_finds_no_free_connection_is_told_to_come_again(database_server: DatabaseServer) -> None:
    async with opened(database_server.create_database(), pool_size=1) as storage:
        async with holding_a_connection(storage):
            error = await refusal(find(storage, "Default"))
        assert isinstance(error, ResourceExhausted)
        assert error.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS
        assert error.retry_after_s
        assert await find(storage, "Default")


async def test_a_database_that_takes_no_more_connections_is_no_defect(database_server: DatabaseServer) -> None:
    async with opened_when_free(database_server.create_busy_database()) as storage:
        async with holding_a_connection(storage):
            error = await refusal(find(storage, "Default"))
        assert isinstance(error, ResourceExhausted)
        assert error.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS
        # The database may take a moment to see that the connection is free.
        while isinstance(await answer(find(storage, "Default")), ResourceExhausted):
            pass
        assert await find(storage, "Default")


async def test_a_unit_whose_connection_ends_may_be_repeated(database_server: DatabaseServer) -> None:
    url = database_server.create_database()
    async with opened(url) as storage:
        name = unique()

        async def work(tx: Transaction) -> None:
            await create(name)(tx)
            await asyncio.to_thread(database_server.end_transactions, url)
            await tx.experiments.find(name)

        error = await refusal(storage.write(work))
        assert isinstance(error, Unavailable)
        assert error.reason == pb.ERROR_REASON_DATABASE_UNAVAILABLE
        assert await find(storage, name) is None
        assert await storage.write(create(name))


async def test_calls_fail_as_unavailable_while_the_database_is_away_and_work_when_it_is_back(
    own_database_server: DatabaseServer,
) -> None:
    async with opened(own_database_server.create_database()) as storage:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def interrupted(tx: Transaction) -> None:
            begun.set()
            await go_on.wait()
            await create(unique())(tx)

        task = asyncio.create_task(storage.write(interrupted))
        await begun.wait()
        name = unique()
        await storage.write(create(name))
        await asyncio.to_thread(own_database_server.crash)
        go_on.set()
        calls = (task, find(storage, name), storage.write(create(unique())), storage.ready())
        errors = [await refusal(call) for call in calls]
        await asyncio.to_thread(own_database_server.start)
        for error in errors:
            assert isinstance(error, Unavailable)
            assert error.reason == pb.ERROR_REASON_DATABASE_UNAVAILABLE
            assert error.retry_after_s
        await storage.ready()
        assert await find(storage, name)
        assert await storage.write(create(unique()))
