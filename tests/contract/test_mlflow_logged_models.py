"""Logged models through MLflow's REST API."""

from __future__ import annotations

from typing import Any

import pytest

from support.mlflow_http import MlflowHttp, refused
from support.values import unique

# For what databases make no difference to.
EMBEDDED = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
AJAX = "/ajax-api/2.0/mlflow"


@pytest.fixture
async def experiment_id(mlflow: MlflowHttp) -> str:
    return str((await mlflow.post("/experiments/create", name=unique()))["experiment_id"])


@pytest.fixture
async def run_id(mlflow: MlflowHttp, experiment_id: str) -> str:
    return str((await mlflow.post("/runs/create", experiment_id=experiment_id))["run"]["info"]["run_id"])


async def _create(mlflow: MlflowHttp, experiment_id: str, **fields: Any) -> Any:
    return (await mlflow.post("/logged-models", experiment_id=experiment_id, **fields))["model"]


async def _finalize(mlflow: MlflowHttp, model_id: str, status: str = "LOGGED_MODEL_READY") -> Any:
    return (await mlflow.patch(f"/logged-models/{model_id}", model_id=model_id, status=status))["model"]


async def _found(mlflow: MlflowHttp, experiment_id: str, **search: Any) -> list[str]:
    answer = await mlflow.post("/logged-models/search", experiment_ids=[experiment_id], **search)
    return [model["info"]["name"] for model in answer.get("models", [])]


def _path(model: Any) -> str:
    return str(model["info"]["artifact_uri"]).replace("mlflow-artifacts:", PROXY)


@EMBEDDED
async def test_a_model_of_a_run_reads_as_mlflow_has_it(mlflow: MlflowHttp, experiment_id: str, run_id: str) -> None:
    params = [{"key": "depth", "value": "5"}]
    made = await _create(
        mlflow,
        experiment_id,
        name="model",
        model_type="classifier",
        source_run_id=run_id,
        params=params,
        tags=[{"key": "k", "value": "v"}],
    )
    info = made["info"]
    assert made == {
        "info": {
            "model_id": info["model_id"],
            "experiment_id": experiment_id,
            "name": "model",
            "creation_timestamp_ms": info["creation_timestamp_ms"],
            "last_updated_timestamp_ms": info["creation_timestamp_ms"],
            "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts/models/{info['model_id']}",
            "status": "LOGGED_MODEL_PENDING",
            "model_type": "classifier",
            "source_run_id": run_id,
            "tags": [{"key": "k", "value": "v"}],
        },
        "data": {"params": params},
    }
    assert (await mlflow.get(f"/logged-models/{info['model_id']}"))["model"] == made


@EMBEDDED
async def test_a_model_without_a_run_is_filled_finalized_and_registered(mlflow: MlflowHttp, experiment_id: str) -> None:
    model = await _create(mlflow, experiment_id)
    assert model["info"]["name"]
    assert "source_run_id" not in model["info"]
    assert (await mlflow.raw("PUT", f"{_path(model)}/data/weights", content=b"w")).status_code == 200
    model_id = model["info"]["model_id"]
    for _ in range(2):
        assert (await _finalize(mlflow, model_id))["info"]["status"] == "LOGGED_MODEL_READY"
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await _finalize(mlflow, model_id, "LOGGED_MODEL_UPLOAD_FAILED")
    assert (await mlflow.raw("PUT", f"{_path(model)}/data/weights", content=b"x")).status_code == 400
    name = unique("model")
    await mlflow.post("/registered-models/create", name=name)
    given = {"name": name, "source": f"models:/{model_id}", "model_id": model_id}
    version = (await mlflow.post("/model-versions/create", **given))["model_version"]
    assert (version["model_id"], version["run_id"]) == (model_id, "")
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.delete(f"/logged-models/{model_id}")


@EMBEDDED
async def test_a_failed_upload_and_a_status_that_is_none(mlflow: MlflowHttp, experiment_id: str) -> None:
    model_id = (await _create(mlflow, experiment_id, name="m"))["info"]["model_id"]
    for status in ("LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING", "DONE"):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await _finalize(mlflow, model_id, status)
    failed = await _finalize(mlflow, model_id, "LOGGED_MODEL_UPLOAD_FAILED")
    assert failed["info"]["status"] == "LOGGED_MODEL_UPLOAD_FAILED"


@EMBEDDED
async def test_a_deleted_model_is_shown_only_when_asked_for(mlflow: MlflowHttp, experiment_id: str) -> None:
    model_id = (await _create(mlflow, experiment_id, name="m"))["info"]["model_id"]
    for _ in range(2):
        await mlflow.delete(f"/logged-models/{model_id}", model_id=model_id)
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get(f"/logged-models/{model_id}")
    shown = await mlflow.get(f"/logged-models/{model_id}", allow_deleted="true")
    assert shown["model"]["info"]["model_id"] == model_id
    assert await _found(mlflow, experiment_id) == []


@EMBEDDED
async def test_tags_and_params_are_added(mlflow: MlflowHttp, experiment_id: str) -> None:
    path = f"/logged-models/{(await _create(mlflow, experiment_id, name='m'))['info']['model_id']}"
    await mlflow.patch(f"{path}/tags", tags=[{"key": "a/b", "value": "1"}, {"key": "c"}])
    await mlflow.delete(f"{path}/tags/c")
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.delete(f"{path}/tags/c")
    await mlflow.post(f"{path}/params", params=[{"key": "p", "value": "é" * 10_000}])
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post(f"{path}/params", params=[{"key": "p", "value": "other"}])
    model = (await mlflow.get(path))["model"]
    assert model["info"]["tags"] == [{"key": "a/b", "value": "1"}]
    assert model["data"]["params"] == [{"key": "p", "value": "é" * 10_000}]


async def _measure(mlflow: MlflowHttp, run_id: str, model_id: str, value: float, dataset: str, digest: str) -> None:
    await mlflow.post(
        "/runs/log-metric",
        run_id=run_id,
        key="accuracy",
        value=value,
        timestamp=1,
        model_id=model_id,
        dataset_name=dataset,
        dataset_digest=digest,
    )


async def test_search_sees_the_metrics_of_the_datasets_that_are_named(
    mlflow: MlflowHttp, experiment_id: str, run_id: str
) -> None:
    values = {"low": {"train": 0.9, "test": 0.1}, "high": {"train": 0.2, "test": 0.8}, "none": {}}
    for name, measured in values.items():
        model = await _create(mlflow, experiment_id, name=name, source_run_id=run_id)
        for dataset, value in measured.items():
            await _measure(mlflow, run_id, model["info"]["model_id"], value, dataset, "1")
    good = "metrics.accuracy > 0.5"
    assert sorted(await _found(mlflow, experiment_id, filter=good)) == ["high", "low"]
    assert await _found(mlflow, experiment_id, filter=good, datasets=[{"dataset_name": "test"}]) == ["high"]
    both = [{"dataset_name": "train", "dataset_digest": "2"}, {"dataset_name": "train", "dataset_digest": "1"}]
    assert await _found(mlflow, experiment_id, filter=good, datasets=both) == ["low"]
    key = {"field_name": "metrics.accuracy", "ascending": False}
    for dataset, order in (("train", ["low", "high", "none"]), ("test", ["high", "low", "none"])):
        for digest in ({}, {"dataset_digest": "1"}):
            by = [{**key, "dataset_name": dataset, **digest}, {"field_name": "name"}]
            assert await _found(mlflow, experiment_id, order_by=by) == order
    with refused(400, "INVALID_PARAMETER_VALUE"):
        by = [{**key, "dataset_name": "train"}, {"field_name": "metrics.loss", "dataset_name": "test"}]
        await _found(mlflow, experiment_id, order_by=by)


async def test_an_order_by_a_dataset_takes_the_digest_measured_last(
    mlflow: MlflowHttp, experiment_id: str, run_id: str
) -> None:
    for name, values in (("a", (0.1, 0.9)), ("b", (0.5, 0.5))):
        model = await _create(mlflow, experiment_id, name=name, source_run_id=run_id)
        for digest, value in zip("12", values, strict=True):
            await _measure(mlflow, run_id, model["info"]["model_id"], value, "test", digest)
    by = [{"field_name": "metrics.accuracy", "dataset_name": "test"}]
    assert await _found(mlflow, experiment_id, order_by=by) == ["b", "a"]


async def test_searches_page_latest_first_and_by_no_experiment_find_nothing(
    mlflow: MlflowHttp, experiment_id: str
) -> None:
    for name in "abc":
        await _create(mlflow, experiment_id, name=name, params=[{"key": "n", "value": name}])
    assert await _found(mlflow, experiment_id, filter="params.n IN ('a', 'c')") == ["c", "a"]
    first = await mlflow.post("/logged-models/search", experiment_ids=[experiment_id], max_results=2)
    token = first["next_page_token"]
    assert await _found(mlflow, experiment_id, max_results=2, page_token=token) == ["a"]
    assert await mlflow.post("/logged-models/search") == {}


@EMBEDDED
async def test_files_are_listed_and_fetched_by_the_model(mlflow: MlflowHttp, experiment_id: str) -> None:
    model = await _create(mlflow, experiment_id, name="m")
    path = f"/logged-models/{model['info']['model_id']}/artifacts"
    for file in ("MLmodel", "data/weights"):
        await mlflow.raw("PUT", f"{_path(model)}/{file}", content=file.encode())
    root = {"root_uri": model["info"]["artifact_uri"]}
    weights = {"path": "data/weights", "is_dir": False, "file_size": 12}
    top = [{"path": "MLmodel", "is_dir": False, "file_size": 7}, {"path": "data", "is_dir": True}]
    assert await mlflow.get(f"{path}/directories") == {**root, "files": top}
    assert await mlflow.get(f"{path}/directories", artifact_directory_path="data") == {**root, "files": [weights]}
    assert await mlflow.get(f"{path}/directories", artifact_directory_path="MLmodel") == root
    fetched = await mlflow.raw("GET", f"{AJAX}{path}/files?artifact_file_path=data%2Fweights")
    assert (fetched.status_code, fetched.content) == (200, b"data/weights")


@EMBEDDED
async def test_models_of_an_experiment_with_a_place_of_its_own_are_there(mlflow: MlflowHttp) -> None:
    experiment = await mlflow.post("/experiments/create", name=unique(), artifact_location="s3://bucket/e/")
    model = await _create(mlflow, experiment["experiment_id"], name="m")
    model_id = model["info"]["model_id"]
    place = f"s3://bucket/e/models/{model_id}/artifacts"
    assert (model["info"]["artifact_uri"], "tags" in model["info"]) == (place, False)
    await _finalize(mlflow, model_id)
    name = unique("model")
    await mlflow.post("/registered-models/create", name=name)
    version = await mlflow.post("/model-versions/create", name=name, source=f"models:/{model_id}")
    assert version["model_version"]["model_id"] == model_id
    assert await mlflow.get("/model-versions/get-download-uri", name=name, version="1") == {"artifact_uri": place}
