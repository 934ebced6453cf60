"""Databases that are empty, old, newer than this version, or somebody else's."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    VARBINARY,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    create_engine,
    literal_column,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from milepost import v1 as pb
from milepost_server.services.clock import system_clock
from milepost_server.services.experiments import ExperimentService
from milepost_server.storage.sql import migrate, revision
from milepost_server.storage.sql.mariadb_driver import arguments
from milepost_server.storage.sql.migrate import SchemaMismatch
from milepost_server.storage.sql.model_schema import metadata
from milepost_server.storage.sql.revision import HEAD, current_revision, ensure_schema
from support.databases import KINDS, new_url, opened
from support.mariadb import Mariadb
from support.postgres import Postgres
from support.servers import RunningServer
from support.stored_database import check_new_models, check_stored

T = TypeVar("T")
SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.add_column("run", sa.Column("added", sa.Integer))
"""


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    return new_url(request, request.param, tmp_path)


@pytest.fixture
def newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes this the next version of Milepost, which has one more revision: the returned file."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    script = folder / "versions" / "next.py"
    script.write_text(NEXT_REVISION.format(head=HEAD))
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    for module in (migrate, revision):
        monkeypatch.setattr(module, "HEAD", "next")
    return script


@contextmanager
def interrupted(script: Path) -> Iterator[None]:
    """Makes a revision fail at its end."""
    whole = script.read_text()
    script.write_text(f"{whole}    raise LookupError('interrupted')\n")
    yield
    script.write_text(whole)


async def run(url: str, work: Callable[[Connection], T]) -> T:
    """Does something with a database behind the server's back, in one transaction."""
    parsed = make_url(url)
    if parsed.drivername == "sqlite":
        engine = create_engine(url)
        with engine.begin() as connection:
            result = work(connection)
        engine.dispose()
        return result
    if parsed.drivername == "mariadb":
        given = {**arguments(parsed), "autocommit": False}
        async_engine = create_async_engine(parsed.set(drivername="mariadb+asyncmy"), connect_args=given)
    else:
        async_engine = create_async_engine(parsed.set(drivername="postgresql+asyncpg"))
    async with async_engine.begin() as async_connection:
        result = await async_connection.run_sync(work)
    await async_engine.dispose()
    return result


async def execute(url: str, *statements: str) -> None:
    """Runs SQL behind the server's back."""

    def work(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    await run(url, work)


def differences(connection: Connection) -> list[Any]:
    """What alembic would change to bring the database to the tables of `storage.sql.schema`."""
    if connection.dialect.name == "mariadb":
        return differences_of_mariadb(connection)
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def differences_of_mariadb(connection: Connection) -> list[str]:
    """The same by MariaDB's own words: alembic does not compare what it calls by other names than SQLAlchemy."""

    def described() -> set[str]:
        return {
            # Without what the next row's number is, and the order of columns and keys.
            f"{table.name}: {line.strip(', ')}"
            for table in metadata.sorted_tables
            for line in connection.exec_driver_sql(f"SHOW CREATE TABLE {table.name}").one()[1].splitlines()
            if not line.startswith(")")
        }

    migrated = described()
    connection.exec_driver_sql("SET foreign_key_checks = 0")
    metadata.drop_all(connection)
    metadata.create_all(connection)
    return sorted(migrated.symmetric_difference(described()))


def shape(path: Path) -> dict[str, tuple[object, ...]]:
    """All that SQLite knows of its tables, but the order of their columns and of what it checks."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            table: (
                "AUTOINCREMENT" in sql,
                "WITHOUT ROWID" in sql,
                frozenset(row[1:] for row in connection.execute("SELECT * FROM pragma_table_info(?)", (table,))),
                frozenset(row[2:] for row in connection.execute("SELECT * FROM pragma_foreign_key_list(?)", (table,))),
                frozenset(
                    (unique, tuple(connection.execute("SELECT name FROM pragma_index_info(?)", (index,))))
                    for _, index, unique, *_ in connection.execute("SELECT * FROM pragma_index_list(?)", (table,))
                ),
            )
            for table, sql in tables
            if table != "alembic_version" and not table.startswith("sqlite_")
        }


async def test_an_empty_database_gets_the_tables_of_this_version(url: str) -> None:
    assert await current_revision(url) is None
    assert await ensure_schema(url, upgrade=False) == HEAD
    assert await current_revision(url) == HEAD
    assert await run(url, differences) == []


async def test_migrations_and_tables_agree_in_what_alembic_does_not_compare(tmp_path: Path) -> None:
    await ensure_schema(f"sqlite:///{tmp_path / 'migrated.db'}", upgrade=False)
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert shape(tmp_path / "migrated.db") == shape(tmp_path / "created.db")


async def test_all_text_of_postgresql_is_compared_by_code_point(postgres: Postgres) -> None:
    url = postgres.create_database()
    await ensure_schema(url, upgrade=False)
    others = postgres.sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"
        " AND table_name <> 'alembic_version'",
        make_url(url).database or "",
    )
    assert others == ""


async def test_all_text_of_mariadb_is_compared_by_code_point(mariadb: Mariadb) -> None:
    url = mariadb.create_database()
    await ensure_schema(url, upgrade=False)
    others = mariadb.sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = database()"
        " AND collation_name <> 'utf8mb4_nopad_bin' AND table_name <> 'alembic_version'",
        make_url(url).database or "",
    )
    assert others == ""


async def test_an_unknown_revision_is_refused(url: str) -> None:
    await ensure_schema(url, upgrade=False)
    await execute(url, "UPDATE alembic_version SET version_num = 'future'")
    for upgrade in (False, True):
        with pytest.raises(SchemaMismatch, match="'future', which this version of Milepost does not know"):
            await ensure_schema(url, upgrade=upgrade)


async def test_somebody_elses_tables_are_refused_and_left_alone(url: str) -> None:
    await execute(url, "CREATE TABLE run (id INTEGER)")
    for upgrade in (False, True):
        with pytest.raises(SchemaMismatch, match="none of Milepost's revisions"):
            await ensure_schema(url, upgrade=upgrade)
    await execute(url, "INSERT INTO run (id) VALUES (1)")
    assert await current_revision(url) is None


async def test_an_older_revision_is_upgraded_only_when_asked(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    old = await ensure_schema(url, upgrade=False)
    request.getfixturevalue("newer_version")
    with pytest.raises(SchemaMismatch, match=f"{old!r} and this version needs 'next'.*milepost db upgrade"):
        await ensure_schema(url, upgrade=False)
    assert await current_revision(url) == old
    assert await ensure_schema(url, upgrade=True) == "next"
    assert await ensure_schema(url, upgrade=False) == "next"
    await execute(url, "UPDATE run SET added = 1")


async def test_a_creation_that_was_interrupted_begins_anew(url: str, newer_version: Path) -> None:
    with interrupted(newer_version), pytest.raises(LookupError, match="interrupted"):
        await ensure_schema(url, upgrade=False)
    assert await ensure_schema(url, upgrade=False) == "next"
    await execute(url, "UPDATE run SET added = 1")


async def test_an_upgrade_that_was_interrupted_is_taken_back_or_refused(
    url: str, request: pytest.FixtureRequest
) -> None:
    old = await ensure_schema(url, upgrade=False)
    with interrupted(request.getfixturevalue("newer_version")), pytest.raises(LookupError, match="interrupted"):
        await ensure_schema(url, upgrade=True)
    assert await current_revision(url) == old
    if not url.startswith("mariadb"):
        assert await ensure_schema(url, upgrade=True) == "next"
        return
    for upgrade in (False, True):
        with pytest.raises(SchemaMismatch, match=f"from schema revision {old!r} was interrupted.*Restore the backup"):
            await ensure_schema(url, upgrade=upgrade)


def test_head_is_the_last_revision_of_the_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_current_revision_has_a_stored_database() -> None:
    assert SCHEMAS[-1].stem == HEAD, "run tools/make_schema_fixture.py"


@pytest.mark.parametrize("dump", SCHEMAS, ids=lambda path: path.stem)
async def test_a_stored_database_is_upgraded_and_read(dump: Path, url: str, tmp_path: Path) -> None:
    stored = tmp_path / "milepost.db"
    with closing(sqlite3.connect(stored)) as connection:
        connection.executescript(await asyncio.to_thread(dump.read_text))
    if make_url(url).drivername != "sqlite":
        await run(url, lambda connection: copy(stored, dump.stem, connection))
    assert await ensure_schema(url, upgrade=True) == HEAD
    async with opened(url) as storage:
        await check_stored(storage, dump.stem)
        await check_new_models(storage)


def copy(path: Path, revision: str, connection: Connection) -> None:
    """Makes an empty database one of an old revision, with the rows of a SQLite file of that revision."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    tables = MetaData()
    tables.reflect(connection)
    for table in reversed(tables.sorted_tables):
        connection.execute(table.delete())
    source = create_engine(f"sqlite:///{path}")
    with source.connect() as stored:
        for table in tables.sorted_tables:
            columns: list[ColumnElement[Any]] = [literal_column(f'"{column.name}"') for column in table.c]
            for row in stored.execute(select(*columns).select_from(table)):
                cells = {column.name: converted(cell, column) for column, cell in zip(table.c, row, strict=True)}
                connection.execute(table.insert().values(cells))
            numbered = table.autoincrement_column
            if connection.dialect.name == "postgresql" and numbered is not None and numbered.server_default is not None:
                numbers = f"pg_get_serial_sequence('{table.name}', 'id')"
                connection.exec_driver_sql(f"SELECT setval({numbers}, max(id) + 1) FROM {table.name}")
    source.dispose()


def converted(cell: Any, column: Column[Any]) -> Any:
    """A cell of SQLite as the column of another database takes it."""
    if isinstance(column.type, Boolean):
        return bool(cell)
    return cell.encode() if isinstance(column.type, VARBINARY) else cell


def purged_experiments(connection: Connection) -> None:
    """Makes an empty database one of the third revision, whose last two experiments were purged."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0003")
    for name in "abc":
        connection.exec_driver_sql(
            f"INSERT INTO experiment (name, description, create_us, update_us, version) VALUES ('{name}', '', 0, 0, 1)"
        )
    connection.exec_driver_sql("DELETE FROM experiment WHERE name IN ('b', 'c')")


async def test_ids_of_experiments_purged_before_an_upgrade_are_not_given_again(url: str) -> None:
    await run(url, purged_experiments)
    await ensure_schema(url, upgrade=True)
    async with opened(url) as storage:
        request = pb.CreateExperimentRequest(experiment=pb.Experiment(name="d"))
        assert (await ExperimentService(storage, system_clock).create(request)).experiment_id == "4"


async def test_servers_that_start_at_once_on_an_empty_database_all_start(url: str, tmp_path: Path) -> None:
    def start(number: int) -> RunningServer:
        return RunningServer(tmp_path / f"server-{number}", database_url=url)

    with ThreadPoolExecutor(3) as pool:
        servers = await asyncio.gather(*(asyncio.wrap_future(pool.submit(start, number)) for number in range(3)))
        await asyncio.gather(*(asyncio.wrap_future(pool.submit(server.stop)) for server in servers))
    assert await current_revision(url) == HEAD
