"""A connection to SQLite.

A unit of work is a coroutine, but nothing in it ever waits here: the driver is called directly. So it is run to its end
by one `send`, in whatever thread has the connection.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.engine import Dialect

from milepost_server.storage.base import Changed, Transaction
from milepost_server.storage.sql.outages import disk_full, unavailable
from milepost_server.storage.sql.statements import Row, Statement
from milepost_server.storage.sql.transaction import SqlTransaction

SQLITE: Dialect = pysqlite.dialect(paramstyle="named")
BUSY_TIMEOUT_S = 10.0
"""How long to wait for another process that has the database locked."""

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]


class SqliteConnection:
    """A driver connection as statements see it."""

    dialect = SQLITE

    def __init__(self, path: str, artifact_root: str, *, synchronous: str = "FULL", read_only: bool = False) -> None:
        self._artifact_root = artifact_root
        self.driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        self.driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
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


def use_wal(driver: sqlite3.Connection) -> None:
    """Switches to WAL, which SQLite does only while nobody else has the file open, and without waiting for that."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


def translate(error: sqlite3.Error) -> BaseException:
    """What a caller is told of a failure of the database; an unexpected one stays as it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return disk_full()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR):
        return unavailable(error)
    return error
