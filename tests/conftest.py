"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from support.databases import KINDS, SERVERS, DatabaseServer, new_url
from support.mariadb import Mariadb, MariadbUnavailableError
from support.postgres import Postgres
from support.servers import RunningServer

# Run by tools/environments.py, in environments that have the libraries.
collect_ignore = ["flavors", "importers", "mlflow_clients", "serving_clients"]

# Tests never judge times. CI tries the same examples each time, so that it judges the change and not its luck; runs by
# hand try new ones.
hypothesis.settings.register_profile("milepost", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("milepost")


@pytest.fixture(scope="session", autouse=True)
def spool_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder where clients, and programs that tests start, keep what waits for a server. Never the user's own."""
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILEPOST_SPOOL_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder where models that are fetched are kept. Never the user's own."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILEPOST_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL of this test session. Fails, and never skips, where it cannot be started."""
    running = Postgres()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Mariadb]:
    """A real MariaDB of this test session. What needs it is skipped where it is not installed, but never in CI."""
    try:
        running = Mariadb()
    except MariadbUnavailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A Milepost server on its embedded default: SQLite and local files."""
    running = RunningServer(tmp_path_factory.mktemp("milepost"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def postgres_server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A Milepost server on PostgreSQL and local files."""
    running = RunningServer(tmp_path_factory.mktemp("milepost"), database_url=postgres.create_database())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def mariadb_server(mariadb: Mariadb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A Milepost server on MariaDB and local files."""
    running = RunningServer(tmp_path_factory.mktemp("milepost"), database_url=mariadb.create_database())
    yield running
    running.stop()


_SERVERS = {"sqlite": "server", "postgresql": "postgres_server", "mariadb": "mariadb_server"}


@pytest.fixture(scope="session", params=_SERVERS)
def backend(request: pytest.FixtureRequest) -> RunningServer:
    """A Milepost server, once per kind of database."""
    running: RunningServer = request.getfixturevalue(_SERVERS[request.param])
    return running


@pytest.fixture(scope="module", params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of each kind, at first empty, that the tests of a module share."""
    return new_url(request, request.param, tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session", params=SERVERS)
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each kind of database that is a server."""
    running: DatabaseServer = request.getfixturevalue(SERVERS[request.param])
    return running


@pytest.fixture
def own_database_server(database_server: DatabaseServer) -> Iterator[DatabaseServer]:
    """A database server that may be stopped: no other test uses it."""
    running = type(database_server)()
    yield running
    running.stop()
