"""Gives space that holds nothing back to the disk, and renews the planner's statistics: `milepost db optimize`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, ResourceExhausted
from milepost_server.storage.sql.connecting import opening, parse_url
from milepost_server.storage.sql.model_schema import metadata

# A server that just stops is waited for, one that goes on is not.
_LOCK_TIMEOUT_S = 2.0


async def optimize(url: str) -> None:
    """Optimizes a database that has the current schema. It needs as much free room again as the database takes.

    Servers may go on meanwhile, but with SQLite they must be stopped.

    Args:
        url: `sqlite:///PATH`, `postgresql://…` or `mariadb://…`.

    Raises:
        FailedPrecondition: A server uses the SQLite database.
        ResourceExhausted: The disk is full; the database is as it was.
        Unavailable: The database cannot be opened.
        ValueError: The URL is none of those.
    """
    parsed = parse_url(url)
    with opening(parsed):
        if parsed.drivername == "sqlite":
            _optimize_sqlite(Path(parsed.database or ""))
        elif parsed.drivername == "postgresql":
            await _optimize_postgresql(parsed)
        else:
            await _optimize_mariadb(parsed)


def _optimize_sqlite(path: Path) -> None:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_TIMEOUT_S)) as connection:
        # A database in WAL mode is locked for good by whoever opens it alone, and for as long as others have it open.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.execute("BEGIN EXCLUSIVE").execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise FailedPrecondition(
                f"The database {str(path)!r} is in use, and writers would have to wait for all of it to be copied. "
                "Stop the server and repeat.",
                reason=pb.ERROR_REASON_CONFLICT,
            ) from error
        try:
            for statement in ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            raise ResourceExhausted(
                "The disk has no room for a second copy of the database. Free some and repeat; nothing was changed.",
                reason=pb.ERROR_REASON_STORAGE_FULL,
            ) from error


async def _optimize_postgresql(url: URL) -> None:
    import asyncpg

    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await connection.execute(f"VACUUM (ANALYZE) {', '.join(metadata.tables)}")
    finally:
        await connection.close()


async def _optimize_mariadb(url: URL) -> None:
    from milepost_server.storage.sql.mariadb_driver import connected

    connection, _ = await connected(url)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(f"OPTIMIZE TABLE {', '.join(metadata.tables)}")
            await cursor.fetchall()
    finally:
        await connection.ensure_closed()
