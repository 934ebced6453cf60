"""Databricks' SDK: `databricks-sdk`, which calls the same interface by other classes, and comes with MLflow."""

from __future__ import annotations

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import ml


@pytest.fixture(scope="module")
def workspace(url: str) -> WorkspaceClient:
    """The SDK's client, which insists on a token."""
    return WorkspaceClient(host=url, token="none")


@pytest.mark.covers("experiments, runs, metrics, params, tags, batches and searches")
def test_runs(workspace: WorkspaceClient, name: str) -> None:
    calls = workspace.experiments
    experiment = calls.create_experiment(name).experiment_id
    run = calls.create_run(experiment_id=experiment, start_time=5).run.info.run_id
    calls.log_metric("loss", 0.5, 10, run_id=run, step=1)
    calls.log_param("lr", "0.1", run_id=run)
    calls.log_batch(run_id=run, metrics=[ml.Metric(key="acc", value=1.0, timestamp=1, step=2)])
    calls.set_tag("team", "vision", run_id=run)
    calls.update_run(run_id=run, status=ml.UpdateRunStatus.FINISHED, end_time=9)
    [found] = calls.search_runs(experiment_ids=[experiment], filter="metrics.loss < 1")
    assert (found.info.run_id, found.info.status, found.info.end_time) == (run, ml.RunInfoStatus.FINISHED, 9)
    assert {metric.key: metric.value for metric in found.data.metrics} == {"loss": 0.5, "acc": 1.0}
    assert [(point.step, point.value) for point in calls.get_history("loss", run_id=run)] == [(1, 0.5)]
    assert calls.get_by_name(name).experiment.experiment_id == experiment


@pytest.mark.covers("registered models, versions and stages")
def test_models(workspace: WorkspaceClient, name: str) -> None:
    calls = workspace.model_registry
    calls.create_model(name)
    version = calls.create_model_version(name, "s3://bucket/model").model_version
    assert (version.version, version.status) == ("1", ml.ModelVersionStatus.READY)
    assert [model.name for model in calls.search_models(filter=f"name = '{name}'")] == [name]
    assert [found.version for found in calls.search_model_versions(filter=f"name = '{name}'")] == ["1"]
