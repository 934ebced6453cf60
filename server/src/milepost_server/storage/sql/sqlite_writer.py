"""Group commit on SQLite: all units of work that wait are committed together, then each is answered."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from milepost import v1 as pb
from milepost_server.errors import Unavailable
from milepost_server.storage.base import Changed, ChangeListener
from milepost_server.storage.sql.sqlite_connection import BUSY_TIMEOUT_S, SqliteConnection, Work, translate

T = TypeVar("T")

# A group holds up its first member by what its last one costs, and one of light units the event loop.
_MAX_GROUP = 512
_MAX_LIGHT_GROUP = 64
# Added to a write when the group before had several; a lone caller never waits. 10% more writes a second by 32 callers.
_GATHER_S = 0.001
_BUSY_POLL_S = 0.005


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Work[T]
    light: bool
    future: asyncio.Future[T]
    changed: set[Changed] = field(default_factory=set)
    result: Any = None
    error: BaseException | None = None

    def reset(self) -> None:
        """As if it had not run yet."""
        self.changed.clear()
        self.result = self.error = None

    def deliver(self) -> None:
        """Answers the caller."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
            # Nobody may be waiting any more; that is no reason for a warning.
            self.future.exception()


class GroupWriter:
    """Owns the only connection that writes. To be used from one event loop.

    A group of light units runs in the event loop, as point reads do: on a thread, each of their statements would have
    to win the interpreter back from a busy loop, which takes longer than the statement. All that waits for the disk,
    and every other group, is for the thread.

    Args:
        connection: The connection.
    """

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._execute = connection.driver.execute
        # The event loop must not wait for another process that has the database locked.
        self._execute("PRAGMA busy_timeout = 0")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="milepost-writer")
        self._waiting: deque[_Job[Any]] = deque()
        self._at_work = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._crowd = 1
        self.closed = False
        self.listener: ChangeListener = lambda _: None

    async def write(self, work: Work[T], *, light: bool) -> T:
        """See `Storage.write`."""
        if self.closed:
            raise Unavailable("The server is shutting down.", reason=pb.ERROR_REASON_SHUTTING_DOWN)
        job = _Job(work, light, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if not self._at_work:
            self._schedule()
        # The work goes on when the caller has gone: it may be committed with its neighbours already.
        return await asyncio.shield(job.future)

    async def close(self) -> None:
        """Finishes what was accepted."""
        self.closed = True
        await self._idle.wait()
        await asyncio.to_thread(self._thread.shutdown)

    def _schedule(self) -> None:
        self._at_work = True
        self._idle.clear()
        loop = asyncio.get_running_loop()
        if self._crowd > 1:
            # Several callers are at work, and more of them about to write: one commit can serve them all.
            loop.call_later(_GATHER_S, self._start)
        else:
            loop.call_soon(self._start)

    def _start(self) -> None:
        light = self._waiting[0].light
        most = _MAX_LIGHT_GROUP if light else _MAX_GROUP
        group: list[_Job[Any]] = []
        while self._waiting and len(group) < most and self._waiting[0].light is light:
            group.append(self._waiting.popleft())
        rest = self._finish if light and self._run_light(group) else self._commit
        done = asyncio.get_running_loop().run_in_executor(self._thread, rest, group)
        done.add_done_callback(lambda _: self._done(group))

    def _done(self, group: list[_Job[Any]]) -> None:
        self._crowd = len(group)
        self._at_work = False
        if self._waiting:
            self._schedule()
        else:
            self._idle.set()
        for job in group:
            job.deliver()
            if job.error is None and job.changed:
                self.listener(job.changed)

    def _run_light(self, group: list[_Job[Any]]) -> bool:
        """Runs a group up to its commit. Where that fails, nothing has happened, and it returns False."""
        # What fails here comes up again on the thread, which has time to wait for a lock, too.
        with contextlib.suppress(Exception):
            self._execute("BEGIN IMMEDIATE")
            if self._run_together(group):
                return True
        self._roll_back()
        return False

    def _commit(self, group: list[_Job[Any]]) -> None:
        """Runs a group in one transaction; a member that fails is rolled back alone."""
        try:
            self._begin()
            if not self._run_together(group):
                self._roll_back()
                self._begin()
                for job in group:
                    self._run_beside_others(job)
        except Exception as error:
            self._fail(group, error)
        else:
            self._finish(group)

    def _finish(self, group: list[_Job[Any]]) -> None:
        try:
            self._execute("COMMIT")
        except Exception as error:
            self._fail(group, error)

    def _fail(self, group: list[_Job[Any]], error: Exception) -> None:
        self._roll_back()
        reported = translate(error) if isinstance(error, sqlite3.Error) else error
        for job in group:
            job.error = job.error or reported

    def _begin(self) -> None:
        give_up = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(_BUSY_POLL_S)
            else:
                return

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.driver.in_transaction:
                self._execute("ROLLBACK")

    def _run_together(self, group: list[_Job[Any]]) -> bool:
        """Runs a group without savepoints, which cost a fifth of a small write.

        Returns:
            False when a member failed that had written something: then all is to be rolled back and run again.
        """
        driver = self._connection.driver
        for job in group:
            job.reset()
            before = driver.total_changes
            try:
                job.result = self._connection.run(job.work, job.changed)
            except Exception as error:
                # A full disk may have ended the whole transaction.
                if not driver.in_transaction:
                    raise
                if driver.total_changes != before:
                    return False
                job.error = translate(error) if isinstance(error, sqlite3.Error) else error
        return True

    def _run_beside_others(self, job: _Job[Any]) -> None:
        job.reset()
        self._execute("SAVEPOINT job")
        try:
            job.result = self._connection.run(job.work, job.changed)
        except Exception as error:
            job.error = translate(error) if isinstance(error, sqlite3.Error) else error
            if not self._connection.driver.in_transaction:
                raise
            self._execute("ROLLBACK TO job")
        self._execute("RELEASE job")
