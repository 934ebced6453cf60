"""Which schema a database has. Asked at every start, so without alembic, which takes a third of a second to import."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from milepost_server.storage.sql.connecting import opening, parse_url

HEAD = "0004"
"""The revision that this version needs: the last one of `migrations/versions`."""

_QUERY = "SELECT version_num FROM alembic_version"


async def ensure_schema(url: str, *, upgrade: bool) -> str:
    """See `migrate.ensure_schema`, which is called only where there is something to do."""
    if await current_revision(url) == HEAD:
        return HEAD
    from milepost_server.storage.sql import migrate

    return await migrate.ensure_schema(url, upgrade=upgrade)


async def current_revision(url: str) -> str | None:
    """The revision that the database has; None for one without. Changes nothing.

    Raises:
        Unavailable: The database cannot be opened.
        ValueError: The URL is no database URL.
    """
    parsed = parse_url(url)
    with opening(parsed):
        if parsed.drivername == "sqlite":
            return _current_sqlite(parsed)
        if parsed.drivername == "postgresql":
            return await _current_postgresql(parsed)
        return await _current_mariadb(parsed)


def _current_sqlite(url: URL) -> str | None:
    path = Path(url.database or "")
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute(_QUERY).fetchone() if known else None
    return row[0] if row else None


async def _current_postgresql(url: URL) -> str | None:
    import asyncpg

    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        revision: str | None = await connection.fetchval(_QUERY)
    except asyncpg.UndefinedTableError:
        return None
    else:
        return revision
    finally:
        await connection.close()


async def _current_mariadb(url: URL) -> str | None:
    from asyncmy.errors import ProgrammingError

    from milepost_server.storage.sql.mariadb_driver import connected

    connection, _ = await connected(url)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(_QUERY)
            row = await cursor.fetchone()
    except ProgrammingError:  # there is no such table
        return None
    finally:
        await connection.ensure_closed()
    return row[0] if row else None
