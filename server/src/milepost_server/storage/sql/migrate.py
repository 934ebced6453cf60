"""Brings a database to the schema of this version.

An empty database is created at the current revision; an old one is upgraded only when asked, and one of an unknown
revision is refused. Concurrent starts wait for each other: SQLite by its write lock, PostgreSQL by an advisory lock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from milepost_server.errors import FailedPrecondition
from milepost_server.storage.sql.connecting import opening, parse_url
from milepost_server.storage.sql.revision import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number that nobody else uses for an advisory lock in the same database.
_LOCK = 7_190_417_022


class SchemaMismatch(FailedPrecondition):
    """The database has another schema than this version needs."""


async def ensure_schema(url: str, *, upgrade: bool) -> str:
    """Creates the schema in an empty database, and with `upgrade` brings an older one up to date.

    Args:
        url: `sqlite:///PATH` or `postgresql://…`.
        upgrade: Whether an older schema may be changed.

    Returns:
        The revision that the database has now.

    Raises:
        SchemaMismatch: The schema is older and `upgrade` is false, or it is none that this version knows.
        Unavailable: The database cannot be opened.
        ValueError: The URL is none of those.
    """
    parsed = parse_url(url)
    with opening(parsed):
        if parsed.drivername == "sqlite":
            return _ensure_sqlite(parsed, upgrade)
        return await _ensure_postgresql(parsed, upgrade)


async def _ensure_postgresql(url: URL, upgrade: bool) -> str:
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            return await connection.run_sync(_ensure, upgrade)
    finally:
        await engine.dispose()


def _ensure_sqlite(url: URL, upgrade: bool) -> str:
    assert url.database is not None
    # The file belongs to its owner alone, whatever the umask says.
    Path(url.database).touch(mode=0o600, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def no_implicit_begin(driver: Any, _: Any) -> None:
        driver.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            return _ensure(connection, upgrade)
    finally:
        engine.dispose()


def _ensure(connection: Connection, upgrade: bool) -> str:
    scripts = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    if current == HEAD:
        return HEAD
    if current is None and inspect(connection).get_table_names():
        raise SchemaMismatch(
            "The database has tables, but none of Milepost's revisions. Give --database-url an empty database."
        )
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaMismatch(
            f"The database has schema revision {current!r}, which this version of Milepost does not know. "
            "Run the version that made it, or a newer one."
        )
    if current is not None and not upgrade:
        raise SchemaMismatch(
            f"The database has schema revision {current!r} and this version needs {HEAD!r}. "
            "Back it up, then run `milepost db upgrade`."
        )
    command.upgrade(_config(connection), "head")
    return HEAD


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
