"""Import and export: MLflow itself writes the history that comes, and reads the history that goes."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, ViewType

from mlflow_clients.server import MILEPOST, Server

_START_S = 60.0
# Set by MLflow or by an export, and not by whom the history is of.
_OWN_TAGS = ("mlflow.user", "milepost.run_id", "milepost.model_id", "milepost.exported", "mlflow.parentRunId")


@pytest.fixture(autouse=True)
def file_store_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


@pytest.fixture
def milepost(tmp_path: Path) -> Iterator[Server]:
    """A server with nothing in it."""
    server = Server(tmp_path / "milepost")
    yield server
    server.stop()


def run_command(server: Server, *arguments: str) -> dict[str, Any]:
    """What `milepost` prints with `--json`. It must say that all went well."""
    command = [str(MILEPOST), "-s", server.grpc_address, *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """MLflow's own server as its documentation has it: a database, and artifacts that it hands out."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        # Its workers outlive it unless their group is ended.
        process = subprocess.Popen([*command, "--workers", "1"], stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/health", process)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=_START_S):
            return
    raise AssertionError("MLflow's server did not start")


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """Address of an empty store of MLflow."""
    if kind == "server":
        with mlflow_server(folder / "mlflow") as url:
            yield url
    elif kind == "database":
        yield f"sqlite:///{folder}/mlflow.db"
    else:
        yield str(folder / "mlruns")


def fill(client: MlflowClient, folder: Path) -> None:
    """Puts some of everything into a store."""
    experiment = client.create_experiment(
        "digits", str(folder / "files") if client.tracking_uri.startswith("sqlite") else None
    )
    client.set_experiment_tag(experiment, "mlflow.note.content", "what it is")
    client.set_experiment_tag(experiment, "team", "risk")
    run = client.create_run(
        experiment, run_name="a run", tags={"mlflow.note.content": "notes", "k": "two\nlines"}
    ).info.run_id
    metrics = [Metric("train/loss", value, 1000 + step, step) for step, value in enumerate([0.5, math.nan, 0.1, 1e300])]
    client.log_batch(run, metrics, [Param("lr", "0.1"), Param("model/depth", "3")])
    dataset = Dataset("rows", "abc", "local", "{}", schema="{}", profile='{"rows": 3}')
    client.log_inputs(run, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training"), InputTag("a", "b")])])
    client.log_text(run, "hello", "sub/a.txt")
    client.create_run(experiment, run_name="child", tags={"mlflow.parentRunId": run})
    model = client.create_logged_model(experiment, "net", run, {"t": "v"}, {"depth": "3"}, "agent")
    (folder / "w.bin").write_bytes(b"weights")
    client.log_model_artifact(model.model_id, str(folder / "w.bin"))
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 2)])
    # MLflow reads step 0 where its file store has written another one beside a dataset; we read what is there.
    client.log_metric(run, "acc", 0.9, step=0, model_id=model.model_id, dataset_name="rows", dataset_digest="abc")
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("fraud", {"r": "t"}, "cards")
    source = {"source": f"models:/{model.model_id}", "run_id": run, "model_id": model.model_id}
    for number in range(3):
        client.create_model_version("fraud", description=f"number {number}", tags={"n": str(number)}, **source)
    client.delete_model_version("fraud", "2")
    client.set_registered_model_alias("fraud", "champion", "3")
    client.register_prompt("greeting", "Hello {{name}}", "first")
    client.set_terminated(run)
    gone = client.create_run(experiment, run_name="gone").info.run_id
    client.log_metric(gone, "x", 1.0)
    client.delete_run(gone)
    client.delete_experiment(client.create_experiment("gone"))


def picture(client: MlflowClient, *, ids: bool) -> list[Any]:
    """What MLflow's client sees, with or without ids, which a live server gives out anew."""
    seen: list[Any] = []
    for one in sorted(client.search_experiments(ViewType.ALL), key=lambda experiment: experiment.name):
        seen.append((one.name, one.lifecycle_stage, one.tags, one.experiment_id if ids else ""))
        found = client.search_runs([one.experiment_id], run_view_type=ViewType.ALL)
        names = {run.info.run_id: run.info.run_name for run in found}
        seen += sorted((_run(client, run, names, ids) for run in found), key=lambda picture: str(picture[0]))
        seen += [_model(client, model, ids) for model in client.search_logged_models([one.experiment_id])]
    model = client.get_registered_model("fraud")
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    seen.append((model.name, model.description, aliases, model.tags))
    for version in sorted(client.search_model_versions("name='fraud'"), key=lambda version: int(version.version)):
        seen.append((str(version.version), version.description, version.tags, version.current_stage))
    prompt = client.get_prompt_version("greeting", "1")
    return [*seen, (prompt.template, prompt.commit_message)]


def _run(client: MlflowClient, run: Any, names: dict[str, str], ids: bool) -> Any:
    info = run.info
    tags = {key: value for key, value in run.data.tags.items() if key not in _OWN_TAGS}
    histories = {
        key: [(repr(point.value), point.step, point.timestamp) for point in client.get_metric_history(info.run_id, key)]
        for key in sorted(run.data.metrics)
    }
    inputs = [
        (use.dataset.to_dictionary(), sorted((tag.key, tag.value) for tag in use.tags))
        for use in run.inputs.dataset_inputs
    ]
    outputs = [(made.step, made.model_id if ids else "") for made in run.outputs.model_outputs]
    files = sorted(one.path for one in client.list_artifacts(info.run_id) if one.path != "models")
    parent = names.get(run.data.tags.get("mlflow.parentRunId", ""))
    return (
        (info.run_name, info.status, info.lifecycle_stage, info.run_id if ids else ""),
        (info.start_time, info.end_time, parent, run.data.params, tags),
        (histories, inputs, outputs, files),
    )


def _model(client: MlflowClient, model: Any, ids: bool) -> Any:
    tags = {key: value for key, value in model.tags.items() if not key.startswith(("mlflow.", "milepost."))}
    metrics = [(one.key, one.value, one.step, one.dataset_name, one.dataset_digest) for one in model.metrics or []]
    files = sorted(one.path for one in client.list_logged_model_artifacts(model.model_id))
    return (
        model.name,
        str(model.status),
        model.model_type,
        model.params,
        tags,
        metrics,
        files,
        model.model_id if ids else "",
    )


@pytest.mark.covers("import from a database, a folder, a live server: everything is there, under its ids")
@pytest.mark.parametrize("kind", ["database", "folder", "server"])
def test_the_same_client_sees_the_same_after_an_import(
    milepost: Server, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store(kind, tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)  # where it looks for the model of a version
        original = MlflowClient(address, address)
        fill(original, tmp_path)
        report = run_command(milepost, "import", "mlflow", address, "--verify", "full")
        assert (report["differing"], report["problems"]) == (0, 0)
        assert picture(MlflowClient(milepost.url, milepost.url), ids=True) == picture(original, ids=True)


@pytest.mark.covers("export to a folder or a live server: MLflow reads everything")
@pytest.mark.parametrize("kind", ["folder", "server"])
def test_the_same_client_sees_the_same_after_an_export(
    milepost: Server, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", milepost.url)
    ours = MlflowClient(milepost.url, milepost.url)
    fill(ours, tmp_path)
    with store(kind, tmp_path) as address:
        run_command(milepost, "export", "mlflow", address)
        ids = kind == "folder"
        assert picture(MlflowClient(address, address), ids=ids) == picture(ours, ids=ids)
