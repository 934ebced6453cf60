"""Upkeep from the command line: purges that choose runs, files of no artifact, and the database itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from milepost.client import Client, Experiment
from support.cli import Cli
from support.postgres import Postgres
from support.server_process import MILEPOST, ServerProcess
from support.servers import RunningServer
from support.values import unique


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def experiment(server: RunningServer) -> Experiment:
    """An experiment with 120 deleted runs, each with a point, and one that is active."""
    client = Client(server.grpc_address)
    made = client.experiments.create(unique())
    for number in range(121):
        run = made.create_run(name=f"run-{number}")
        run.log_metrics({"loss": 1.0})
        if number:
            run.delete()
    return made


def test_runs_are_purged_by_filter_and_age_until_none_remains(cli: Cli, experiment: Experiment) -> None:
    chosen = ("runs", "purge", "-e", experiment.name, "--older-than", "0m", "-f", "name LIKE 'run-%'")
    dry = cli.json(*chosen, "--dry-run")
    assert (dry["purged"]["runs"], dry["remaining"]) == ("120", "120")
    assert "120 runs" in cli.refused(*chosen, code=2)
    assert "Purged 120 runs, 120 metric points" in cli.out(*chosen, "--yes")
    assert cli.json(*chosen)["purged"]["runs"] == "0"
    left = cli.json("runs", "list", "-e", experiment.name, "--all")["runs"]
    assert [run["name"] for run in left] == ["run-0"]


def test_runs_deleted_just_now_are_not_30_days_old(cli: Cli, experiment: Experiment) -> None:
    found = cli.json("runs", "purge", "-e", experiment.name, "--older-than", "30d", "--yes")
    assert (found["purged"]["runs"], found["remaining"]) == ("0", "0")


def test_purge_needs_ids_or_a_choice_and_not_both(cli: Cli) -> None:
    assert "--older-than" in cli.run("runs", "purge", "--yes", code=2).stderr
    assert "--older-than" in cli.run("runs", "purge", "an-id", "--older-than", "1d", code=2).stderr
    assert "30d or 8w" in cli.run("runs", "purge", "--older-than", "1 month", code=2).stderr


def test_files_of_no_artifact_are_named_and_removed(cli: Cli, server: RunningServer, experiment: Experiment) -> None:
    lost = f"{experiment.experiment_id}/{unique()}/artifacts/lost.bin"
    file = Path(server.data_dir, "artifacts", lost)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    os.utime(file, (0, 0))
    dry = cli.json("artifacts", "purge-orphans", "--dry-run")
    assert (dry["files"], dry["bytes"], dry["paths"]) == ("1", "5", [lost])
    assert lost in cli.refused("artifacts", "purge-orphans", code=2)
    assert "Removed 1 file (5 B)." in cli.out("artifacts", "purge-orphans", "--yes")
    assert not file.exists()


def test_doctor_tells_the_size_of_the_database(cli: Cli) -> None:
    checks = {check["name"]: check for check in cli.json("doctor")["checks"]}
    assert checks["database"]["status"] == "ok"
    assert "metric series" in checks["database"]["detail"]


def optimize(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MILEPOST, "db", "optimize", *flags], capture_output=True, text=True, timeout=60)


def test_optimize_is_refused_while_a_server_has_the_database_open(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    try:
        done = optimize("--data-dir", str(tmp_path / "data"))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "Stop the server" in done.stderr
    finally:
        server.terminate()
        server.wait()
    done = optimize("--data-dir", str(tmp_path / "data"))
    assert (done.returncode, done.stderr) == (0, "")


def test_optimize_gives_space_back(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    with Client(server.grpc_address) as client:
        run = client.runs.create(tags={f"t{n}": "x" * 60_000 for n in range(20)})
        run.delete()
        run.purge()
        assert client.database_status().free_bytes > 1_000_000
    server.terminate()
    server.wait()
    database = tmp_path / "data" / "milepost.db"
    before = database.stat().st_size
    assert optimize("--data-dir", str(tmp_path / "data")).returncode == 0
    assert database.stat().st_size < before - 1_000_000


def test_optimize_of_an_empty_database_is_refused(tmp_path: Path) -> None:
    done = optimize("--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "db upgrade" in done.stderr


def test_optimize_beside_a_server_on_postgresql(postgres: Postgres, postgres_server: RunningServer) -> None:
    Client(postgres_server.grpc_address).runs.create()
    url = postgres_server.settings.sql_url
    done = optimize("--database-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert postgres.sql("SELECT count(*) FROM pg_stats WHERE tablename = 'run'", url.rpartition("/")[2]) != "0"
