"""What is logged to runs through MLflow's REST API, and that bad requests store nothing."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.values import unique

T = 1_700_000_000_000


@pytest.fixture
async def run_id(mlflow: MlflowHttp) -> str:
    experiment = await mlflow.post("/experiments/create", name=unique())
    return str((await mlflow.post("/runs/create", **experiment))["run"]["info"]["run_id"])


async def _data(mlflow: MlflowHttp, run_id: str) -> Any:
    return (await mlflow.get("/runs/get", run_id=run_id))["run"]["data"]


async def test_the_last_point_is_the_greatest_by_step_then_time_then_value(mlflow: MlflowHttp, run_id: str) -> None:
    for step, timestamp, value in ((2, T, 1.0), (3, T - 5, 0.5), (3, T - 5, 0.25), (1, T + 9, 9.0)):
        await mlflow.post("/runs/log-metric", run_id=run_id, key="m", value=value, timestamp=timestamp, step=step)
    assert (await _data(mlflow, run_id))["metrics"] == [{"key": "m", "value": 0.5, "timestamp": T - 5, "step": 3}]


@pytest.mark.parametrize("literal", ['"NaN"', "NaN", '"Infinity"', "Infinity", '"-Infinity"', "-Infinity"])
async def test_values_without_a_number_are_kept(mlflow: MlflowHttp, run_id: str, literal: str) -> None:
    body = f'{{"run_id": "{run_id}", "key": "m", "value": {literal}, "timestamp": {T}}}'
    await mlflow.send("POST", "/runs/log-metric", content=body.encode(), headers={"content-type": "application/json"})
    assert (await _data(mlflow, run_id))["metrics"][0]["value"] == literal.strip('"')


@pytest.mark.parametrize(
    "bad",
    [
        {"value": "1e400"},
        {"step": "1.5"},
        {"step": str(2**63)},
        {"timestamp": "1.5"},
        {"timestamp": "-1"},
        {"value": "true"},
        {"value": "null"},
        {"key": '"a//b"'},
        {"key": '"/a"'},
        {"key": '"a/../b"'},
        {"key": '"a@b"'},
        {"key": '""'},
        {"key": f'"{"k" * 251}"'},
    ],
    ids=lambda bad: "-".join(f"{key}={value[:12]}" for key, value in bad.items()),
)
async def test_a_point_that_is_not_understood_stores_nothing(
    mlflow: MlflowHttp, run_id: str, bad: dict[str, str]
) -> None:
    fields = {"run_id": f'"{run_id}"', "key": '"m"', "value": "1", "timestamp": str(T), "step": "0", **bad}
    body = "{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}"
    headers = {"content-type": "application/json"}
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.send("POST", "/runs/log-metric", content=body.encode(), headers=headers)
    assert next(iter(bad)) in error.message
    assert "metrics" not in await _data(mlflow, run_id)


async def test_a_batch_with_one_bad_point_stores_nothing(mlflow: MlflowHttp, run_id: str) -> None:
    good = {"key": "good", "value": 1, "timestamp": T}
    batch = {"metrics": [good, {**good, "step": 0.5}], "params": [{"key": "p", "value": "1"}]}
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.post("/runs/log-batch", run_id=run_id, **batch)
    assert "metrics[1].step" in error.message
    assert set(await _data(mlflow, run_id)) == {"tags"}


async def test_unknown_fields_are_ignored_at_every_depth(mlflow: MlflowHttp, run_id: str) -> None:
    point = {"key": "m", "value": 1, "timestamp": T, "a_new_field": {"x": [1]}}
    assert await mlflow.post("/runs/log-batch", run_id=run_id, metrics=[point], another="x") == {}
    assert len((await _data(mlflow, run_id))["metrics"]) == 1


async def test_the_same_point_is_stored_once(mlflow: MlflowHttp, run_id: str, grpc_api: GrpcApi) -> None:
    point = {"key": "m", "value": 0.5, "timestamp": T, "step": 3}
    for _ in range(2):
        await mlflow.post("/runs/log-metric", run_id=run_id, **point)
    await mlflow.post("/runs/log-batch", run_id=run_id, metrics=[point, point, {**point, "step": 4}])
    assert (await grpc_api.get_run(run_id)).metrics["m"].count == 2


async def test_integers_of_64_bits_are_exact(mlflow: MlflowHttp, run_id: str) -> None:
    step = -(2**63)
    await mlflow.post("/runs/log-metric", run_id=run_id, key="m", value=1, timestamp=2**62 + 1, step=step)
    stored = (await _data(mlflow, run_id))["metrics"][0]
    assert (stored["step"], stored["timestamp"]) == (step, 2**62 + 1)


async def test_a_param_is_written_once(mlflow: MlflowHttp, run_id: str) -> None:
    for _ in range(2):
        await mlflow.post("/runs/log-parameter", run_id=run_id, key="p", value="1")
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.post("/runs/log-parameter", run_id=run_id, key="p", value="2")
    assert "'1'" in error.message
    assert "'2'" in error.message


async def test_a_conflict_in_a_batch_stores_nothing_of_it(mlflow: MlflowHttp, run_id: str) -> None:
    await mlflow.post("/runs/log-parameter", run_id=run_id, key="p", value="1")
    batch = {
        "metrics": [{"key": "m", "value": 1, "timestamp": T}],
        "params": [{"key": "p", "value": "2"}],
        "tags": [{"key": "t", "value": "x"}, {"key": "mlflow.runName", "value": "renamed"}],
    }
    before = await mlflow.get("/runs/get", run_id=run_id)
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/log-batch", run_id=run_id, **batch)
    assert await mlflow.get("/runs/get", run_id=run_id) == before


async def test_a_param_twice_in_a_batch_is_refused_and_of_a_tag_the_last_counts(
    mlflow: MlflowHttp, run_id: str
) -> None:
    twice = [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/log-batch", run_id=run_id, params=[twice[0], twice[0]])
    await mlflow.post("/runs/log-batch", run_id=run_id, tags=twice)
    assert {"key": "k", "value": "2"} in (await _data(mlflow, run_id))["tags"]


@pytest.mark.parametrize(
    ("kind", "count"), [("metrics", 1001), ("params", 101), ("tags", 101)], ids=["metrics", "params", "tags"]
)
async def test_a_batch_has_limits(mlflow: MlflowHttp, run_id: str, kind: str, count: int) -> None:
    entry = {"value": 1, "timestamp": T} if kind == "metrics" else {"value": "x"}
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.post("/runs/log-batch", run_id=run_id, **{kind: [{"key": f"k{n}", **entry} for n in range(count)]})
    assert kind in error.message


async def test_a_batch_has_a_limit_of_all_together(mlflow: MlflowHttp, run_id: str) -> None:
    metrics = [{"key": f"k{n}", "value": 1, "timestamp": T} for n in range(1000)]
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/log-batch", run_id=run_id, metrics=metrics, params=[{"key": "p", "value": "x"}])


async def test_long_values_are_kept_whole_and_longer_ones_refused(mlflow: MlflowHttp, run_id: str) -> None:
    long = "x" * 65_535
    await mlflow.post("/runs/log-parameter", run_id=run_id, key="p", value=long)
    await mlflow.post("/runs/set-tag", run_id=run_id, key="t", value=long)
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/log-parameter", run_id=run_id, key="q", value=long + "x")
    data = await _data(mlflow, run_id)
    assert data["params"] == [{"key": "p", "value": long}]
    assert {"key": "t", "value": long} in data["tags"]


async def test_a_value_that_is_missing_is_the_empty_text_and_a_number_is_refused(
    mlflow: MlflowHttp, run_id: str
) -> None:
    await mlflow.post("/runs/log-parameter", run_id=run_id, key="p", value=None)
    assert (await _data(mlflow, run_id))["params"] == [{"key": "p", "value": ""}]
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/runs/log-parameter", run_id=run_id, key="q", value=5)


async def test_a_tag_that_is_missing_cannot_be_deleted(mlflow: MlflowHttp, run_id: str) -> None:
    await mlflow.post("/runs/set-tag", run_id=run_id, key="t", value="x")
    await mlflow.post("/runs/delete-tag", run_id=run_id, key="t")
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.post("/runs/delete-tag", run_id=run_id, key="t")


async def test_models_of_mlflow_2_are_noted_in_a_tag(mlflow: MlflowHttp, run_id: str) -> None:
    for number in range(2):
        await mlflow.post("/runs/log-model", run_id=run_id, model_json=json.dumps({"artifact_path": str(number)}))
    tags = {tag["key"]: tag["value"] for tag in (await _data(mlflow, run_id))["tags"]}
    assert json.loads(tags["mlflow.log-model.history"]) == [{"artifact_path": "0"}, {"artifact_path": "1"}]


async def test_datasets_come_back_with_their_tags(mlflow: MlflowHttp, run_id: str) -> None:
    data = {"name": "iris", "digest": "d", "source_type": "local", "source": "{}", "profile": '{"rows": 5}'}
    tags = [{"key": "a", "value": "b"}, {"key": "mlflow.data.context", "value": "training"}]
    await mlflow.post("/runs/log-inputs", run_id=run_id, datasets=[{"tags": tags, "dataset": data}])
    inputs = (await mlflow.get("/runs/get", run_id=run_id))["run"]["inputs"]
    assert inputs == {"dataset_inputs": [{"tags": tags, "dataset": data}]}


async def test_a_native_reader_sees_the_same_bits(mlflow: MlflowHttp, run_id: str, grpc_api: GrpcApi) -> None:
    metrics = [
        {"key": "m", "value": value, "timestamp": T, "step": step}
        for step, value in enumerate(["NaN", "Infinity", "-Infinity", 5e-324, 0.1])
    ]
    await mlflow.post("/runs/log-batch", run_id=run_id, metrics=metrics)
    values = (await grpc_api.list_metric_history(run_id, "m")).points.values
    assert math.isnan(values[0])
    assert list(values[1:]) == [math.inf, -math.inf, 5e-324, 0.1]
