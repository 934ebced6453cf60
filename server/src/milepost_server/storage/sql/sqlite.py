"""SQLite: one writer thread with group commit, point reads in the event loop, scans on a few threads.

A unit of work is a coroutine, but nothing in it ever waits here: the driver is called directly. So it is run to its end
by one `send`, in whatever thread owns the connection, and a call needs one thread hop at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.engine import Dialect

from milepost import v1 as pb
from milepost_server.errors import Unavailable
from milepost_server.storage.base import Changed, ChangeListener, Transaction
from milepost_server.storage.sql.outages import disk_full, unavailable
from milepost_server.storage.sql.statements import Row, Statement
from milepost_server.storage.sql.transaction import SqlTransaction

SQLITE: Dialect = pysqlite.dialect(paramstyle="named")

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

# A group holds up its first member by what its last one costs.
_MAX_GROUP = 512
# Added to a write when the group before had several; a lone caller never waits. 10% more writes a second by 32 callers.
_GATHER_S = 0.001
_SCAN_THREADS = 3
_BUSY_TIMEOUT_MS = 10_000


class SqliteConnection:
    """A driver connection as statements see it."""

    dialect = SQLITE

    def __init__(self, path: str, artifact_root: str, *, synchronous: str = "FULL", read_only: bool = False) -> None:
        self._artifact_root = artifact_root
        self.driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        self.driver.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        self.driver.execute("PRAGMA foreign_keys = ON")
        self.driver.execute(f"PRAGMA synchronous = {synchronous}")
        self.driver.execute("PRAGMA cache_size = -16000")
        if read_only:
            self.driver.execute("PRAGMA query_only = ON")

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Row]:
        compiled = statement.compiled(SQLITE)
        return self.driver.execute(compiled.sql, {**compiled.own, **values} if compiled.own else values).fetchall()

    async def execute(self, statement: Statement, **values: Any) -> int:
        compiled = statement.compiled(SQLITE)
        return self.driver.execute(compiled.sql, {**compiled.own, **values} if compiled.own else values).rowcount

    async def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        self.driver.executemany(statement.compiled(SQLITE).sql, rows)

    async def compute(self, work: Callable[[], T]) -> T:
        # A unit that reads much runs on a thread of its own.
        return work()

    def array(self, values: Sequence[Any]) -> str:
        return json.dumps(list(values))

    def run(self, work: Work[T], noted: set[Changed]) -> T:
        """Runs a unit of work to its end, within the transaction that is open; `noted` takes what it changes."""
        coroutine = cast("Any", work(SqlTransaction(self, self._artifact_root, noted)))
        try:
            coroutine.send(None)
        except StopIteration as end:
            return cast("T", end.value)
        coroutine.close()
        raise RuntimeError("a unit of work waited for something that is not its transaction")

    def snapshot(self, work: Work[T]) -> T:
        """Runs a unit of work that reads, on one state of the database."""
        self.driver.execute("BEGIN")
        try:
            return self.run(work, set())
        except sqlite3.Error as error:
            raise translate(error) from error
        finally:
            self.driver.execute("COMMIT")


def _use_wal(driver: sqlite3.Connection) -> None:
    """Switches to WAL, which SQLite does only while nobody else has the file open, and without waiting for that."""
    give_up = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Work[T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    changed: set[Changed] = field(default_factory=set)
    result: Any = None
    error: BaseException | None = None


class SqliteStorage:
    """A SQLite database in WAL mode, owned by this process.

    Args:
        path: The database file, which has the current schema.
        artifact_root: URL of the folder that holds the experiments' folders.
        synchronous: `FULL` (every commit is on disk before it is acknowledged) or `NORMAL`.
    """

    kind = "sqlite"
    recheck_s: float | None = None

    def __init__(self, path: Path, artifact_root: str, synchronous: str = "FULL") -> None:
        self._writer = SqliteConnection(str(path), artifact_root, synchronous=synchronous)
        _use_wal(self._writer.driver)
        self._reader = SqliteConnection(str(path), artifact_root, read_only=True)
        self._versions = self._reader.driver.cursor()
        self._path, self._artifact_root = str(path), artifact_root
        self._scanners = threading.local()
        self._scan_connections: list[SqliteConnection] = []
        self._pool = ThreadPoolExecutor(_SCAN_THREADS, thread_name_prefix="milepost-scan")
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_groups, name="milepost-writer", daemon=True)
        self._thread.start()
        self._closed = False
        self._listener: ChangeListener = lambda _: None
        # The file itself must survive a power loss as its content does.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def read(self, work: Work[T]) -> T:
        return self._reader.snapshot(work)

    async def scan(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._scan, work)

    def _scan(self, work: Work[T]) -> T:
        connection: SqliteConnection | None = getattr(self._scanners, "connection", None)
        if connection is None:
            connection = self._scanners.connection = SqliteConnection(self._path, self._artifact_root, read_only=True)
            self._scan_connections.append(connection)
        return connection.snapshot(work)

    async def write(self, work: Work[T]) -> T:
        if self._closed:
            raise Unavailable("The server is shutting down.", reason=pb.ERROR_REASON_SHUTTING_DOWN)
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._jobs.put(job)
        # The work goes on when the caller has gone: it may be committed with its neighbours already.
        return await asyncio.shield(job.future)

    def listen(self, listener: ChangeListener) -> None:
        self._listener = listener

    def version(self) -> int | None:
        version: tuple[int] = self._versions.execute("PRAGMA data_version").fetchone()
        return version[0]

    async def ready(self) -> None:
        try:
            self._reader.driver.execute("SELECT 1").fetchone()
        except sqlite3.Error as error:
            raise translate(error) from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._pool.shutdown)
        for connection in (*self._scan_connections, self._reader, self._writer):
            connection.driver.close()

    def _write_groups(self) -> None:
        crowd = 1
        while (first := self._jobs.get()) is not None:
            if crowd > 1:
                # Several callers are at work, and more of them about to write: one commit can serve them all.
                time.sleep(_GATHER_S)
            group, last = [first], False
            with contextlib.suppress(queue.Empty):
                while len(group) < _MAX_GROUP and not last:
                    job = self._jobs.get_nowait()
                    if job is None:
                        last = True
                    else:
                        group.append(job)
            crowd = len(group)
            self._commit(group)
            _deliver(group, self._listener)
            if last:
                return

    def _commit(self, group: list[_Job[Any]]) -> None:
        """Runs a group in one transaction; a member that fails is rolled back alone."""
        execute = self._writer.driver.execute
        try:
            execute("BEGIN IMMEDIATE")
            if not self._run_together(group):
                execute("ROLLBACK")
                execute("BEGIN IMMEDIATE")
                for job in group:
                    self._run_beside_others(job)
            execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                if self._writer.driver.in_transaction:
                    execute("ROLLBACK")
            reported = translate(error) if isinstance(error, sqlite3.Error) else error
            for job in group:
                job.error = job.error or reported

    def _run_together(self, group: list[_Job[Any]]) -> bool:
        """Runs a group without savepoints, which cost a fifth of a small write.

        Returns:
            False when a member failed that had written something, or the transaction with it: then all is to be
            rolled back and run again with savepoints.
        """
        driver = self._writer.driver
        for job in group:
            before = driver.total_changes
            try:
                job.result = self._writer.run(job.work, job.changed)
            except Exception as error:
                if not driver.in_transaction:
                    raise
                if driver.total_changes != before and len(group) > 1:
                    return False
                job.error = translate(error) if isinstance(error, sqlite3.Error) else error
                if len(group) == 1:
                    raise
        return True

    def _run_beside_others(self, job: _Job[Any]) -> None:
        execute = self._writer.driver.execute
        job.error = None
        job.changed.clear()
        execute("SAVEPOINT job")
        try:
            job.result = self._writer.run(job.work, job.changed)
        except Exception as error:
            job.error = translate(error) if isinstance(error, sqlite3.Error) else error
            # A full disk may have ended the whole transaction.
            if not self._writer.driver.in_transaction:
                raise
            execute("ROLLBACK TO job")
        execute("RELEASE job")


def _deliver(group: list[_Job[Any]], listener: ChangeListener) -> None:
    def resolve() -> None:
        for job in group:
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
                # Nobody may be waiting any more; that is no reason for a warning.
                job.future.exception()
            else:
                job.future.set_result(job.result)
        for job in group:
            if job.error is None and job.changed:
                listener(job.changed)

    with contextlib.suppress(RuntimeError):  # the loop is gone, and with it the callers
        group[0].loop.call_soon_threadsafe(resolve)


def translate(error: sqlite3.Error) -> BaseException:
    """What a caller is told of a failure of the database; an unexpected one stays as it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return disk_full()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR):
        return unavailable(error)
    return error
