"""Metrics: points, their histories and what a run shows of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from mlflow_clients.rest import Rest, entries, invalid


def log(rest: Rest, run: str, *points: tuple[float, int, int]) -> None:
    """Logs points of the metric `m`: value, timestamp and step of each, in one batch."""
    metrics = [{"key": "m", "value": value, "timestamp": at, "step": step} for value, at, step in points]
    rest.post("runs/log-batch", {"run_id": run, "metrics": metrics})


@pytest.mark.covers("one point, many points, and what a run shows")
def test_points_come_back(client: MlflowClient, run: str) -> None:
    client.log_metric(run, "loss", 0.5, timestamp=10, step=1)
    client.log_batch(run, metrics=[Metric("loss", 0.25, 20, 2), Metric("acc", 0.75, 20, 2)])
    history = [(p.key, p.value, p.timestamp, p.step) for p in client.get_metric_history(run, "loss")]
    assert history == [("loss", 0.5, 10, 1), ("loss", 0.25, 20, 2)]
    assert client.get_run(run).data.metrics == {"loss": 0.25, "acc": 0.75}


@pytest.mark.covers("steps of 64 bits, negative ones too; without one it is 0")
def test_steps_are_exact(client: MlflowClient, rest: Rest, run: str) -> None:
    steps = [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]
    for step in steps:
        client.log_metric(run, "m", 1.0, timestamp=1, step=step)
    rest.post("runs/log-metric", {"run_id": run, "key": "n", "value": 1, "timestamp": 1})
    assert [point.step for point in client.get_metric_history(run, "m")] == steps
    assert [point.step for point in client.get_metric_history(run, "n")] == [0]


@pytest.mark.covers("values are exact to the bit")
@pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1e-300, 2**53 + 2])
def test_values_are_exact(client: MlflowClient, run: str, value: float) -> None:
    client.log_metric(run, "m", value)
    assert client.get_run(run).data.metrics["m"] == value
    assert client.get_metric_history(run, "m")[0].value == value


@pytest.mark.covers("NaN is NaN")
def test_nan_is_kept(client: MlflowClient, run: str) -> None:
    client.log_metric(run, "m", float("nan"))
    assert math.isnan(client.get_run(run).data.metrics["m"])
    assert math.isnan(client.get_metric_history(run, "m")[0].value)


@pytest.mark.covers("±Infinity is kept exactly", difference="stores ±1.7976931348623157e308")
@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_is_kept(client: MlflowClient, run: str, value: float) -> None:
    client.log_metric(run, "m", value)
    client.log_batch(run, metrics=[Metric("b", value, 1, 1)])
    assert client.get_run(run).data.metrics == {"m": value, "b": value}
    assert client.get_metric_history(run, "m")[0].value == value


@pytest.mark.covers("numbers of numpy, and arrays of one")
def test_numbers_of_numpy_are_taken(client: MlflowClient, run: str) -> None:
    client.log_metric(run, "a", np.float32(0.5))
    client.log_metric(run, "b", np.array([0.25]))
    assert client.get_run(run).data.metrics == {"a": 0.5, "b": 0.25}


@pytest.mark.covers("the same point sent twice is stored once, within a batch and across calls")
def test_a_repeated_point_is_stored_once(rest: Rest, run: str) -> None:
    log(rest, run, (1.0, 1, 1), (1.0, 1, 1), (math.pi, 1, 1))
    log(rest, run, (1.0, 1, 1))
    rest.post("runs/log-metric", {"run_id": run, "key": "m", "value": math.pi, "timestamp": 1, "step": 1})
    assert [point["value"] for point in rest.history(run, "m")] == [1.0, math.pi]


@pytest.mark.covers("a run shows the point with the greatest step, then timestamp, then value")
@pytest.mark.parametrize(
    ("points", "latest"),
    [
        ([(1.0, 1, 2), (2.0, 9, 1)], 1.0),
        ([(1.0, 9, 1), (2.0, 1, 1)], 1.0),
        ([(2.0, 1, 1), (1.0, 1, 1)], 2.0),
        ([(-1.0, 5, 0), (3.0, 5, -1)], -1.0),
    ],
)
def test_a_run_shows_the_latest_point(
    rest: Rest, run: str, points: list[tuple[float, int, int]], latest: float
) -> None:
    log(rest, run, *points)
    assert entries(rest.run(run)["data"]["metrics"]) == {"m": latest}


@pytest.mark.covers("a history is ordered by timestamp, step and value")
def test_a_history_is_ordered(rest: Rest, run: str) -> None:
    log(rest, run, (3.0, 2, 0), (2.0, 1, 5), (1.0, 1, 7), (0.5, 1, 5))
    points = [(p["value"], p["timestamp"], p["step"]) for p in rest.history(run, "m")]
    assert points == [(0.5, 1, 5), (2.0, 1, 5), (1.0, 1, 7), (3.0, 2, 0)]


@pytest.mark.covers("the history of a run or a metric that there is not is empty")
def test_a_missing_history_is_empty(rest: Rest, run: str) -> None:
    assert rest.history(run, "none") == []
    assert rest.history("f" * 32, "m") == []


@pytest.mark.covers("histories in pages; the client reads all")
def test_a_history_comes_in_pages(client: MlflowClient, rest: Rest, run: str) -> None:
    log(rest, run, *((float(i), i, i) for i in range(7)))
    pages: list[list[float]] = []
    query: dict[str, Any] = {"run_id": run, "metric_key": "m", "max_results": 3}
    while True:
        page = rest.get("metrics/get-history", **query)
        pages.append([point["value"] for point in page["metrics"]])
        if not page.get("next_page_token"):
            break
        query["page_token"] = page["next_page_token"]
    assert pages == [[0, 1, 2], [3, 4, 5], [6]]
    assert [point.value for point in client.get_metric_history(run, "m")] == list(range(7))
    invalid(rest.send("GET", "metrics/get-history", params={**query, "max_results": 0}))


@pytest.mark.covers("histories beyond the 25,000 points of a client's page")
def test_a_long_history_is_read_whole(client: MlflowClient, run: str) -> None:
    for start in range(0, 26_000, 1000):
        client.log_batch(run, metrics=[Metric("m", float(i), i, i) for i in range(start, start + 1000)])
    assert [point.value for point in client.get_metric_history(run, "m")] == list(range(26_000))


@pytest.mark.covers("histories of many runs at once, as the web page asks")
def test_histories_of_many_runs(rest: Rest, experiment: str) -> None:
    runs = [rest.new_run(experiment) for _ in range(2)]
    for run in runs:
        log(rest, run, (1.0, 1, 1), (2.0, 2, 2))
    answer = rest.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk", run_id=runs, metric_key="m", max_results=3)
    points = {(p["run_id"], p["step"], p["value"]) for p in answer["metrics"]}
    assert len(points) == 3
    assert {run for run, _, _ in points} == set(runs)
    too_many = {"run_id": [f"{i:032x}" for i in range(101)], "metric_key": "m"}
    invalid(rest.send("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", params=too_many))


@pytest.mark.covers("sampled histories: first and last always, from a step to a step")
def test_histories_are_sampled(rest: Rest, run: str) -> None:
    for start in (0, 1000):
        log(rest, run, *((float(i), i, i) for i in range(start, start + 1000)))
    path = "metrics/get-history-bulk-interval"
    sampled = rest.get(path, run_ids=[run], metric_key="m", max_results=10)["metrics"]
    steps = [point["step"] for point in sampled]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 1999)
    assert 5 <= len(steps) <= 12
    assert {point["run_id"] for point in sampled} == {run}
    part = rest.get(path, run_ids=[run], metric_key="m", max_results=10, start_step=100, end_step=200)["metrics"]
    assert {100, 200} <= {point["step"] for point in part}
    assert all(100 <= point["step"] <= 200 for point in part)


@pytest.mark.covers("sampled histories need both ends or none, and 1 to 2,500 points")
@pytest.mark.parametrize("query", [{"start_step": 1}, {"end_step": 1}, {"max_results": 0}, {"max_results": 2501}])
def test_bad_samples_are_refused(rest: Rest, run: str, query: dict[str, int]) -> None:
    query = {"max_results": 10, **query}
    invalid(rest.send("GET", "metrics/get-history-bulk-interval", params={"run_ids": run, "metric_key": "m", **query}))


@pytest.mark.covers("points with a dataset, and points of a logged model")
def test_points_may_name_a_dataset_and_a_model(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    client.log_metric(
        run, "acc", 0.5, timestamp=3, step=1, dataset_name="d", dataset_digest="1", model_id=model.model_id
    )
    [metric] = client.get_logged_model(model.model_id).metrics
    assert (metric.key, metric.value, metric.step, metric.timestamp) == ("acc", 0.5, 1, 3)
    assert (metric.dataset_name, metric.dataset_digest, metric.run_id) == ("d", "1", run)
    assert client.get_run(run).data.metrics == {"acc": 0.5}


@pytest.mark.covers("a point of a model that there is not stores nothing")
def test_a_point_of_a_missing_model_stores_nothing(rest: Rest, run: str) -> None:
    point = {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "model_id": f"m-{'0' * 32}"}
    assert rest.send("POST", "runs/log-metric", json=point).status_code in {400, 404}
    assert rest.history(run, "m") == []
