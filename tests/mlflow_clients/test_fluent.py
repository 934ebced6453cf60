"""The fluent interface: `mlflow.start_run` and all that is said within."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient


@pytest.mark.covers("start, log and end: params, metrics, tags, user, source")
def test_a_run_is_logged(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run(run_name="first", tags={"a": "b"}, description="About") as active:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"opt": "adam", "deep": {"a": 1}})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"loss": 0.25, "acc": 0.75}, step=2)
        mlflow.set_tag("team", "vision")
        mlflow.set_tags({"x": 1, "y": True})
        mlflow.delete_tag("x")
    run = client.get_run(active.info.run_id)
    assert (run.info.run_name, run.info.status, run.info.experiment_id) == ("first", "FINISHED", fluent)
    assert run.info.end_time >= run.info.start_time
    assert run.data.params == {"lr": "0.1", "opt": "adam", "deep": "{'a': 1}"}
    assert run.data.metrics == {"loss": 0.25, "acc": 0.75}
    assert run.data.tags.items() >= {
        "a": "b", "team": "vision", "y": "True", "mlflow.note.content": "About", "mlflow.runName": "first",
        "mlflow.source.type": "LOCAL",
    }.items()  # fmt: skip
    assert run.data.tags["mlflow.user"]
    assert "x" not in run.data.tags


@pytest.mark.covers("an exception ends a run as FAILED")
def test_an_exception_fails_a_run(fluent: str, client: MlflowClient) -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as active:
        mlflow.log_metric("m", 1 / 0)
    assert client.get_run(active.info.run_id).info.status == "FAILED"
    assert fluent


@pytest.mark.covers("a run is taken up again, by its id or by `MLFLOW_RUN_ID`")
def test_a_run_is_taken_up_again(fluent: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow.start_run() as active:
        mlflow.log_metric("m", 1, step=1)
    with mlflow.start_run(run_id=active.info.run_id):
        assert client.get_run(active.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("m", 2, step=2)
    monkeypatch.setenv("MLFLOW_RUN_ID", active.info.run_id)
    with mlflow.start_run() as again:
        assert again.info.run_id == active.info.run_id
    run = client.get_run(active.info.run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"m": 2})
    assert fluent


@pytest.mark.covers("nested runs")
def test_runs_are_nested(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as parent:
        children = []
        for _ in range(3):
            with mlflow.start_run(nested=True) as child:
                children.append(child.info.run_id)
        assert mlflow.active_run().info.run_id == parent.info.run_id
    found = client.search_runs([fluent], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {run.info.run_id for run in found} == set(children)
    assert mlflow.get_parent_run(children[0]).info.run_id == parent.info.run_id
    by_id = mlflow.start_run(parent_run_id=parent.info.run_id)
    mlflow.end_run()
    assert client.get_parent_run(by_id.info.run_id).info.run_id == parent.info.run_id


@pytest.mark.covers("asynchronous logging, with a flush")
def test_logging_may_be_asynchronous(fluent: str, client: MlflowClient) -> None:
    mlflow.config.enable_async_logging()
    try:
        with mlflow.start_run() as active:
            pending = [mlflow.log_metric("m", float(step), step=step) for step in range(100)]
            mlflow.log_params({"a": 1})
            mlflow.set_tag("t", "v")
            mlflow.flush_async_logging()
            for operation in pending:
                operation.wait()
    finally:
        mlflow.config.enable_async_logging(False)
    assert [point.step for point in client.get_metric_history(active.info.run_id, "m")] == list(range(100))
    data = client.get_run(active.info.run_id).data
    assert (data.params["a"], data.tags["t"]) == ("1", "v")
    assert fluent


@pytest.mark.covers("artifacts logged asynchronously")
def test_artifacts_may_be_asynchronous(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as active:
        mlflow.log_image(np.zeros((2, 2, 3), dtype="uint8"), key="k", synchronous=False)
        mlflow.flush_artifact_async_logging()
    assert client.list_artifacts(active.info.run_id, "images")
    assert fluent


@pytest.mark.covers("system metrics")
def test_system_metrics_are_logged(fluent: str, client: MlflowClient) -> None:
    mlflow.set_system_metrics_sampling_interval(0.05)
    mlflow.set_system_metrics_samples_before_logging(1)
    try:
        with mlflow.start_run(log_system_metrics=True) as active:
            while "system/cpu_utilization_percentage" not in client.get_run(active.info.run_id).data.metrics:
                pass
    finally:
        mlflow.set_system_metrics_sampling_interval(None)
        mlflow.set_system_metrics_samples_before_logging(None)
    metrics = client.get_run(active.info.run_id).data.metrics
    assert metrics["system/system_memory_usage_megabytes"] > 0
    assert fluent


@pytest.mark.covers("more metrics, params and tags than one request takes")
def test_large_batches_are_cut_by_the_client(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as active:
        mlflow.log_metrics({f"m{i}": i for i in range(2100)})
        mlflow.log_params({f"p{i}": i for i in range(250)})
        mlflow.set_tags({f"t{i}": i for i in range(250)})
    data = client.get_run(active.info.run_id).data
    assert (len(data.metrics), len(data.params)) == (2100, 250)
    assert sum(key[0] == "t" for key in data.tags) == 250
    assert fluent


@pytest.mark.covers("deleting runs, `last_active_run` and `get_run`")
def test_runs_are_deleted(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as active:
        pass
    assert mlflow.last_active_run().info.run_id == active.info.run_id
    mlflow.delete_run(active.info.run_id)
    assert mlflow.get_run(active.info.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(mlflow.MlflowException, match="deleted"):
        mlflow.start_run(run_id=active.info.run_id)
    assert client.search_runs([fluent]) == []


@pytest.mark.covers("many processes log to one run")
def test_processes_log_to_one_run(fluent: str, client: MlflowClient, tmp_path: Path) -> None:
    script = tmp_path / "log.py"
    script.write_text(
        "import sys, mlflow\n"
        "with mlflow.start_run():\n"
        "    for step in range(20):\n"
        "        mlflow.log_metric(sys.argv[1], step, step=step)\n"
    )
    run = client.create_run(fluent).info.run_id
    environment = {**os.environ, "MLFLOW_RUN_ID": run}
    processes = [subprocess.Popen([sys.executable, str(script), key], env=environment) for key in "ab"]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert [len(client.get_metric_history(run, key)) for key in "ab"] == [20, 20]
