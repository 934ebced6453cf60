"""What databases say of how they run statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from milepost_server.storage.base import Storage
from milepost_server.storage.sql.postgresql import PostgresqlConnection
from milepost_server.storage.sql.sqlite_connection import SqliteConnection
from milepost_server.storage.sql.statements import Statement

Work = Callable[[Any], Awaitable[Any]]


def keep_plans(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> list[str]:
    """A list that gets the plan of each query of a store, on SQLite or PostgreSQL, from now on."""
    plans: list[str] = []
    mine = _connections_in_use(monkeypatch, storage)
    fetch_sqlite, fetch_postgresql = SqliteConnection.fetch, PostgresqlConnection.fetch

    async def explain_sqlite(connection: SqliteConnection, statement: Statement, **values: Any) -> Sequence[Any]:
        if id(connection) not in mine:
            return await fetch_sqlite(connection, statement, **values)
        compiled = statement.compiled(connection.dialect)
        rows = connection.driver.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", {**compiled.own, **values})
        plans.append("\n".join(row[3] for row in rows))
        return await fetch_sqlite(connection, statement, **values)

    async def explain_postgresql(
        connection: PostgresqlConnection, statement: Statement, **values: Any
    ) -> Sequence[Any]:
        if id(connection) not in mine:
            return await fetch_postgresql(connection, statement, **values)
        compiled = statement.compiled(connection.dialect)
        given = {**compiled.own, **values}
        driver: Any = connection._driver
        rows = await driver.fetch(f"EXPLAIN {compiled.sql}", *(given[name] for name in compiled.order))
        plans.append("\n".join(row[0] for row in rows))
        return await fetch_postgresql(connection, statement, **values)

    monkeypatch.setattr(SqliteConnection, "fetch", explain_sqlite)
    monkeypatch.setattr(PostgresqlConnection, "fetch", explain_postgresql)
    return plans


def _connections_in_use(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> set[int]:
    """Ids of the connections by which the store reads at the moment.

    In the same process there may be servers, which have stores of their own and look something up now and then.
    """
    mine: set[int] = set()

    def noting(run: Callable[[Work], Awaitable[Any]]) -> Callable[[Work], Awaitable[Any]]:
        async def noted(work: Work) -> Any:
            async def within(tx: Any) -> Any:
                connection = id(tx.runs._connection)
                mine.add(connection)
                try:
                    return await work(tx)
                finally:
                    mine.discard(connection)

            return await run(within)

        return noted

    monkeypatch.setattr(storage, "read", noting(storage.read))
    monkeypatch.setattr(storage, "scan", noting(storage.scan))
    return mine


async def analyze(url: str) -> None:
    """Has a database renew what it knows of its tables."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(Path(url.removeprefix("sqlite:///")))
        connection.execute("ANALYZE")
        connection.close()
        return
    driver = await asyncpg.connect(url)
    await driver.execute("ANALYZE")
    await driver.close()
