"""The `mlflow` command: experiments, runs, artifacts, projects and served models."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import cli
from sklearn.linear_model import LinearRegression

from mlflow_clients.rest import Rest

MLFLOW = [sys.executable, "-m", "mlflow"]
TIMEOUT_S = 90.0


def command(*arguments: str) -> str:
    """What `mlflow` prints, which must succeed. It runs in this process, since a new one takes seconds to begin."""
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.covers("`mlflow experiments create`, `search`, `rename`, `delete`, `restore`, `csv`")
def test_experiments_by_command(client: MlflowClient, rest: Rest, name: str, tmp_path: Path) -> None:
    command("experiments", "create", "--experiment-name", name)
    made = client.get_experiment_by_name(name).experiment_id
    assert name in command("experiments", "search")
    run = rest.new_run(made)
    table = tmp_path / "runs.csv"
    command("experiments", "csv", "--experiment-id", made, "--filename", str(table))
    with table.open() as lines:
        assert [row["run_id"] for row in csv.DictReader(lines)] == [run]
    command("experiments", "rename", "--experiment-id", made, "--new-name", f"{name} b")
    command("experiments", "delete", "--experiment-id", made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    command("experiments", "restore", "--experiment-id", made)
    assert client.get_experiment(made).name == f"{name} b"


@pytest.mark.covers("`mlflow runs list`, `describe`, `delete`, `restore`")
def test_runs_by_command(client: MlflowClient, experiment: str, run: str) -> None:
    client.log_param(run, "lr", 0.1)
    assert run in command("runs", "list", "--experiment-id", experiment)
    assert '"lr": "0.1"' in command("runs", "describe", "--run-id", run)
    command("runs", "delete", "--run-id", run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    command("runs", "restore", "--run-id", run)
    assert client.get_run(run).info.lifecycle_stage == "active"


@pytest.mark.covers("`mlflow artifacts log-artifact`, `log-artifacts`, `list`, `download`")
def test_artifacts_by_command(run: str, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    command("artifacts", "log-artifact", "--local-file", str(folder / "a.txt"), "--run-id", run)
    command("artifacts", "log-artifacts", "--local-dir", str(folder), "--run-id", run, "--artifact-path", "d")
    assert '"d"' in command("artifacts", "list", "--run-id", run)
    command("artifacts", "download", "--run-id", run, "--dst-path", str(tmp_path / "down"))
    assert (tmp_path / "down" / "d" / "a.txt").read_text() == "hello"


@pytest.mark.covers("`mlflow run` of a local project")
def test_a_project_is_run(client: MlflowClient, experiment: str, tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text(
        "name: small\nentry_points:\n  main:\n    parameters:\n      lr: {type: float, default: 0.5}\n"
        f'    command: "{sys.executable} train.py {{lr}}"\n'
    )
    (tmp_path / "train.py").write_text(
        "import sys, mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('loss', float(sys.argv[1]))\n"
    )
    subprocess.run(
        [*MLFLOW, "run", str(tmp_path), "--env-manager=local", "-P", "lr=0.25", "--experiment-id", experiment],
        check=True,
        timeout=TIMEOUT_S,
    )
    [run] = client.search_runs([experiment])
    assert (run.info.status, run.data.params, run.data.metrics) == ("FINISHED", {"lr": "0.25"}, {"loss": 0.25})
    assert run.data.tags["mlflow.project.entryPoint"] == "main"
    assert run.data.tags["mlflow.source.type"] == "PROJECT"


@contextmanager
def serving(model_uri: str, log: Path) -> Iterator[str]:
    """Address of `mlflow models serve`, which listens from when it is entered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["models", "serve", "-m", model_uri, "--env-manager", "local", "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*MLFLOW, *arguments], stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(), trust_env=False) as http:
            while True:
                assert process.poll() is None, log.read_text()
                try:
                    if http.get(f"{url}/ping").status_code == 200:
                        break
                except httpx.TransportError:
                    continue
        yield url
    finally:
        # It starts processes of its own.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(TIMEOUT_S)


@pytest.mark.covers("`mlflow models serve` and `predict` of a model stored here")
def test_a_stored_model_is_served(fluent: str, name: str, tmp_path: Path) -> None:
    model = LinearRegression().fit(np.arange(4.0).reshape(-1, 1), np.arange(4.0) * 2)
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"])
    with serving(f"models:/{name}/1", tmp_path / "log") as url:
        answer = httpx.post(f"{url}/invocations", json={"inputs": [[3.0], [5.0]]}, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert np.allclose(answer.json()["predictions"], [6.0, 10.0])
    assert fluent
