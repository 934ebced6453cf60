"""An import that is killed at any moment, and begun again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from milepost.client import Client
from support.cli import Cli
from support.mlflow_stores import START_MS, MlflowDatabase
from support.servers import RunningServer

RUNS, POINTS = 40, 5000


@pytest.fixture
def source(database: MlflowDatabase, tmp_path: Path) -> tuple[Path, str]:
    """A database that takes a while to import, and the id of its experiment."""
    experiment = database.experiment()
    for number in range(RUNS):
        files = tmp_path / f"artifacts-{number}"
        files.mkdir()
        (files / "a.bin").write_bytes(bytes([number]) * 10_000)
        run = database.run(experiment, {"number": str(number)}, artifact_uri=str(files))
        database.points(run, (("loss", step, START_MS + step, step / 7) for step in range(POINTS)))
    return database.path, experiment


def begin(server: RunningServer, path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "milepost.cli.main", "-s", server.grpc_address, "import", "mlflow", str(path)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Kills it as soon as the server says that it has come so far, or after it has ended."""
    while process.poll() is None and not reached():
        pass
    process.kill()
    process.wait()


def test_an_import_that_is_killed_again_and_again_ends_with_the_same(
    server: RunningServer, client: Client, cli: Cli, source: tuple[Path, str]
) -> None:
    path, experiment = source
    for wanted in (1, RUNS // 3, RUNS * 2 // 3):
        kill_when(begin(server, path), lambda: client.runs.count([experiment]) >= wanted)  # noqa: B023

    report = cli.json("import", "mlflow", str(path), "--verify", "full")

    assert report["differing"] == report["problems"] == 0
    assert report["counts"]["points"] == {"source": RUNS * POINTS, "target": RUNS * POINTS}
    assert report["counts"]["artifacts"] == {"source": RUNS, "target": RUNS}
    assert client.runs.count([experiment]) == RUNS
