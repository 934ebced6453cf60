"""PostgreSQL through asyncpg: a pool, one connection for each unit of work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.engine import Dialect

from milepost import v1 as pb
from milepost_server.errors import Aborted, ResourceExhausted, Unavailable
from milepost_server.storage.base import Transaction
from milepost_server.storage.sql.statements import Compiled, Row, Statement
from milepost_server.storage.sql.transaction import SqlTransaction

_log = logging.getLogger(__name__)

POSTGRESQL: Dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

_ACQUIRE_TIMEOUT_S = 1.0
_ATTEMPTS = 5


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

    def array(self, values: Sequence[Any]) -> list[Any]:
        return list(values)


def _arguments(compiled: Compiled, values: Mapping[str, Any]) -> list[Any]:
    if compiled.own:
        values = {**compiled.own, **values}
    return [values[name] for name in compiled.order]


class PostgresqlStorage:
    """A PostgreSQL database that other servers may share.

    Args:
        pool: Connections to a database that has the current schema.
        artifact_root: URL of the folder that holds the experiments' folders.
    """

    kind = "postgresql"

    def __init__(self, pool: asyncpg.Pool, artifact_root: str) -> None:
        self._pool = pool
        self._artifact_root = artifact_root

    @classmethod
    async def connect(cls, url: str, artifact_root: str, pool_size: int) -> PostgresqlStorage:
        """Opens a pool on `postgresql://USER:PASSWORD@HOST:PORT/NAME`."""
        # Statements with values of their own differ from call to call, and generic plans of searches are ten times
        # slower than plans for the values at hand.
        settings = {"plan_cache_mode": "force_custom_plan", "application_name": "milepost"}
        pool = await asyncpg.create_pool(url, min_size=1, max_size=pool_size, server_settings=settings)
        return cls(pool, artifact_root)

    async def read(self, work: Work[T]) -> T:
        return await self._run(work, isolation="repeatable_read", readonly=True)

    async def scan(self, work: Work[T]) -> T:
        return await self._run(work, isolation="repeatable_read", readonly=True)

    async def write(self, work: Work[T]) -> T:
        # The work goes on when the caller has gone, so that a repeat finds it done or not begun.
        return await asyncio.shield(asyncio.ensure_future(self._run(work, isolation="read_committed")))

    def version(self) -> int | None:
        # Other servers commit too; to ask the database would cost as much as to read.
        return None

    async def ready(self) -> None:
        async with self._connection() as driver:
            await driver.fetchval("SELECT 1")

    async def close(self) -> None:
        await self._pool.close()

    async def _run(self, work: Work[T], *, isolation: str, readonly: bool = False) -> T:
        for _ in range(_ATTEMPTS):
            try:
                async with self._connection() as driver, driver.transaction(isolation=isolation, readonly=readonly):
                    return await work(SqlTransaction(PostgresqlConnection(driver), self._artifact_root))
            # A unique violation means that a concurrent call came between a look and a write: the next look sees it.
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError):
                continue
        raise Aborted("Concurrent calls kept winning. Repeat.", retry_after_s=0.1)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            driver = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_S)
        except (TimeoutError, asyncpg.TooManyConnectionsError) as error:
            raise ResourceExhausted(
                "All connections to the database are busy. Repeat later.",
                reason=pb.ERROR_REASON_TOO_MANY_REQUESTS,
                retry_after_s=1,
            ) from error
        except (
            OSError,
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.InterfaceError,
        ) as error:
            raise _unavailable(error) from error
        try:
            yield driver
        except asyncpg.DiskFullError as error:
            raise ResourceExhausted(
                "The disk of the database is full. Free some space and repeat; reading goes on.",
                reason=pb.ERROR_REASON_STORAGE_FULL,
                retry_after_s=10,
            ) from error
        except (
            OSError,
            asyncpg.PostgresConnectionError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.CannotConnectNowError,
            asyncpg.InterfaceError,
        ) as error:
            raise _unavailable(error) from error
        finally:
            await self._pool.release(driver)


def _unavailable(error: BaseException) -> Unavailable:
    _log.warning("database unavailable", exc_info=error)
    return Unavailable(
        "The database does not answer. Repeat later.", reason=pb.ERROR_REASON_DATABASE_UNAVAILABLE, retry_after_s=1
    )
