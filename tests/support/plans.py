"""What databases say of how they run statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from milepost_server.storage.sql.postgresql import PostgresqlConnection
from milepost_server.storage.sql.sqlite_connection import SqliteConnection
from milepost_server.storage.sql.statements import Statement


def keep_plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that gets the plan of each query of SQLite and PostgreSQL from now on."""
    plans: list[str] = []
    fetch_sqlite, fetch_postgresql = SqliteConnection.fetch, PostgresqlConnection.fetch

    async def explain_sqlite(connection: SqliteConnection, statement: Statement, **values: Any) -> Sequence[Any]:
        compiled = statement.compiled(connection.dialect)
        rows = connection.driver.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", {**compiled.own, **values})
        plans.append("\n".join(row[3] for row in rows))
        return await fetch_sqlite(connection, statement, **values)

    async def explain_postgresql(
        connection: PostgresqlConnection, statement: Statement, **values: Any
    ) -> Sequence[Any]:
        compiled = statement.compiled(connection.dialect)
        given = {**compiled.own, **values}
        driver: Any = connection._driver
        rows = await driver.fetch(f"EXPLAIN {compiled.sql}", *(given[name] for name in compiled.order))
        plans.append("\n".join(row[0] for row in rows))
        return await fetch_postgresql(connection, statement, **values)

    monkeypatch.setattr(SqliteConnection, "fetch", explain_sqlite)
    monkeypatch.setattr(PostgresqlConnection, "fetch", explain_postgresql)
    return plans


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
