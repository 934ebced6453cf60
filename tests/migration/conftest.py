"""What tests of imports share: the command against the session's server, and stores of MLflow to import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.client import Client
from support.cli import Cli
from support.mlflow_stores import MlflowDatabase, MlflowFolder
from support.servers import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc_address) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[MlflowDatabase]:
    made = MlflowDatabase(tmp_path / "mlflow.db")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> MlflowFolder:
    return MlflowFolder(tmp_path / "mlruns")


@pytest.fixture(scope="module")
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with nothing in it but what the module's tests bring."""
    running = RunningServer(tmp_path_factory.mktemp("second"))
    yield running
    running.stop()
