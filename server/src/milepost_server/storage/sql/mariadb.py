"""MariaDB through asyncmy: a pool, one connection for each unit of work, statements prepared by the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncmy
from asyncmy.errors import MySQLError
from sqlalchemy.engine import URL

from milepost_server.errors import Aborted
from milepost_server.storage.base import Changed, ChangeListener, Transaction
from milepost_server.storage.sql.mariadb_driver import (
    RECOMMENDED_PACKET,
    Server,
    arguments,
    connected,
    is_conflict,
    is_duplicate,
    too_large,
    translate,
)
from milepost_server.storage.sql.outages import busy, unavailable
from milepost_server.storage.sql.statements import Compiled, InsertIfAbsent, Row, Statement, spread
from milepost_server.storage.sql.transaction import SqlTransaction

_log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

_ACQUIRE_TIMEOUT_S = 1.0
_ATTEMPTS = 5
# The driver sends rows of one statement in one packet, and the server's default allows 16 MiB.
_PACKET_BYTES = 4 * 1024 * 1024

_BEGIN_READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_BEGIN_WRITE = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION"


class MariadbConnection:
    """A driver connection as statements see it.

    Args:
        driver: A connection in a transaction.
        server: What is at its other end.
    """

    def __init__(self, driver: Any, server: Server) -> None:
        self.dialect = server.dialect
        self._driver = driver
        self._server = server

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Row]:
        if isinstance(statement, InsertIfAbsent):
            return await self._insert_if_absent(statement, values)
        compiled = statement.compiled(self.dialect)
        async with self._driver.cursor() as cursor:
            await cursor.execute(*self._bound(compiled, values))
            rows: Sequence[Row] = await cursor.fetchall()
        if compiled.joined and any(row[place] == b"" for row in rows for place in compiled.joined):
            raise too_large(self._server)
        return [_with_paths(row, compiled.paths) for row in rows] if compiled.paths else rows

    async def execute(self, statement: Statement, **values: Any) -> int:
        compiled = statement.compiled(self.dialect)
        async with self._driver.cursor() as cursor:
            await cursor.execute(*self._bound(compiled, values))
            count: int = cursor.rowcount
        return count

    async def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        compiled = statement.compiled(self.dialect)
        async with self._driver.cursor() as cursor:
            for packet in _packets([self._bound(compiled, row)[1] for row in rows]):
                await cursor.executemany(compiled.sql, packet)

    async def compute(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    def array(self, values: Sequence[Any]) -> list[Any]:
        return list(values)

    async def _insert_if_absent(self, statement: InsertIfAbsent, values: Mapping[str, Any]) -> list[Row]:
        """Inserts one row, and returns what is asked of it; nothing when it was there."""
        compiled = statement.compiled(self.dialect)
        async with self._driver.cursor() as cursor:
            try:
                await cursor.execute(*self._bound(compiled, values))
            except MySQLError as error:
                # Only the statement is undone.
                if is_duplicate(error):
                    return []
                raise
            # What was not given is the number that the database gave the row.
            return [tuple(values.get(name, cursor.lastrowid) for name in statement.returning)]

    def _bound(self, compiled: Compiled, values: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """SQL and arguments of a statement with its values."""
        sql, values = compiled.sql, {**compiled.own, **values}
        spreads = {name: _padded(values[name]) for name in compiled.spread}
        for name, items in spreads.items():
            sql = sql.replace(*spread(name, len(items)))
        arguments: list[Any] = []
        for name in compiled.order:
            value = values[name]
            if name in spreads:
                arguments += spreads[name]
            else:
                arguments.append(json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value)
        # The server would end the connection, as if it had crashed.
        if _size(arguments) + len(sql) >= self._server.largest_packet:
            raise too_large(self._server)
        return sql, tuple(arguments)


def _padded(items: Sequence[Any]) -> list[Any]:
    """Items, some of them twice, so that only few numbers of them make statements of their own; null for none."""
    wanted = 1 << max(len(items) - 1, 0).bit_length()
    return [*items, *[items[-1] if items else None] * (wanted - len(items))]


def _size(arguments: Sequence[Any]) -> int:
    """Most bytes that arguments of a statement take."""
    size = 16 * len(arguments)
    for argument in arguments:
        if isinstance(argument, str):
            size += len(argument) if argument.isascii() else len(argument.encode())
        elif isinstance(argument, bytes):
            size += len(argument)
    return size


def _with_paths(row: Row, paths: Sequence[int]) -> Row:
    """A row whose paths, which are kept as bytes, are text."""
    cells = list(row)
    for place in paths:
        if cells[place] is not None:
            cells[place] = cells[place].decode()
    return tuple(cells)


def _packets(rows: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in order, as many at once as one packet takes."""
    packet: list[tuple[Any, ...]] = []
    total = 0
    for row in rows:
        size = _size(row)
        if packet and total + size > _PACKET_BYTES:
            yield packet
            packet, total = [], 0
        packet.append(row)
        total += size
    if packet:
        yield packet


class MariadbStorage:
    """A MariaDB or MySQL database that other servers may share.

    Args:
        pool: Connections to a database that has the current schema.
        server: What is at their other ends.
        artifact_root: URL of the folder that holds the experiments' folders.
    """

    # Nobody tells a server what others committed, and to look costs little.
    recheck_s: float | None = 1.0

    def __init__(self, pool: Any, server: Server, artifact_root: str) -> None:
        self.kind = server.kind
        self._listener: ChangeListener = lambda _: None
        self._pool = pool
        self._server = server
        self._artifact_root = artifact_root

    @classmethod
    async def connect(cls, url: URL, artifact_root: str, pool_size: int) -> MariadbStorage:
        """Opens a pool on `mariadb://USER:PASSWORD@HOST:PORT/NAME`."""
        first, server = await connected(url)
        await first.ensure_closed()
        if server.largest_packet < RECOMMENDED_PACKET:
            _log.warning(
                "the database server's max_allowed_packet is %d; raise it to %d, or large requests fail",
                server.largest_packet,
                RECOMMENDED_PACKET,
            )
        pool = await asyncmy.create_pool(minsize=1, maxsize=pool_size, **arguments(url))
        return cls(pool, server, artifact_root)

    async def read(self, work: Work[T]) -> T:
        return await self._run(work, set(), _BEGIN_READ)

    async def scan(self, work: Work[T]) -> T:
        return await self._run(work, set(), _BEGIN_READ)

    async def write(self, work: Work[T], *, light: bool = False) -> T:
        # The work goes on when the caller has gone, so that a repeat finds it done or not begun.
        return await asyncio.shield(asyncio.ensure_future(self._write(work)))

    async def _write(self, work: Work[T]) -> T:
        changed: set[Changed] = set()
        result = await self._run(work, changed, _BEGIN_WRITE)
        self._listener(changed)
        return result

    def listen(self, listener: ChangeListener) -> None:
        self._listener = listener

    def version(self) -> int | None:
        # Other servers commit too; to ask the database would cost as much as to read.
        return None

    async def ready(self) -> None:
        async with self._connection() as driver, driver.cursor() as cursor:
            await cursor.execute("SELECT 1")

    async def close(self) -> None:
        self._pool.close()
        await self._pool.wait_closed()

    async def _run(self, work: Work[T], noted: set[Changed], begin: str) -> T:
        for _ in range(_ATTEMPTS):
            noted.clear()
            try:
                async with self._connection() as driver, _transaction(driver, begin):
                    connection = MariadbConnection(driver, self._server)
                    return await work(SqlTransaction(connection, self._artifact_root, noted))
            except MySQLError as error:
                # A duplicate means that a concurrent call came between a look and a write: the next look sees it.
                if not is_conflict(error):
                    raise
        raise Aborted("Concurrent calls kept winning. Repeat.", retry_after_s=0.1)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            async with asyncio.timeout(_ACQUIRE_TIMEOUT_S):
                driver = await self._pool.acquire()
        except TimeoutError as error:
            all_taken = self._pool.size - self._pool.freesize >= self._pool.maxsize
            raise (busy() if all_taken else unavailable(error)) from error
        except (OSError, MySQLError) as error:
            raise translate(error) from error
        except RuntimeError as error:
            # So the driver calls it when the server leaves between accepting a connection and greeting.
            raise unavailable(error) from error
        try:
            yield driver
        except (OSError, MySQLError) as error:
            raise translate(error) from error
        finally:
            # Closes it when it is broken, or still in a transaction.
            self._pool.release(driver)


@asynccontextmanager
async def _transaction(driver: Any, begin: str) -> AsyncIterator[None]:
    async with driver.cursor() as cursor:
        await cursor.execute(begin)
        while await cursor.nextset():
            pass
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError, MySQLError):
            await driver.rollback()
        raise
    await driver.commit()
