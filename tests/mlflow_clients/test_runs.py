"""Runs: their life, their names and their tags."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import RunStatus, ViewType
from mlflow.exceptions import RestException

from mlflow_clients.rest import Rest, entries, invalid, refusal


@pytest.mark.covers("create and get; ids of 32 hexadecimal digits, a made-up name, status RUNNING")
def test_a_new_run_is_running(client: MlflowClient, experiment: str) -> None:
    run = client.create_run(experiment, start_time=123, tags={"a": "b"})
    assert len(run.info.run_id) == len(f"{int(run.info.run_id, 16):032x}")
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("RUNNING", 123, None)
    assert run.info.run_name
    assert run.data.tags == {"a": "b", "mlflow.runName": run.info.run_name}
    assert client.get_run(run.info.run_id).to_dictionary() == run.to_dictionary()


@pytest.mark.covers("a run belongs to an experiment that there is")
def test_a_run_needs_an_experiment(rest: Rest) -> None:
    invalid_id = rest.send("POST", "runs/create", json={"experiment_id": "no number"})
    assert invalid_id.status_code in {400, 404}
    missing = rest.send("POST", "runs/create", json={"experiment_id": "999999999"})
    refusal(missing, 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.covers("name and tag `mlflow.runName` are one")
def test_the_name_is_a_tag(client: MlflowClient, experiment: str) -> None:
    run = client.create_run(experiment, tags={"mlflow.runName": "by tag"}).info.run_id
    assert client.get_run(run).info.run_name == "by tag"
    client.update_run(run, name="by name")
    assert client.get_run(run).data.tags["mlflow.runName"] == "by name"
    client.set_tag(run, "mlflow.runName", "by tag again")
    assert client.get_run(run).info.run_name == "by tag again"


@pytest.mark.covers("two different names in one request are refused")
def test_two_names_are_refused(rest: Rest, experiment: str) -> None:
    tags = [{"key": "mlflow.runName", "value": "b"}]
    invalid(rest.send("POST", "runs/create", json={"experiment_id": experiment, "run_name": "a", "tags": tags}))


@pytest.mark.covers("an empty name in an update is ignored")
def test_an_empty_name_changes_nothing(rest: Rest, experiment: str) -> None:
    run = rest.new_run(experiment, run_name="a")
    info = rest.post("runs/update", {"run_id": run, "run_name": "", "status": "FAILED"})["run_info"]
    assert (info["run_name"], info["status"]) == ("a", "FAILED")


@pytest.mark.covers("the description is the tag `mlflow.note.content`")
def test_the_description_is_a_tag(client: MlflowClient, experiment: str) -> None:
    client.set_tag(run := client.create_run(experiment).info.run_id, "mlflow.note.content", "*text*")
    assert client.get_run(run).data.tags["mlflow.note.content"] == "*text*"
    client.delete_tag(run, "mlflow.note.content")
    assert "mlflow.note.content" not in client.get_run(run).data.tags


@pytest.mark.covers("any status may follow any; the end is what the client says, and writing goes on after it")
def test_the_client_says_what_became_of_a_run(client: MlflowClient, run: str) -> None:
    for status in ("FINISHED", "RUNNING", "KILLED", "SCHEDULED", "FAILED"):
        client.set_terminated(run, status, end_time=77)
        info = client.get_run(run).info
        assert (info.status, info.end_time) == (status, 77)
    client.log_metric(run, "m", 1.0)
    client.update_run(run, status=RunStatus.to_string(RunStatus.RUNNING))
    assert client.get_run(run).info.status == "RUNNING"


@pytest.mark.covers("delete and restore, also twice; a deleted run can be read")
def test_a_run_goes_and_returns(client: MlflowClient, run: str) -> None:
    for _ in range(2):
        client.delete_run(run)
        assert client.get_run(run).info.lifecycle_stage == "deleted"
    for _ in range(2):
        client.restore_run(run)
        assert client.get_run(run).info.lifecycle_stage == "active"


@pytest.mark.covers("a deleted run takes nothing")
def test_a_deleted_run_takes_nothing(rest: Rest, run: str) -> None:
    rest.post("runs/delete", {"run_id": run})
    entry = {"run_id": run, "key": "k", "value": "1"}
    writes = {
        "runs/log-metric": {**entry, "timestamp": 1},
        "runs/log-parameter": entry,
        "runs/set-tag": entry,
        "runs/update": {"run_id": run, "status": "FINISHED"},
        "runs/log-batch": {"run_id": run, "tags": [{"key": "k", "value": "v"}]},
        "runs/delete-tag": {"run_id": run, "key": "mlflow.runName"},
    }
    for call, body in writes.items():
        invalid(rest.send("POST", call, json=body))


@pytest.mark.covers("calls for a run that there is not are 404")
def test_missing_runs_are_not_found(rest: Rest) -> None:
    entry = {"run_id": "f" * 32, "key": "k", "value": "1"}
    calls = {
        "runs/log-metric": {**entry, "timestamp": 1},
        "runs/log-parameter": entry,
        "runs/set-tag": entry,
        "runs/delete-tag": entry,
        "runs/update": {**entry, "status": "FINISHED"},
        "runs/delete": entry,
        "runs/restore": entry,
        "runs/log-batch": {"run_id": "f" * 32, "tags": [{"key": "k", "value": "v"}]},
    }
    for call, body in calls.items():
        refusal(rest.send("POST", call, json=body), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.covers("tags are set, replaced and deleted; a missing tag is 404")
def test_tags_are_set_and_deleted(client: MlflowClient, run: str) -> None:
    client.set_tag(run, "a", "1")
    client.set_tag(run, "a", "2")
    assert client.get_run(run).data.tags["a"] == "2"
    client.delete_tag(run, "a")
    assert "a" not in client.get_run(run).data.tags
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.delete_tag(run, "a")


@pytest.mark.covers("params are written once: the same value again is fine, another one is refused")
def test_params_are_written_once(client: MlflowClient, run: str) -> None:
    client.log_param(run, "lr", 0.1)
    client.log_param(run, "lr", "0.1")
    with pytest.raises(mlflow.MlflowException, match=r"0\.1.*0\.2|0\.2.*0\.1"):
        client.log_param(run, "lr", 0.2)
    assert client.get_run(run).data.params == {"lr": "0.1"}


@pytest.mark.covers("a missing or null value of a param is empty")
def test_a_missing_param_value_is_empty(rest: Rest, run: str) -> None:
    rest.post("runs/log-parameter", {"run_id": run, "key": "a"})
    rest.post_text("runs/log-parameter", f'{{"run_id": "{run}", "key": "b", "value": null}}')
    assert entries(rest.run(run)["data"]["params"]) == {"a": "", "b": ""}


@pytest.mark.covers("params are text, and nothing else: `True`, `1e-3` and ` 1 ` stay as they are")
@pytest.mark.parametrize("value", ["True", "1e-3", " 1 ", "None", "01", "nan", "[1, 2]", "ü\n"])
def test_params_stay_text(client: MlflowClient, run: str, value: str) -> None:
    client.log_param(run, "p", value)
    assert client.get_run(run).data.params == {"p": value}


@pytest.mark.covers("a key twice in one batch: of tags the last wins, of params it is refused")
def test_keys_twice_in_a_batch(rest: Rest, run: str) -> None:
    tags = [{"key": "t", "value": "1"}, {"key": "t", "value": "2"}]
    rest.post("runs/log-batch", {"run_id": run, "tags": tags})
    assert entries(rest.run(run)["data"]["tags"])["t"] == "2"
    params = [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}]
    invalid(rest.send("POST", "runs/log-batch", json={"run_id": run, "params": params}))


@pytest.mark.covers("a conflict of params in a batch stores nothing")
def test_a_param_conflict_stores_nothing(rest: Rest, run: str) -> None:
    rest.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})
    batch = {
        "metrics": [{"key": "m", "value": 1.0, "timestamp": 1}],
        "params": [{"key": "q", "value": "1"}, {"key": "p", "value": "2"}],
        "tags": [{"key": "t", "value": "1"}],
    }
    before = rest.run(run)
    invalid(rest.send("POST", "runs/log-batch", json={"run_id": run, **batch}))
    assert rest.run(run) == before


@pytest.mark.covers("an empty batch is fine")
def test_an_empty_batch_is_fine(rest: Rest, run: str) -> None:
    assert rest.post("runs/log-batch", {"run_id": run}) == {}


@pytest.mark.covers("child runs: parents by tag, found by `mlflow.parentRunId`")
def test_children_are_found_by_their_parent(client: MlflowClient, experiment: str, run: str) -> None:
    child = client.create_run(experiment, tags={"mlflow.parentRunId": run}).info.run_id
    assert client.get_run(child).data.tags["mlflow.parentRunId"] == run
    assert client.get_parent_run(child).info.run_id == run
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run}'")
    assert [item.info.run_id for item in found] == [child]


@pytest.mark.covers("a parent that is no run is kept as a tag")
def test_any_parent_may_be_named(client: MlflowClient, experiment: str) -> None:
    run = client.create_run(experiment, tags={"mlflow.parentRunId": "elsewhere"}).info.run_id
    assert client.get_run(run).data.tags["mlflow.parentRunId"] == "elsewhere"
    later = client.create_run(experiment).info.run_id
    client.set_tag(later, "mlflow.parentRunId", run)
    assert client.get_run(later).data.tags["mlflow.parentRunId"] == run


@pytest.mark.covers("search by view: active, deleted, all")
def test_runs_are_searched_by_view(client: MlflowClient, experiment: str, run: str) -> None:
    client.delete_run(run)
    other = client.create_run(experiment).info.run_id
    found = {
        view: {item.info.run_id for item in client.search_runs([experiment], run_view_type=view)}
        for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
    }
    assert found == {ViewType.ACTIVE_ONLY: {other}, ViewType.DELETED_ONLY: {run}, ViewType.ALL: {run, other}}
