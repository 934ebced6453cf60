"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from support.postgres import Postgres
from support.servers import RunningServer

# Tests never judge times. CI tries the same examples each time, so that it judges the change and not its luck; runs by
# hand try new ones.
hypothesis.settings.register_profile("milepost", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("milepost")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL of this test session. Fails, and never skips, where it cannot be started."""
    running = Postgres()
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


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> RunningServer:
    """A Milepost server, once per kind of database."""
    running: RunningServer = request.getfixturevalue("server" if request.param == "sqlite" else "postgres_server")
    return running
