"""Brings a database to the schema of this version.

An empty database is created at the current revision; an old one is upgraded only when asked, and one of an unknown
revision is refused. Concurrent starts wait for each other: SQLite by its write lock, the others by an advisory lock.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, String, Table, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from milepost_server.errors import FailedPrecondition
from milepost_server.storage.sql.connecting import opening, parse_url
from milepost_server.storage.sql.revision import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number that nobody else uses for an advisory lock in the same database.
_LOCK = 7_190_417_022
_LOCK_TIMEOUT_S = 3600
# There while the schema is changed by a database that cannot take back half of a change.
_BEGUN = Table("milepost_upgrade", MetaData(), Column("revision", String(32)), Column("goal", String(32)))


class SchemaMismatch(FailedPrecondition):
    """The database has another schema than this version needs."""


async def ensure_schema(url: str, *, upgrade: bool) -> str:
    """Creates the schema in an empty database, and with `upgrade` brings an older one up to date.

    Args:
        url: `sqlite:///PATH`, `postgresql://…` or `mariadb://…`.
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
        if parsed.drivername == "postgresql":
            return await _ensure_postgresql(parsed, upgrade)
        return await _ensure_mariadb(parsed, upgrade)


async def _ensure_postgresql(url: URL, upgrade: bool) -> str:
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            return await connection.run_sync(_ensure_at_once, upgrade)
    finally:
        await engine.dispose()


async def _ensure_mariadb(url: URL, upgrade: bool) -> str:
    from milepost_server.storage.sql.mariadb_driver import arguments, connected

    first, server = await connected(url)
    await first.ensure_closed()
    given = {**arguments(url), "autocommit": False}
    engine = create_async_engine(url.set(drivername=f"{server.kind}+asyncmy"), connect_args=given)
    try:
        # Not `begin`: each change of a table commits by itself, and so does what is written between them.
        async with engine.connect() as connection:
            lock = {"name": f"milepost.{url.database}"[:64], "seconds": _LOCK_TIMEOUT_S}
            await connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), lock)
            return await connection.run_sync(_ensure_in_steps, upgrade)
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
            return _ensure_at_once(connection, upgrade)
    finally:
        engine.dispose()


def _ensure_in_steps(connection: Connection, upgrade: bool) -> str:
    """As `_ensure`, where a process that dies leaves what it has done so far: a mark tells of that."""
    if inspect(connection).has_table(_BEGUN.name):
        _settle_interrupted(connection)

    def upgrade_marked(current: str | None) -> None:
        _BEGUN.create(connection)
        connection.execute(_BEGUN.insert().values(revision=current or "", goal=HEAD))
        connection.commit()
        _upgrade(connection)
        connection.commit()
        _BEGUN.drop(connection)

    return _ensure(connection, upgrade, upgrade_marked)


def _settle_interrupted(connection: Connection) -> None:
    """Removes what is left of the creation of a database; refuses one whose upgrade was interrupted."""
    begun = connection.execute(_BEGUN.select()).first()
    current = MigrationContext.configure(connection).get_current_revision()
    if begun is None or current == begun.goal:
        _BEGUN.drop(connection)
        return
    if begun.revision:
        raise SchemaMismatch(
            f"An upgrade of the database from schema revision {begun.revision!r} was interrupted, and MariaDB cannot "
            "take back the half that was done. Restore the backup, then run `milepost db upgrade` again."
        )
    # It was empty, and no server has used it since.
    tables = MetaData()
    tables.reflect(connection)
    mark = tables.tables[_BEGUN.name]
    tables.drop_all(connection, [table for table in tables.tables.values() if table is not mark])
    mark.drop(connection)


def _ensure(connection: Connection, upgrade: bool, run: Callable[[str | None], None]) -> str:
    """Does what `ensure_schema` says, by `run` where there is something to do: it takes the current revision."""
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
    run(current)
    return HEAD


def _ensure_at_once(connection: Connection, upgrade: bool) -> str:
    """As `_ensure`, in the transaction that is open: all of it happens, or nothing."""
    return _ensure(connection, upgrade, lambda _: _upgrade(connection))


def _upgrade(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
