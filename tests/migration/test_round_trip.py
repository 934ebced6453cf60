"""Out to MLflow's forms and in again. A Milepost server stands for MLflow's, whose calls it answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from milepost import v1 as pb
from milepost.client import Client
from support.cli import Cli
from support.servers import RunningServer


@dataclass
class Filled:
    """A server with some of everything, and ids of it."""

    server: RunningServer
    client: Client
    experiment: str
    run: str
    gone: str
    model: str


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    running = RunningServer(tmp_path_factory.mktemp("filled"))
    with Client(running.grpc_address) as client:
        yield _fill(running, client)
    running.stop()


def _fill(server: RunningServer, client: Client) -> Filled:
    experiment = client.experiments.create("digits", description="what it is", tags={"team": "risk"})
    run = experiment.create_run(name="a run", params={"lr": "0.1", "model/depth": "3"}, tags={"k": "v"})
    loss = pb.MetricPoints(key="loss", values=[0.5, math.nan, 0.25], steps=[0, 1, 2], timestamps_ms=[5, 6, 7])
    run.log_metrics([loss])
    client.artifacts.upload_bytes(run.run_id, b"hello", "sub/a.txt")
    experiment.create_run(name="child", parent_run_id=run.run_id)
    use = pb.DatasetInput(dataset=pb.Dataset(name="rows", digest="d", source_type="local", source="{}"), context="eval")
    client.runs.log_inputs(run.run_id, [use])
    model = client.logged_models.create(run.run_id, "net", output_step=2, params={"depth": "3"}, tags={"t": "v"})
    client.artifacts.upload_bytes(run.run_id, b"weights", f"models/{model.model_id}/w.bin")
    client.logged_models.finalize(model.model_id, stored_files=True)
    for _ in range(3):
        client.model_versions.create("fraud", model_id=model.model_id, create_model=True)
    client.model_versions.delete("fraud", 2)
    client.registered_models.set_alias("fraud", "champion", 3)
    client.model_versions.transition("fraud", 1, "Production")
    client.runs.update(run.run_id, state="FINISHED")
    gone = experiment.create_run(name="gone").run_id
    client.runs.delete(gone)
    return Filled(server, client, experiment.experiment_id, run.run_id, gone, model.model_id)


def imported(server: RunningServer, source: object) -> dict[str, Any]:
    """The report of an import."""
    arguments = ("import", "mlflow", str(source), "--json", "--verify", "full")
    report: dict[str, Any] = json.loads(Cli(server.grpc_address).out(*arguments))
    return report


def picture(client: Client, filled: Filled) -> list[Any]:
    """What a server has of it, without what each server sets itself."""
    run, model = client.runs.get(filled.run).proto, client.logged_models.get(filled.model).proto
    points = client.metrics.history(filled.run, "loss")
    versions = {one.version: (one.proto.model_id, one.proto.stage) for one in client.model_versions.list("fraud")}
    return [
        (client.experiments.get(filled.experiment).proto.description, client.experiments.get(filled.experiment).tags),
        (run.name, run.state, run.start_time.ToMilliseconds(), run.end_time.ToMilliseconds(), dict(run.tags)),
        (client.runs.get(filled.run).params, [str(one) for one in (*run.inputs, *run.model_outputs)]),
        (points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tobytes()),
        sorted((one.name, one.parent_run_id) for one in client.runs.list([filled.experiment], view="all")),
        client.runs.get(filled.gone).deleted,
        client.artifacts.read(filled.run, "sub/a.txt"),
        client.artifacts.read(filled.run, f"models/{filled.model}/w.bin"),
        (model.name, model.status, dict(model.tags), client.logged_models.get(filled.model).params, model.sha256),
        (versions, dict(client.registered_models.get("fraud").proto.aliases)),
    ]


@pytest.mark.parametrize("way", ["folder", "server"])
def test_what_is_exported_or_served_as_mlflow_comes_back_the_same(filled: Filled, tmp_path: Path, way: str) -> None:
    source: object = filled.server.http_url
    if way == "folder":
        source = tmp_path / "mlruns"
        Cli(filled.server.grpc_address).run("export", "mlflow", str(source))
    second = RunningServer(tmp_path / "second")
    with Client(second.grpc_address) as client:
        report = imported(second, source)
        assert (report["differing"], report["problems"]) == (0, 0)
        assert picture(client, filled) == picture(filled.client, filled)
    second.stop()


def test_a_live_server_gets_everything_under_ids_of_its_own(filled: Filled, second_server: RunningServer) -> None:
    cli = Cli(filled.server.grpc_address)
    first = cli.json("export", "mlflow", second_server.http_url)
    again = cli.json("export", "mlflow", second_server.http_url)
    with Client(second_server.grpc_address) as client:
        runs = {one.tags["milepost.run_id"]: one for one in client.runs.list(experiment="digits", view="all")}
        made = runs[filled.run]
        assert first["counts"]["runs"] == again["counts"]["runs"] == 3
        assert (first["counts"]["artifacts"], again["counts"]["artifacts"]) == (2, 0)
        assert first["problems"] == again["problems"] == 0
        assert (len(runs), made.state.value, runs[filled.gone].deleted) == (3, "FINISHED", True)
        assert {run.parent_run_id for run in runs.values()} == {"", made.run_id}
        history, there = client.metrics.history(made.run_id, "loss"), filled.client.metrics.history(filled.run, "loss")
        assert history.values.tobytes() == there.values.tobytes()
        assert client.artifacts.read(made.run_id, "sub/a.txt") == b"hello"
        [model] = client.logged_models.list(experiment="digits")
        assert [one.model_id for one in made.proto.model_outputs] == [model.model_id]
        assert client.artifacts.read(made.run_id, f"models/{model.model_id}/w.bin") == b"weights"
        versions = {one.version: one.stage.value for one in client.model_versions.list("fraud")}
        assert versions == {1: "PRODUCTION", 3: "NONE"}
        assert client.model_versions.get_by_alias("fraud", "champion").version == 3


def test_keys_that_are_no_names_of_files_are_left_out_and_named(server: RunningServer, tmp_path: Path) -> None:
    with Client(server.grpc_address) as client:
        experiment = client.experiments.create(f"keys of {tmp_path}")
        experiment.create_run(params={"../up": 1, "a": 1, "a/b": 2, "ok": 3})
        cli = Cli(server.grpc_address)
        result = cli.run("export", "mlflow", str(tmp_path / "out"), "-e", experiment.name, "--json", code=1)
    left = {one["field"] for one in json.loads(result.stdout)["listedProblems"]}
    assert "params.../up" in left
    assert len(left) == 2
    assert [path.name for path in (tmp_path / "out").rglob("ok")] == ["ok"]
    assert not (tmp_path / "up").exists()


def test_a_folder_with_something_in_it_is_not_written_to(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").touch()
    assert "is not empty" in Cli(server.grpc_address).refused("export", "mlflow", str(tmp_path))
