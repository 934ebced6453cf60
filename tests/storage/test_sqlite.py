"""Units of work on SQLite: grouped commits that nobody notices, one thread that writes, and a disk that fills up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from milepost import v1 as pb
from milepost_server.errors import NotFound, ResourceExhausted, Unavailable
from milepost_server.storage.base import Transaction
from milepost_server.storage.sql.sqlite import SqliteStorage
from support.databases import opened, sqlite_url
from support.values import unique

T = TypeVar("T")


@pytest_asyncio.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    """An empty database."""
    async with opened(sqlite_url(tmp_path)) as made:
        assert isinstance(made, SqliteStorage)
        yield made


@asynccontextmanager
async def busy(storage: SqliteStorage) -> AsyncIterator[Callable[[], None]]:
    """Keeps the writer at work until the function given is called, so that what is written meanwhile is one group."""
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def hold(tx: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()

    holding = asyncio.create_task(storage.write(hold))
    await begun.wait()
    try:
        yield go_on.set
    finally:
        go_on.set()
        await holding


def create(name: str) -> Callable[[Transaction], Coroutine[Any, Any, int]]:
    """A unit of work that creates an experiment and returns its number."""

    async def work(tx: Transaction) -> int:
        number = await tx.experiments.create(pb.Experiment(name=name), 1)
        assert number is not None
        return number

    return work


def create_and_fail(name: str) -> Callable[[Transaction], Coroutine[Any, Any, int]]:
    """A unit of work that writes, and then refuses."""

    async def work(tx: Transaction) -> int:
        await create(name)(tx)
        raise NotFound(name, reason=pb.ERROR_REASON_RUN_NOT_FOUND)

    return work


async def names(storage: SqliteStorage) -> set[str]:
    """Names of the experiments that are stored, without the one that is always there."""
    found = await storage.read(lambda tx: tx.experiments.get_many(range(1000)))
    return {experiment.name for experiment in found.values()} - {"Default"}


async def submit(storage: SqliteStorage, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
    """Begins to write and returns once the unit of work waits for its turn."""
    task = asyncio.create_task(storage.write(work))
    await asyncio.sleep(0)
    return task


async def test_a_unit_that_fails_takes_nothing_of_its_group_with_it(storage: SqliteStorage) -> None:
    async with busy(storage):
        tasks = [await submit(storage, work) for work in (create("a"), create_and_fail("b"), create("c"))]
    first, failed, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(failed, NotFound)
    assert await names(storage) == {"a", "c"}
    found = await storage.read(lambda tx: tx.experiments.get_many([first, last]))  # type: ignore[list-item]
    assert [experiment.name for experiment in found.values()] == ["a", "c"]


async def test_each_caller_gets_its_own_result_or_error(storage: SqliteStorage) -> None:
    def answer(number: int) -> Callable[[Transaction], Coroutine[Any, Any, int]]:
        async def work(tx: Transaction) -> int:
            if number % 3 == 0:
                raise ValueError(str(number))
            return number

        return work

    async with busy(storage):
        tasks = [await submit(storage, answer(number)) for number in range(20)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == [str(number) for number in range(20)]
    assert [isinstance(result, ValueError) for result in results] == [number % 3 == 0 for number in range(20)]


async def test_an_error_of_the_database_is_that_of_one_unit(storage: SqliteStorage) -> None:
    async def twice(tx: Transaction) -> None:
        for _ in range(2):
            await tx.runs.log_params(await _run(tx), {})

    async def _run(tx: Transaction) -> Any:
        # No experiment has this number: the foreign key refuses the run.
        return await tx.runs.create(pb.Run(run_id=unique(), experiment_id="999999", state=pb.Run.STATE_RUNNING), 1)

    async with busy(storage):
        bad, good = await submit(storage, twice), await submit(storage, create("good"))
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await bad
    assert await good
    assert await names(storage) == {"good"}


async def test_the_work_of_a_cancelled_caller_is_committed(storage: SqliteStorage) -> None:
    async with busy(storage):
        task = await submit(storage, create("kept"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await storage.write(create("next"))
    assert await names(storage) == {"kept", "next"}


async def test_the_error_of_a_cancelled_caller_is_nobodys(storage: SqliteStorage) -> None:
    async with busy(storage):
        task = await submit(storage, create_and_fail("gone"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await storage.write(create("next"))
    assert await names(storage) == {"next"}


async def test_close_finishes_what_was_accepted_and_refuses_what_comes_then(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path)) as storage:
        assert isinstance(storage, SqliteStorage)
        async with busy(storage) as go_on:
            task = await submit(storage, create("accepted"))
            closing = asyncio.create_task(storage.close())
            await asyncio.sleep(0)
            with pytest.raises(Unavailable) as caught:
                await storage.write(create("late"))
            go_on()
            await closing
        assert caught.value.reason == pb.ERROR_REASON_SHUTTING_DOWN
        assert await task
    async with opened(sqlite_url(tmp_path)) as again:
        assert isinstance(again, SqliteStorage)
        assert await names(again) == {"accepted"}


@pytest.mark.parametrize("way", ["read", "scan", "write"])
async def test_waiting_for_anything_but_the_transaction_is_refused(storage: SqliteStorage, way: str) -> None:
    async def wait(tx: Transaction) -> None:
        if way == "write":
            await create("half")(tx)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waited for something that is not its transaction"):
        await getattr(storage, way)(wait)
    assert await names(storage) == set()
    assert await storage.write(create("next"))


async def test_what_is_not_committed_is_seen_by_nobody_else(storage: SqliteStorage) -> None:
    written, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def work(tx: Transaction) -> None:
        await create("a")(tx)
        loop.call_soon_threadsafe(written.set)
        go_on.wait()

    task = asyncio.create_task(storage.write(work))
    await written.wait()
    assert await names(storage) == set()
    go_on.set()
    await task
    assert await names(storage) == {"a"}


async def test_reading_units_cannot_write(storage: SqliteStorage) -> None:
    for way in (storage.read, storage.scan):
        with pytest.raises(Exception, match="readonly"):
            await way(create("a"))
    assert await names(storage) == set()


def modes_below(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_the_file_is_for_its_owner_only(storage: SqliteStorage, tmp_path: Path) -> None:
    await storage.write(create("a"))
    modes = modes_below(tmp_path)
    assert modes == {"milepost.db": 0o600, "milepost.db-wal": 0o600, "milepost.db-shm": 0o600}


async def test_a_full_disk_stops_writing_only_and_only_for_a_while(storage: SqliteStorage) -> None:
    async def fill(tx: Transaction) -> int | None:
        return await tx.experiments.create(pb.Experiment(name=unique(), description="x" * 100_000), 1)

    await storage.write(create("before"))
    # The limit of SQLite's own: it reports what it does when the file system has no room.
    limit = storage._writer.driver.execute("PRAGMA page_count").fetchone()[0] + 10
    storage._writer.driver.execute(f"PRAGMA max_page_count = {limit}")
    async with busy(storage):
        small, large = await submit(storage, create("small")), await submit(storage, fill)
    with pytest.raises(ResourceExhausted) as caught:
        await large
    assert caught.value.reason == pb.ERROR_REASON_STORAGE_FULL
    assert caught.value.retry_after_s
    # Its neighbour may have been dropped with it, or not; it was told the truth.
    stored = {"before", "small"} if small.exception() is None else {"before"}
    assert await names(storage) == stored
    storage._writer.driver.execute("PRAGMA max_page_count = 1000000")
    assert await storage.write(fill)


async def test_a_light_write_waits_for_another_process_and_holds_up_no_reader(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "milepost.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(storage.write(create("a"), light=True))
        # The write has come to the lock once something that was asked for after it is answered.
        for _ in range(3):
            assert await storage.scan(lambda tx: tx.experiments.find("a")) is None
        assert not writing.done()
        other.execute("COMMIT")
        await writing
    assert await names(storage) == {"a"}


@pytest.mark.parametrize("light", [False, True])
async def test_a_write_that_fails_half_way_takes_nothing_of_its_group_with_it(
    storage: SqliteStorage, light: bool
) -> None:
    async def fail(tx: Transaction) -> int:
        await create("half")(tx)
        raise ValueError("half way")

    outcomes = await asyncio.gather(
        *(storage.write(work, light=light) for work in (create("a"), fail, create("b"))), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [int, ValueError, int]
    assert await names(storage) == {"a", "b"}
