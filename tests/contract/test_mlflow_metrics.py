"""Histories of metrics through MLflow's REST API."""

from __future__ import annotations

from typing import Any

import pytest

from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.values import points, unique

T = 1_700_000_000_000


@pytest.fixture
async def run_ids(mlflow: MlflowHttp) -> list[str]:
    """Two runs."""
    experiment = await mlflow.post("/experiments/create", name=unique())
    return [(await mlflow.post("/runs/create", **experiment))["run"]["info"]["run_id"] for _ in range(2)]


async def _log(mlflow: MlflowHttp, run_id: str, *found: tuple[int, int, Any]) -> None:
    metrics = [{"key": "m", "value": value, "timestamp": time, "step": step} for time, step, value in found]
    await mlflow.post("/runs/log-batch", run_id=run_id, metrics=metrics)


async def test_points_come_by_time_then_step_then_value(mlflow: MlflowHttp, run_ids: list[str]) -> None:
    await _log(mlflow, run_ids[0], (T + 2, 0, 1.0), (T, 5, 2.0), (T, 1, "NaN"), (T, 1, -3.0), (T, 1, "Infinity"))
    answer = await mlflow.get("/metrics/get-history", run_id=run_ids[0], metric_key="m")
    assert answer == {
        "metrics": [
            {"key": "m", "value": value, "timestamp": time, "step": step}
            for time, step, value in [
                (T, 1, -3.0),
                (T, 1, "NaN"),
                (T, 1, "Infinity"),
                (T, 5, 2.0),
                (T + 2, 0, 1.0),
            ]
        ]
    }


async def test_pages_go_on_where_the_last_one_ended(mlflow: MlflowHttp, run_ids: list[str]) -> None:
    await _log(mlflow, run_ids[0], *[(T + n, n, n) for n in range(7)])
    query: dict[str, Any] = {"run_uuid": run_ids[0], "metric_key": "m", "max_results": 3}
    steps: list[list[int]] = []
    while True:
        answer = await mlflow.get("/metrics/get-history", **query)
        steps.append([metric["step"] for metric in answer["metrics"]])
        if "next_page_token" not in answer:
            break
        query["page_token"] = answer["next_page_token"]
    assert steps == [[0, 1, 2], [3, 4, 5], [6]]


async def test_what_does_not_exist_has_no_points(mlflow: MlflowHttp, run_ids: list[str]) -> None:
    for run_id in (run_ids[0], "f" * 32):
        assert await mlflow.get("/metrics/get-history", run_id=run_id, metric_key="nope") == {}


async def test_a_page_of_no_points_is_refused(mlflow: MlflowHttp, run_ids: list[str]) -> None:
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.get("/metrics/get-history", run_id=run_ids[0], metric_key="m", max_results=0)
    assert "max_results" in error.message


async def test_points_of_runs_come_run_by_run(mlflow: MlflowHttp, run_ids: list[str]) -> None:
    for run_id in run_ids:
        await _log(mlflow, run_id, (T, 0, 1), (T + 1, 1, 2))
    query = {"run_id": run_ids[::-1], "metric_key": "m", "max_results": 3}
    answer = await mlflow.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk", **query)
    found = [(metric["run_id"], metric["step"]) for metric in answer["metrics"]]
    assert found == [(run_ids[1], 0), (run_ids[1], 1), (run_ids[0], 0)]


async def test_a_sample_has_the_ends_and_the_spike(mlflow: MlflowHttp, grpc_api: GrpcApi, run_ids: list[str]) -> None:
    values = [float(n % 10) for n in range(20_000)]
    values[12_345] = 1e6
    await grpc_api.log_metrics(run_ids[0], points("m", values, steps=range(20_000)))
    query = {"run_ids": run_ids, "metric_key": "m", "max_results": 100}
    answer = await mlflow.get("/metrics/get-history-bulk-interval", **query)
    steps = [metric["step"] for metric in answer["metrics"]]
    assert len(steps) <= 100
    assert steps == sorted(steps)
    assert (steps[0], steps[-1], 12_345 in steps) == (0, 19_999, True)
    assert all(metric["value"] == values[metric["step"]] for metric in answer["metrics"])


async def test_an_interval_bounds_the_sample(mlflow: MlflowHttp, run_ids: list[str]) -> None:
    await _log(mlflow, run_ids[0], *[(T + n, n, n) for n in range(10)])
    query = {"run_ids": run_ids[0], "metric_key": "m", "start_step": 3, "end_step": 5}
    answer = await mlflow.get("/metrics/get-history-bulk-interval", **query)
    assert [metric["step"] for metric in answer["metrics"]] == [3, 4, 5]


@pytest.mark.parametrize(
    "bad",
    [{"start_step": 1}, {"end_step": 1}, {"start_step": 2, "end_step": 1}, {"max_results": 2501}, {"max_results": 0}],
)
async def test_an_interval_that_makes_no_sense_is_refused(
    mlflow: MlflowHttp, run_ids: list[str], bad: dict[str, int]
) -> None:
    with refused(400, "INVALID_PARAMETER_VALUE") as error:
        await mlflow.get("/metrics/get-history-bulk-interval", run_ids=run_ids[0], metric_key="m", **bad)
    assert any(field in error.message for field in ("start_step", "end_step", "max_results"))


async def test_at_most_100_runs_are_read_at_once(mlflow: MlflowHttp) -> None:
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.get("/metrics/get-history-bulk", run_id=["x"] * 101, metric_key="m")
