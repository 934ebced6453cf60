"""Requests that are half right: what MLflow stores a part of is refused whole, or taken exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_clients.rest import Rest, entries, invalid


def metric(run: str, value: str = "1", timestamp: str = "1", step: str = "1") -> str:
    """A request to log a metric, whose numbers are written as given."""
    return f'{{"run_id": "{run}", "key": "m", "value": {value}, "timestamp": {timestamp}, "step": {step}}}'


@pytest.mark.covers(
    "numbers that do not fit: fractions, overflows, other types, missing ones",
    difference="stores what it read so far, as 0",
)
@pytest.mark.parametrize(
    "numbers",
    [
        {"step": "1.5"},
        {"step": str(2**63)},
        {"timestamp": "1.5"},
        {"timestamp": str(2**63)},
        {"timestamp": "[1]"},
        {"value": "1e400"},
        {"value": '"many"'},
        {"value": "null"},
        {"value": "true"},
        {"timestamp": "null"},
    ],
)
def test_numbers_that_do_not_fit_are_refused(rest: Rest, run: str, numbers: dict[str, str]) -> None:
    invalid(rest.post_text("runs/log-metric", metric(run, **numbers)))
    assert rest.history(run, "m") == []


@pytest.mark.covers("negative timestamps are refused")
def test_negative_timestamps_are_refused(rest: Rest, run: str) -> None:
    invalid(rest.post_text("runs/log-metric", metric(run, timestamp="-1")))
    assert rest.history(run, "m") == []


@pytest.mark.covers(
    "bare `NaN`, `Infinity` and `-Infinity`, as Python's json writes them, are these values",
    difference="stores 0.0 at timestamp 0",
)
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_bare_literals_are_values(rest: Rest, run: str, value: str) -> None:
    assert rest.post_text("runs/log-metric", metric(run, value)).status_code == 200
    assert rest.history(run, "m") == [{"key": "m", "value": value, "timestamp": 1, "step": 1}]


@pytest.mark.covers("a batch with bare `NaN` keeps all it has", difference="loses all that follows the NaN")
def test_a_batch_with_bare_nan_is_stored_whole(rest: Rest, run: str) -> None:
    batch = {
        "run_id": run,
        "metrics": [
            {"key": "a", "value": float("nan"), "timestamp": 1, "step": 1},
            {"key": "b", "value": 2.0, "timestamp": 2, "step": 2},
        ],
        "params": [{"key": "p", "value": "v"}],
    }
    assert rest.post_text("runs/log-batch", json.dumps(batch)).status_code == 200
    data = rest.run(run)["data"]
    assert entries(data["metrics"]) == {"a": "NaN", "b": 2.0}
    assert entries(data["params"]) == {"p": "v"}


@pytest.mark.covers("a batch with one bad entry stores nothing", difference="stores the part before, or zeros")
@pytest.mark.parametrize(
    "bad",
    [
        {"metrics": [{"key": "m", "value": 1.0, "timestamp": 1, "step": 0.5}]},
        {"metrics": [{"key": "m", "value": "x", "timestamp": 1}]},
        {"params": [{"key": "q", "value": 5}]},
        {"tags": [{"key": "//", "value": "v"}]},
    ],
)
def test_a_batch_with_a_bad_entry_stores_nothing(rest: Rest, run: str, bad: dict[str, list[dict[str, Any]]]) -> None:
    batch: dict[str, list[dict[str, Any]]] = {
        "metrics": [{"key": "good", "value": 1.0, "timestamp": 1}],
        "params": [{"key": "good", "value": "1"}],
        "tags": [{"key": "good", "value": "1"}],
    }
    for kind, entry in bad.items():
        batch[kind] = [*batch[kind], *entry]
    before = rest.run(run)["data"]
    invalid(rest.send("POST", "runs/log-batch", json={"run_id": run, **batch}))
    assert rest.run(run)["data"] == before


@pytest.mark.covers("a run's times must be whole numbers", difference="stores what it read so far, as 0")
def test_fractions_of_milliseconds_are_refused(rest: Rest, experiment: str) -> None:
    invalid(rest.send("POST", "runs/create", json={"experiment_id": experiment, "start_time": 1000.5}))
    assert rest.post("runs/search", {"experiment_ids": [experiment]}) == {}


@pytest.mark.covers("unknown names of enumerations are refused", difference="ignores the field")
def test_unknown_names_are_refused(rest: Rest, experiment: str, run: str) -> None:
    invalid(rest.send("POST", "runs/update", json={"run_id": run, "status": "BOGUS"}))
    invalid(rest.send("POST", "runs/search", json={"experiment_ids": [experiment], "run_view_type": "NOPE"}))
    invalid(rest.send("GET", "experiments/search", params={"max_results": 1, "view_type": "NOPE"}))


@pytest.mark.covers("a value of the wrong type is refused", difference="drops it: no ids, and so no runs")
def test_ids_must_be_text(rest: Rest, experiment: str, run: str) -> None:
    invalid(rest.send("POST", "runs/search", json={"experiment_ids": [{"id": experiment}]}))
    invalid(rest.send("POST", "runs/search", json={"experiment_ids": [1.5]}))
    assert run


@pytest.mark.covers("a number as value of a param is refused")
def test_a_number_is_no_param(rest: Rest, run: str) -> None:
    invalid(rest.send("POST", "runs/log-parameter", json={"run_id": run, "key": "p", "value": 5}))
