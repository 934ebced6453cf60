"""Experiments through MLflow's REST API."""

from __future__ import annotations

import pytest

from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.values import unique


@pytest.fixture
async def experiment_id(mlflow: MlflowHttp) -> str:
    return str((await mlflow.post("/experiments/create", name=unique()))["experiment_id"])


async def test_a_new_experiment_reads_as_mlflow_has_it(mlflow: MlflowHttp) -> None:
    name = unique()
    tags = [{"key": "team", "value": "vision"}, {"key": "mlflow.note.content", "value": "why"}]
    created = await mlflow.post("/experiments/create", name=name, tags=tags)
    found = (await mlflow.get("/experiments/get", experiment_id=created["experiment_id"]))["experiment"]
    assert found.pop("creation_time") == found.pop("last_update_time") > 1_700_000_000_000
    assert found == {
        "experiment_id": created["experiment_id"],
        "name": name,
        "artifact_location": f"mlflow-artifacts:/{created['experiment_id']}",
        "lifecycle_stage": "active",
        "tags": [{"key": "mlflow.note.content", "value": "why"}, {"key": "team", "value": "vision"}],
    }


async def test_the_note_is_the_description_of_the_native_experiment(mlflow: MlflowHttp, grpc_api: GrpcApi) -> None:
    created = await mlflow.post("/experiments/create", name=unique())
    note = {"key": "mlflow.note.content", "value": "a *note*"}
    await mlflow.post("/experiments/set-experiment-tag", **created, **note)
    native = await grpc_api.get_experiment(created["experiment_id"])
    assert (native.description, dict(native.tags)) == ("a *note*", {})
    await mlflow.post("/experiments/delete-experiment-tag", **created, key=note["key"])
    assert (await grpc_api.get_experiment(created["experiment_id"])).description == ""


async def test_a_taken_name_is_400_also_when_its_experiment_is_deleted(mlflow: MlflowHttp) -> None:
    name = unique()
    created = await mlflow.post("/experiments/create", name=name)
    await mlflow.post("/experiments/delete", **created)
    with refused(400, "RESOURCE_ALREADY_EXISTS"):
        await mlflow.post("/experiments/create", name=name)


async def test_a_name_that_nobody_has_is_404(mlflow: MlflowHttp) -> None:
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get("/experiments/get-by-name", experiment_name=unique())


async def test_a_deleted_experiment_is_found_by_name(mlflow: MlflowHttp) -> None:
    name = unique()
    created = await mlflow.post("/experiments/create", name=name)
    await mlflow.post("/experiments/delete", **created)
    found = await mlflow.get("/experiments/get-by-name", experiment_name=name)
    assert found["experiment"]["lifecycle_stage"] == "deleted"


async def test_restoring_leaves_runs_deleted_that_were_deleted_one_by_one(
    mlflow: MlflowHttp, experiment_id: str
) -> None:
    runs = [(await mlflow.post("/runs/create", experiment_id=experiment_id))["run"] for _ in range(2)]
    kept, removed = (run["info"]["run_id"] for run in runs)
    await mlflow.post("/runs/delete", run_id=removed)
    await mlflow.post("/experiments/delete", experiment_id=experiment_id)
    await mlflow.post("/experiments/restore", experiment_id=experiment_id)
    stages = {
        run_id: (await mlflow.get("/runs/get", run_id=run_id))["run"]["info"]["lifecycle_stage"]
        for run_id in (kept, removed)
    }
    assert stages == {kept: "active", removed: "deleted"}


async def test_renaming_changes_the_name(mlflow: MlflowHttp, experiment_id: str) -> None:
    name = unique()
    assert await mlflow.post("/experiments/update", experiment_id=experiment_id, new_name=name) == {}
    assert (await mlflow.get("/experiments/get", experiment_id=experiment_id))["experiment"]["name"] == name


async def test_a_missing_tag_cannot_be_deleted(mlflow: MlflowHttp, experiment_id: str) -> None:
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.post("/experiments/delete-experiment-tag", experiment_id=experiment_id, key="nope")


async def test_a_search_needs_a_size(mlflow: MlflowHttp) -> None:
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.post("/experiments/search")
    assert "max_results" in error.message


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_experiments_are_found_page_by_page(mlflow: MlflowHttp, verb: str) -> None:
    prefix = unique()
    for number in range(3):
        await mlflow.post("/experiments/create", name=f"{prefix}-{number}")
    search = {"filter": f"name LIKE '{prefix}%'", "order_by": ["name DESC"], "max_results": 2}
    found, token = [], None
    while token != "":
        page = {**search, **({"page_token": token} if token else {})}
        sent = {"params": page} if verb == "GET" else {"json": page}
        answer = await mlflow.send(verb, "/experiments/search", **sent)
        found += [each["name"] for each in answer["experiments"]]
        token = answer.get("next_page_token", "")
    assert found == [f"{prefix}-{number}" for number in (2, 1, 0)]


async def test_the_note_is_searched_as_a_tag(mlflow: MlflowHttp) -> None:
    word = unique()
    note = [{"key": "mlflow.note.content", "value": word}]
    created = await mlflow.post("/experiments/create", name=unique(), tags=note)
    search = {"filter": f"tags.`mlflow.note.content` = '{word}'", "max_results": 5}
    answer = await mlflow.post("/experiments/search", **search)
    assert [each["experiment_id"] for each in answer["experiments"]] == [created["experiment_id"]]


async def test_an_artifact_location_of_its_own_is_where_runs_have_their_artifacts(mlflow: MlflowHttp) -> None:
    created = await mlflow.post("/experiments/create", name=unique(), artifact_location="s3://bucket/some/")
    found = (await mlflow.get("/experiments/get", **created))["experiment"]
    run = (await mlflow.post("/runs/create", **created))["run"]
    assert (found["artifact_location"], found.get("tags")) == ("s3://bucket/some", None)
    assert run["info"]["artifact_uri"] == f"s3://bucket/some/{run['info']['run_id']}/artifacts"
    assert [tag["key"] for tag in run["data"]["tags"]] == ["mlflow.runName"]


@pytest.mark.parametrize("location", ["runs:/x/y", "s3://bucket/x?versionId=1", "file:///tmp/x#y", "no scheme"])
async def test_an_artifact_location_that_is_no_place_is_refused(mlflow: MlflowHttp, location: str) -> None:
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.post("/experiments/create", name=unique(), artifact_location=location)
    assert "artifact_location" in error.message


async def test_datasets_of_experiments_are_listed_with_their_contexts(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await mlflow.post("/runs/create", experiment_id=experiment_id))["run"]["info"]["run_id"]
    data = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}"}
    for context in ("training", "test"):
        use = {"tags": [{"key": "mlflow.data.context", "value": context}], "dataset": data}
        await mlflow.post("/runs/log-inputs", run_id=run_id, datasets=[use])
    answer = await mlflow.post("/experiments/search-datasets", experiment_ids=[experiment_id])
    assert answer["dataset_summaries"] == [
        {"experiment_id": experiment_id, "name": "iris", "digest": "d1", "context": context}
        for context in ("test", "training")
    ]
