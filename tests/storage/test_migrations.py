"""Databases that are empty, old, newer than this version, or somebody else's."""

from __future__ import annotations

import asyncio
import math
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from milepost import v1 as pb
from milepost_server.services.batches import BatchService
from milepost_server.services.clock import system_clock
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.metrics import MetricService
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage, StoredArtifact, Transaction
from milepost_server.storage.sql import migrate, revision
from milepost_server.storage.sql.migrate import SchemaMismatch
from milepost_server.storage.sql.revision import HEAD, current_revision, ensure_schema
from milepost_server.storage.sql.schema import metadata
from support.databases import opened, sqlite_url
from support.postgres import Postgres
from support.servers import RunningServer
from support.values import INT64_MAX, bits, param

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
RUN_ID = "0123456789abcdef0123456789abcdef"
NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.add_column("run", sa.Column("added", sa.Integer))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.create_database()


@pytest.fixture
def newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this the next version of Milepost, which has one more revision."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "next.py").write_text(NEXT_REVISION.format(head=HEAD))
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    for module in (migrate, revision):
        monkeypatch.setattr(module, "HEAD", "next")


async def execute(url: str, statement: str) -> None:
    """Changes a database behind the server's back."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(url).database or "")) as connection, connection:
            connection.execute(statement)
        return
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as async_connection:
        await async_connection.exec_driver_sql(statement)
    await engine.dispose()


def differences(connection: Connection) -> list[Any]:
    """What alembic would change to bring the database to the tables of `storage.sql.schema`."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def shape(path: Path) -> dict[str, tuple[object, ...]]:
    """All that SQLite knows of its tables, but the order of their columns' constraints."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            table: (
                "AUTOINCREMENT" in sql,
                "WITHOUT ROWID" in sql,
                tuple(connection.execute("SELECT * FROM pragma_table_info(?)", (table,))),
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
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            found = differences(connection)
        engine.dispose()
    else:
        async_engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
        async with async_engine.connect() as async_connection:
            found = await async_connection.run_sync(differences)
        await async_engine.dispose()
    assert found == []


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


def test_head_is_the_last_revision_of_the_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_current_revision_has_a_stored_database() -> None:
    assert SCHEMAS[-1].stem == HEAD, "run tools/make_schema_fixture.py"


@pytest.mark.parametrize("dump", SCHEMAS, ids=lambda path: path.stem)
async def test_a_stored_database_is_upgraded_and_read(dump: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "milepost.db")) as connection:
        connection.executescript(await asyncio.to_thread(dump.read_text))
    assert await ensure_schema(sqlite_url(tmp_path), upgrade=True) == HEAD
    async with opened(sqlite_url(tmp_path)) as storage:
        await check_experiment(storage)
        await check_run(storage)
        await check_metrics(storage)
        assert await check_artifact(storage)


async def check_experiment(storage: Storage) -> None:
    found = await ExperimentService(storage, system_clock).get_by_name("digits")
    assert found.description == "é\n'quoted'"
    assert dict(found.tags) == {"team": "vision"}


async def check_run(storage: Storage) -> None:
    runs = RunService(storage, system_clock)
    listed, _ = await runs.list(pb.ListRunsRequest(filter="params.integer > 5 AND metrics.loss < 1"))
    (run,) = listed
    assert run == await runs.get(RUN_ID)
    assert math.isnan(run.params.pop("nan").double_value)
    assert {key: str(value) for key, value in run.params.items()} == {
        "text": str(param("1")),
        "integer": str(param(INT64_MAX)),
        "float": str(param(-0.0)),
        "boolean": str(param(True)),
        "json": str(pb.ParamValue(json_value='{"a": [1]}')),
    }
    assert dict(run.tags) == {"stage": "old"}
    assert [(use.context, use.dataset.name, dict(use.tags)) for use in run.inputs] == [
        ("training", "digits", {"split": "a"})
    ]
    # The answer to a request of the old version is still known.
    again = pb.Run(experiment_id=run.experiment_id, run_id=RUN_ID, name="first", user="ada")
    repeated = await runs.create(pb.CreateRunRequest(run=again, request_id="first-request"))
    assert repeated.create_time == run.create_time
    batch = pb.LogBatchRequest(run_id=RUN_ID, tags={"stage": "new"})
    await BatchService(storage, system_clock).log_batch(batch)


async def check_metrics(storage: Storage) -> None:
    request = pb.ListMetricHistoryRequest(run_id=RUN_ID, metric_key="loss")
    history = await MetricService(storage, system_clock).history(request)
    assert list(history.points.steps) == [1, 2, 2]
    assert list(history.points.timestamps_ms) == [5, 6, 7]
    assert bits(history.points.values) == bits([0.1, math.inf, -0.0])
    run = await RunService(storage, system_clock).get(RUN_ID)
    assert bits([run.metrics["loss"].last, run.metrics["loss"].max]) == bits([-0.0, math.inf])


async def check_artifact(storage: Storage) -> StoredArtifact | None:
    async def work(tx: Transaction) -> StoredArtifact | None:
        key = await tx.runs.key(RUN_ID)
        assert key is not None
        return await tx.artifacts.get(key, "model/weights.bin")

    return await storage.scan(work)


async def test_servers_that_start_at_once_on_an_empty_database_all_start(url: str, tmp_path: Path) -> None:
    def start(number: int) -> RunningServer:
        return RunningServer(tmp_path / f"server-{number}", database_url=url)

    with ThreadPoolExecutor(3) as pool:
        servers = await asyncio.gather(*(asyncio.wrap_future(pool.submit(start, number)) for number in range(3)))
        await asyncio.gather(*(asyncio.wrap_future(pool.submit(server.stop)) for server in servers))
    assert await current_revision(url) == HEAD
