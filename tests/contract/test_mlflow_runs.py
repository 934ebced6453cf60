"""Runs through MLflow's REST API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from milepost import v1 as pb
from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.values import unique


@pytest.fixture
async def experiment_id(mlflow: MlflowHttp) -> str:
    return str((await mlflow.post("/experiments/create", name=unique()))["experiment_id"])


async def _create(mlflow: MlflowHttp, experiment_id: str, **tags: str) -> Any:
    pairs = [{"key": f"mlflow.{key}", "value": value} for key, value in tags.items()]
    return (await mlflow.post("/runs/create", experiment_id=experiment_id, tags=pairs))["run"]


async def _get(mlflow: MlflowHttp, run_id: str) -> Any:
    return (await mlflow.get("/runs/get", run_id=run_id))["run"]


def _tags(run: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


async def test_a_new_run_reads_as_mlflow_has_it(mlflow: MlflowHttp, experiment_id: str) -> None:
    given = {"experiment_id": experiment_id, "user_id": "unknown", "run_name": "first", "start_time": 1_700_000_000_123}
    tags = [{"key": "mlflow.user", "value": "ada"}, {"key": "plain", "value": ""}]
    run = (await mlflow.post("/runs/create", **given, tags=tags))["run"]
    run_id = run["info"]["run_id"]
    assert run == {
        "info": {
            "run_uuid": run_id,
            "experiment_id": experiment_id,
            "run_name": "first",
            "user_id": "ada",
            "status": "RUNNING",
            "start_time": 1_700_000_000_123,
            "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts",
            "lifecycle_stage": "active",
            "run_id": run_id,
        },
        "data": {
            "tags": [
                {"key": "mlflow.runName", "value": "first"},
                {"key": "mlflow.user", "value": "ada"},
                {"key": "plain", "value": ""},
            ]
        },
        "inputs": {},
        "outputs": {},
    }
    assert await _get(mlflow, run_id) == run


async def test_a_run_without_a_name_gets_one(mlflow: MlflowHttp, experiment_id: str) -> None:
    run = await _create(mlflow, experiment_id)
    assert _tags(run)["mlflow.runName"] == run["info"]["run_name"] != ""


async def test_two_names_in_one_request_are_refused(mlflow: MlflowHttp, experiment_id: str) -> None:
    tags = [{"key": "mlflow.runName", "value": "b"}]
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/create", experiment_id=experiment_id, run_name="a", tags=tags)


async def test_name_and_tag_are_one(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await _create(mlflow, experiment_id, runName="one"))["info"]["run_id"]
    await mlflow.post("/runs/set-tag", run_id=run_id, key="mlflow.runName", value="two")
    run = await _get(mlflow, run_id)
    assert (run["info"]["run_name"], _tags(run)["mlflow.runName"]) == ("two", "two")
    await mlflow.post("/runs/update", run_id=run_id, run_name="three")
    assert _tags(await _get(mlflow, run_id))["mlflow.runName"] == "three"
    await mlflow.post("/runs/delete-tag", run_id=run_id, key="mlflow.runName")
    assert (await _get(mlflow, run_id))["info"]["run_name"] == "three"


async def test_a_child_is_nested_in_the_native_api_and_keeps_its_tag(
    mlflow: MlflowHttp, grpc_api: GrpcApi, experiment_id: str
) -> None:
    parent = (await _create(mlflow, experiment_id))["info"]["run_id"]
    child = await _create(mlflow, experiment_id, parentRunId=parent)
    assert (await grpc_api.get_run(child["info"]["run_id"])).parent_run_id == parent
    assert _tags(child)["mlflow.parentRunId"] == parent


async def test_a_parent_that_does_not_exist_stays_a_tag(mlflow: MlflowHttp, experiment_id: str) -> None:
    child = await _create(mlflow, experiment_id, parentRunId="f" * 32)
    assert _tags(child)["mlflow.parentRunId"] == "f" * 32


async def test_children_are_found_by_the_tag_whoever_nested_them(
    mlflow: MlflowHttp, grpc_api: GrpcApi, experiment_id: str
) -> None:
    parent = (await _create(mlflow, experiment_id))["info"]["run_id"]
    nested = (await _create(mlflow, experiment_id, parentRunId=parent))["info"]["run_id"]
    native = (await grpc_api.create_run(experiment_id, parent_run_id=parent)).run_id
    lost = (await _create(mlflow, experiment_id, parentRunId="f" * 32))["info"]["run_id"]
    assert await _search(mlflow, experiment_id, f"tags.mlflow.parentRunId = '{parent}'") == {nested, native}
    assert await _search(mlflow, experiment_id, f"tags.mlflow.parentRunId = '{'f' * 32}'") == {lost}
    assert await _search(mlflow, experiment_id, "tags.mlflow.parentRunId IS NULL") == {parent}


async def _search(mlflow: MlflowHttp, experiment_id: str, filter_: str, **more: Any) -> set[str]:
    answer = await mlflow.post("/runs/search", experiment_ids=[experiment_id], filter=filter_, **more)
    return {run["info"]["run_id"] for run in answer.get("runs", [])}


async def test_an_end_comes_with_a_final_status(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await _create(mlflow, experiment_id))["info"]["run_id"]
    ended = await mlflow.post("/runs/update", run_id=run_id, status="FINISHED", end_time=1_800_000_000_001)
    assert (ended["run_info"]["status"], ended["run_info"]["end_time"]) == ("FINISHED", 1_800_000_000_001)
    again = await mlflow.post("/runs/update", run_id=run_id, status="RUNNING")
    assert again["run_info"]["status"] == "RUNNING"


async def test_a_status_that_does_not_exist_is_refused(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await _create(mlflow, experiment_id))["info"]["run_id"]
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.post("/runs/update", run_id=run_id, status="BOGUS")
    assert "status" in error.message
    assert (await _get(mlflow, run_id))["info"]["status"] == "RUNNING"


async def test_a_run_may_be_named_by_its_old_field(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await _create(mlflow, experiment_id))["info"]["run_id"]
    assert (await mlflow.get("/runs/get", run_uuid=run_id))["run"]["info"]["run_id"] == run_id
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.get("/runs/get")


async def test_deleting_and_restoring_twice_is_fine(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await _create(mlflow, experiment_id))["info"]["run_id"]
    for call, stage in (("delete", "deleted"), ("restore", "active")):
        for _ in range(2):
            assert await mlflow.post(f"/runs/{call}", run_id=run_id) == {}
        assert (await _get(mlflow, run_id))["info"]["lifecycle_stage"] == stage


async def test_a_deleted_run_takes_no_writes(mlflow: MlflowHttp, experiment_id: str) -> None:
    run_id = (await _create(mlflow, experiment_id))["info"]["run_id"]
    await mlflow.post("/runs/delete", run_id=run_id)
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/log-metric", run_id=run_id, key="m", value=1, timestamp=1)


async def test_a_missing_run_is_404(mlflow: MlflowHttp) -> None:
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get("/runs/get", run_id="0" * 32)


async def test_no_experiments_are_searched_when_none_is_named(mlflow: MlflowHttp) -> None:
    assert await mlflow.post("/runs/search") == {}


async def test_runs_are_found_by_what_was_logged(mlflow: MlflowHttp, experiment_id: str) -> None:
    ids = [(await _create(mlflow, experiment_id))["info"]["run_id"] for _ in range(3)]
    for number, run_id in enumerate(ids):
        metric = {"key": "loss.min", "value": number, "timestamp": 1}
        await mlflow.post(
            "/runs/log-batch", run_id=run_id, metrics=[metric], params=[{"key": "p", "value": str(number)}]
        )
    assert await _search(mlflow, experiment_id, "metrics.loss.min > 0.5 and params.p = '1'") == {ids[1]}
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await _search(mlflow, experiment_id, "params.p = 1")


async def test_pages_have_no_gaps_and_no_twins(mlflow: MlflowHttp, experiment_id: str) -> None:
    ids = {(await _create(mlflow, experiment_id))["info"]["run_id"] for _ in range(5)}
    found: list[str] = []
    search: dict[str, Any] = {"experiment_ids": [experiment_id], "max_results": 2, "order_by": ["start_time ASC"]}
    while True:
        answer = await mlflow.post("/runs/search", **search)
        found += [run["info"]["run_id"] for run in answer["runs"]]
        if "next_page_token" not in answer:
            break
        search["page_token"] = answer["next_page_token"]
    assert (len(found), set(found)) == (5, ids)


async def test_one_page_may_have_more_runs_than_a_native_one(
    mlflow: MlflowHttp, grpc_api: GrpcApi, experiment_id: str
) -> None:
    for _ in range(11):  # together, since each waits for the disk
        await asyncio.gather(*(grpc_api.create_run(experiment_id) for _ in range(91)))
    answer = await mlflow.post("/runs/search", experiment_ids=[experiment_id], max_results=5000)
    assert (len(answer["runs"]), "next_page_token" in answer) == (1001, False)


async def test_views_tell_deleted_runs_apart(mlflow: MlflowHttp, experiment_id: str) -> None:
    active, deleted = [(await _create(mlflow, experiment_id))["info"]["run_id"] for _ in range(2)]
    await mlflow.post("/runs/delete", run_id=deleted)
    for view, expected in (("ACTIVE_ONLY", {active}), ("DELETED_ONLY", {deleted}), ("ALL", {active, deleted})):
        assert await _search(mlflow, experiment_id, "", run_view_type=view) == expected


async def test_typed_params_of_native_clients_read_as_text(
    mlflow: MlflowHttp, grpc_api: GrpcApi, experiment_id: str
) -> None:
    params = {
        "i": pb.ParamValue(int_value=-3),
        "f": pb.ParamValue(double_value=0.1),
        "b": pb.ParamValue(bool_value=True),
        "j": pb.ParamValue(json_value='{"a": [1]}'),
    }
    run_id = (await grpc_api.create_run(experiment_id, params=params)).run_id
    shown = {param["key"]: param["value"] for param in (await _get(mlflow, run_id))["data"]["params"]}
    assert shown == {"i": "-3", "f": "0.1", "b": "true", "j": '{"a": [1]}'}
