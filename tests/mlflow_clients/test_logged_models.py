"""Logged models: their life, params, tags, metrics and files."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric
from mlflow.exceptions import RestException

from mlflow_clients.rest import PROXY, Rest, invalid, refusal


@pytest.mark.covers("create, get and finalize; PENDING until it is READY")
def test_a_model_comes_back_as_it_was_made(client: MlflowClient, experiment: str, run: str) -> None:
    made = client.create_logged_model(
        experiment, name="model", source_run_id=run, tags={"a": "b"}, params={"lr": "0.1"}, model_type="agent"
    )
    assert made.model_id.startswith("m-")
    assert len(made.model_id) == 34
    found = client.get_logged_model(made.model_id)
    assert (found.name, found.experiment_id, found.source_run_id) == ("model", experiment, run)
    assert (found.status, found.model_type) == (LoggedModelStatus.PENDING, "agent")
    assert (found.tags, found.params) == ({"a": "b"}, {"lr": "0.1"})
    assert found.creation_timestamp > 1_600_000_000_000
    assert client.finalize_logged_model(made.model_id, "READY").status == LoggedModelStatus.READY
    assert client.get_logged_model(made.model_id).status == LoggedModelStatus.READY


@pytest.mark.covers("a failed upload is said so")
def test_a_failed_upload_is_said_so(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run).model_id
    assert client.finalize_logged_model(model, "FAILED").status == LoggedModelStatus.FAILED


@pytest.mark.covers("a model may have no run, and no name")
def test_a_model_may_have_no_run(client: MlflowClient, experiment: str) -> None:
    model = client.create_logged_model(experiment)
    assert model.source_run_id in (None, "")
    assert model.name
    assert [item.model_id for item in client.search_logged_models([experiment])] == [model.model_id]
    assert not client.search_runs([experiment])


@pytest.mark.covers("tags are set, replaced and deleted; a missing tag is 404")
def test_tags_are_set_and_deleted(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run).model_id
    client.set_logged_model_tags(model, {"a": "1", "b": "2"})
    client.set_logged_model_tags(model, {"a": "3"})
    assert client.get_logged_model(model).tags == {"a": "3", "b": "2"}
    client.delete_logged_model_tag(model, "a")
    assert client.get_logged_model(model).tags == {"b": "2"}
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.delete_logged_model_tag(model, "a")


@pytest.mark.covers("params are added, and never replaced")
def test_params_are_added_once(client: MlflowClient, rest: Rest, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run, params={"a": "1"}).model_id
    client.log_model_params(model, {"b": "2" * 5000})
    assert client.get_logged_model(model).params == {"a": "1", "b": "2" * 5000}
    body = {"model_id": model, "params": [{"key": "a", "value": "2"}]}
    assert rest.send("POST", f"logged-models/{model}/params", json=body).status_code == 400
    assert client.get_logged_model(model).params["a"] == "1"


@pytest.mark.covers("metrics in a batch with those of the run")
def test_metrics_come_in_batches(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run).model_id
    client.log_batch(run, metrics=[Metric("a", 1.0, 1, 1, model_id=model), Metric("b", 2.0, 1, 1)])
    assert [(metric.key, metric.value) for metric in client.get_logged_model(model).metrics] == [("a", 1.0)]
    assert client.get_run(run).data.metrics == {"a": 1.0, "b": 2.0}


@pytest.mark.covers("delete, also twice; a deleted model is 404")
def test_a_model_is_deleted(client: MlflowClient, rest: Rest, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run).model_id
    client.delete_logged_model(model)
    rest.send("DELETE", f"logged-models/{model}").raise_for_status()
    refusal(rest.send("GET", f"logged-models/{model}"), 404, "RESOURCE_DOES_NOT_EXIST")
    assert not client.search_logged_models([experiment])


@pytest.mark.covers("names without `: % \" '`")
@pytest.mark.parametrize("bad", ["a:b", "50%", 'a"b', "a'b"])
def test_bad_names_are_refused(rest: Rest, experiment: str, bad: str) -> None:
    invalid(rest.send("POST", "logged-models", json={"experiment_id": experiment, "name": bad}))


@pytest.mark.covers("files of a model, listed one level at a time")
def test_files_of_a_model_are_listed(client: MlflowClient, rest: Rest, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    root = model.artifact_location.removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{root}/code/a.py"
    rest.send("PUT", path, content=b"print()").raise_for_status()
    listed = rest.get(f"logged-models/{model.model_id}/artifacts/directories")
    assert listed["root_uri"] == model.artifact_location
    assert listed["files"] == [{"path": "code", "is_dir": True}]
    below = rest.get(f"logged-models/{model.model_id}/artifacts/directories", artifact_directory_path="code")
    assert below["files"] == [{"path": "code/a.py", "is_dir": False, "file_size": 7}]
    got = rest.send(
        "GET",
        f"/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files",
        params={"artifact_file_path": "code/a.py"},
    )
    assert got.content == b"print()"


@pytest.mark.covers("files of a READY model stay as they are", difference="lets them be written over and deleted")
def test_files_of_a_ready_model_stay(client: MlflowClient, rest: Rest, experiment: str, run: str, name: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    file = f"{PROXY}/{model.artifact_location.removeprefix('mlflow-artifacts:/')}/weights"
    assert rest.send("PUT", file, content=b"first").status_code == 200
    client.finalize_logged_model(model.model_id, "READY")
    for answer in (rest.send("PUT", file, content=b"second"), rest.send("DELETE", file)):
        assert "ready" in invalid(answer)
    assert rest.send("GET", file).content == b"first"
