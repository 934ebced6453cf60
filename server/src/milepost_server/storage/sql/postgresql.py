"""PostgreSQL through asyncpg: a pool, one connection for each unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.engine import Dialect

from milepost_server.errors import Aborted
from milepost_server.storage.base import Changed, ChangeListener, Transaction
from milepost_server.storage.sql.notifications import RECHECK_S, Notifications
from milepost_server.storage.sql.outages import busy, disk_full, unavailable
from milepost_server.storage.sql.statements import Compiled, Row, Statement
from milepost_server.storage.sql.transaction import SqlTransaction

POSTGRESQL: Dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

_ACQUIRE_TIMEOUT_S = 1.0
_ATTEMPTS = 5
# The connection, or the database, is gone.
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    # What the driver says of a connection on which the server has announced its end, and that it has not closed yet.
    asyncpg.InternalClientError,
)


class PostgresqlConnection:
    """A driver connection as statements see it."""

    dialect = POSTGRESQL

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Row]:
        compiled = statement.compiled(POSTGRESQL)
        rows: Sequence[Row] = await self._driver.fetch(compiled.sql, *_arguments(compiled, values))
        return rows

    async def execute(self, statement: Statement, **values: Any) -> int:
        compiled = statement.compiled(POSTGRESQL)
        status: str = await self._driver.execute(compiled.sql, *_arguments(compiled, values))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        compiled = statement.compiled(POSTGRESQL)
        await self._driver.executemany(compiled.sql, [_arguments(compiled, row) for row in rows])

    async def compute(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    def array(self, values: Sequence[Any]) -> list[Any]:
        return list(values)


def _arguments(compiled: Compiled, values: Mapping[str, Any]) -> list[Any]:
    if compiled.own:
        values = {**compiled.own, **values}
    return [values[name] for name in compiled.order]


class PostgresqlStorage:
    """A PostgreSQL database that other servers may share.

    Args:
        url: The database.
        pool: Connections to it. It has the current schema.
        artifact_root: URL of the folder that holds the experiments' folders.
    """

    kind = "postgresql"
    recheck_s: float | None = RECHECK_S

    def __init__(self, url: str, pool: asyncpg.Pool, artifact_root: str) -> None:
        self._url = url
        self._pool = pool
        self._artifact_root = artifact_root
        self._listener: ChangeListener | None = None
        self._notifications: Notifications | None = None

    @classmethod
    async def connect(cls, url: str, artifact_root: str, pool_size: int) -> PostgresqlStorage:
        """Opens a pool on `postgresql://USER:PASSWORD@HOST:PORT/NAME`."""
        # Statements with values of their own differ from call to call, and generic plans of searches are ten times
        # slower than plans for the values at hand.
        settings = {"plan_cache_mode": "force_custom_plan", "application_name": "milepost"}
        pool = await asyncpg.create_pool(url, min_size=1, max_size=pool_size, server_settings=settings)
        return cls(url, pool, artifact_root)

    async def read(self, work: Work[T]) -> T:
        return await self._run(work, set(), isolation="repeatable_read", readonly=True)

    async def scan(self, work: Work[T]) -> T:
        return await self._run(work, set(), isolation="repeatable_read", readonly=True)

    async def write(self, work: Work[T], *, light: bool = False) -> T:
        # The work goes on when the caller has gone, so that a repeat finds it done or not begun.
        task = asyncio.ensure_future(self._write(work))
        # Nobody may be waiting any more; that its failure is nobody's is no reason for a warning.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _write(self, work: Work[T]) -> T:
        changed: set[Changed] = set()
        result = await self._run(work, changed, isolation="read_committed")
        if self._listener is not None and self._notifications is not None and changed:
            self._listener(changed)
            self._notifications.tell(changed)
        return result

    def listen(self, listener: ChangeListener) -> None:
        self._listener = listener
        self._notifications = Notifications(self._url, listener)

    def version(self) -> int | None:
        # Other servers commit too; to ask the database would cost as much as to read.
        return None

    async def ready(self) -> None:
        async with self._connection() as driver:
            await driver.fetchval("SELECT 1")

    async def close(self) -> None:
        if self._notifications is not None:
            await self._notifications.close()
        await self._pool.close()

    async def _run(self, work: Work[T], noted: set[Changed], *, isolation: str, readonly: bool = False) -> T:
        for _ in range(_ATTEMPTS):
            noted.clear()
            try:
                async with self._connection() as driver, driver.transaction(isolation=isolation, readonly=readonly):
                    return await work(SqlTransaction(PostgresqlConnection(driver), self._artifact_root, noted))
            # A unique violation means that a concurrent call came between a look and a write: the next look sees it.
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError):
                continue
        raise Aborted("Concurrent calls kept winning. Repeat.", retry_after_s=0.1)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            driver = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_S)
        except (TimeoutError, asyncpg.TooManyConnectionsError) as error:
            raise busy() from error
        except _LOST as error:
            raise unavailable(error) from error
        try:
            yield driver
        except asyncpg.DiskFullError as error:
            raise disk_full() from error
        except _LOST as error:
            raise unavailable(error) from error
        finally:
            # What is committed stays so when the connection is lost right behind it; the pool makes a new one.
            with suppress(*_LOST):
                await self._pool.release(driver)
