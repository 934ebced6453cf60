"""Experiments: their names, tags, ends and returns."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import RestException

from mlflow_clients.rest import Rest, invalid, refusal


@pytest.mark.covers("`Default`, id 0, is there from the first start")
def test_the_default_experiment_is_there(client: MlflowClient) -> None:
    default = client.get_experiment("0")
    assert (default.name, default.lifecycle_stage) == ("Default", "active")
    assert client.get_experiment_by_name("Default").name == default.name


@pytest.mark.covers("create, get and get by name; ids are whole numbers as text")
def test_an_experiment_comes_back_as_it_was_made(client: MlflowClient, name: str) -> None:
    created = client.create_experiment(name, tags={"team": "vision"})
    assert created == str(int(created))
    experiment = client.get_experiment(created)
    assert (experiment.name, experiment.lifecycle_stage, experiment.tags) == (name, "active", {"team": "vision"})
    assert experiment.creation_time > 1_600_000_000_000
    assert experiment.last_update_time >= experiment.creation_time
    assert dict(client.get_experiment_by_name(name)) == dict(experiment)
    assert client.get_experiment_by_name(f"no {name}") is None


@pytest.mark.covers("an artifact location of its own is kept, and runs lie below it")
def test_an_artifact_location_is_kept(client: MlflowClient, name: str) -> None:
    created = client.create_experiment(name, artifact_location="s3://bucket/folder")
    assert client.get_experiment(created).artifact_location == "s3://bucket/folder"
    run = client.create_run(created)
    assert run.info.artifact_uri == f"s3://bucket/folder/{run.info.run_id}/artifacts"


@pytest.mark.covers("a location is served by the proxy unless it is given")
def test_artifacts_lie_behind_the_proxy(client: MlflowClient, experiment: str) -> None:
    location = client.get_experiment(experiment).artifact_location
    assert location == f"mlflow-artifacts:/{experiment}"
    run = client.create_run(experiment)
    assert run.info.artifact_uri == f"{location}/{run.info.run_id}/artifacts"


@pytest.mark.covers("artifact locations with a fragment or the scheme `runs:` are refused")
@pytest.mark.parametrize("location", ["runs:/a/b", "s3://bucket/a#b", "s3://b/" + "x" * 2048])
def test_bad_artifact_locations_are_refused(rest: Rest, name: str, location: str) -> None:
    invalid(rest.send("POST", "experiments/create", json={"name": name, "artifact_location": location}))


@pytest.mark.covers("a name that is taken, also by a deleted experiment, is `RESOURCE_ALREADY_EXISTS`")
def test_a_taken_name_is_refused(client: MlflowClient, rest: Rest, experiment: str, name: str) -> None:
    with pytest.raises(RestException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_experiment(name)
    client.delete_experiment(experiment)
    with pytest.raises(RestException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_experiment(name)


@pytest.mark.covers("rename; the time of the last change moves")
def test_an_experiment_can_be_renamed(client: MlflowClient, experiment: str, name: str) -> None:
    before = client.get_experiment(experiment)
    client.rename_experiment(experiment, f"{name} renamed")
    after = client.get_experiment_by_name(f"{name} renamed")
    assert after.experiment_id == experiment
    assert after.last_update_time >= before.last_update_time
    assert client.get_experiment_by_name(name) is None


@pytest.mark.covers(
    "a rename to a taken name, or of a deleted experiment, is a 400 with a code",
    difference="answers SQL text, and a 500",
)
def test_a_bad_rename_is_refused(rest: Rest, experiment: str, name: str) -> None:
    rest.new_experiment(f"{name} taken")
    taken = rest.send("POST", "experiments/update", json={"experiment_id": experiment, "new_name": f"{name} taken"})
    refusal(taken, 400, "RESOURCE_ALREADY_EXISTS")
    rest.post("experiments/delete", {"experiment_id": experiment})
    invalid(rest.send("POST", "experiments/update", json={"experiment_id": experiment, "new_name": f"{name} b"}))


@pytest.mark.covers("delete and restore, with all runs; a deleted experiment can be read")
def test_an_experiment_goes_and_returns_with_its_runs(client: MlflowClient, experiment: str, run: str) -> None:
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"
    assert client.get_run(run).info.lifecycle_stage == "active"


@pytest.mark.covers(
    "deleting what is deleted, and restoring what is not, is fine, so that repeats are", difference="answers 404"
)
def test_deleting_and_restoring_may_be_repeated(client: MlflowClient, experiment: str) -> None:
    for _ in range(2):
        client.delete_experiment(experiment)
    for _ in range(2):
        client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"


@pytest.mark.covers(
    "restoring an experiment restores what its deletion had removed",
    difference="also revives runs that had been deleted one by one before",
)
def test_restoring_does_not_revive_runs_deleted_before(client: MlflowClient, experiment: str, run: str) -> None:
    kept = client.create_run(experiment).info.run_id
    client.delete_run(run)
    client.delete_experiment(experiment)
    client.restore_experiment(experiment)
    assert client.get_run(kept).info.lifecycle_stage == "active"
    assert client.get_run(run).info.lifecycle_stage == "deleted"


@pytest.mark.covers("a deleted experiment takes no runs and no tags")
def test_a_deleted_experiment_takes_nothing(rest: Rest, experiment: str) -> None:
    rest.post("experiments/delete", {"experiment_id": experiment})
    invalid(rest.send("POST", "runs/create", json={"experiment_id": experiment}))
    tag = {"experiment_id": experiment, "key": "k", "value": "v"}
    invalid(rest.send("POST", "experiments/set-experiment-tag", json=tag))


@pytest.mark.covers("tags are set, replaced and deleted; a missing value is empty")
def test_tags_are_set_and_deleted(client: MlflowClient, rest: Rest, experiment: str) -> None:
    client.set_experiment_tag(experiment, "team", "a")
    client.set_experiment_tag(experiment, "team", "b")
    rest.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "empty"})
    client.set_experiment_tag(experiment, "mlflow.note.content", "# About\nthis")
    assert client.get_experiment(experiment).tags == {"team": "b", "empty": "", "mlflow.note.content": "# About\nthis"}
    client.delete_experiment_tag(experiment, "team")
    client.delete_experiment_tag(experiment, "mlflow.note.content")
    assert client.get_experiment(experiment).tags == {"empty": ""}
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.delete_experiment_tag(experiment, "team")


@pytest.mark.covers("`mlflow.set_experiment` makes or finds, `set_experiment_tags` and `mlflow.search_experiments`")
def test_the_fluent_interface_makes_and_finds_experiments(name: str) -> None:
    made = mlflow.set_experiment(name)
    assert mlflow.set_experiment(name).experiment_id == made.experiment_id
    mlflow.set_experiment_tags({"a": "1", "b": "2"})
    [found] = mlflow.search_experiments(filter_string=f"name = '{name}'")
    assert (found.experiment_id, found.tags) == (made.experiment_id, {"a": "1", "b": "2"})


@pytest.mark.covers("a deleted experiment cannot be set")
def test_a_deleted_experiment_cannot_be_set(experiment: str, name: str) -> None:
    mlflow.delete_experiment(experiment)
    with pytest.raises(mlflow.MlflowException, match="deleted experiment"):
        mlflow.set_experiment(name)


@pytest.mark.covers("search by view: active, deleted, all")
def test_experiments_are_searched_by_view(client: MlflowClient, experiment: str, name: str) -> None:
    client.delete_experiment(experiment)
    other = client.create_experiment(f"{name} b")
    found = {
        view: [e.experiment_id for e in client.search_experiments(view, filter_string=f"name LIKE '{name}%'")]
        for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
    }
    assert found == {
        ViewType.ACTIVE_ONLY: [other],
        ViewType.DELETED_ONLY: [experiment],
        ViewType.ALL: [other, experiment],
    }


@pytest.mark.covers("the datasets of experiments")
def test_datasets_of_experiments_are_listed(rest: Rest, experiment: str, run: str) -> None:
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    rest.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": tags}]})
    path = "/ajax-api/2.0/mlflow/experiments/search-datasets"
    [summary] = rest.post(path, {"experiment_ids": [experiment]})["dataset_summaries"]
    assert summary == {"experiment_id": experiment, "name": "d", "digest": "1", "context": "training"}
