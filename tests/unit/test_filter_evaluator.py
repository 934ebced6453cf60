"""What filters and orders mean, told by the evaluator that storage is compared with."""

from __future__ import annotations

import math

import pytest

from milepost import v1 as pb
from milepost_server.filters import EXPERIMENTS, RUNS, parse_filter, parse_order_by
from support.filter_evaluator import matches, sort_runs


def value(of: str | float | bool) -> pb.ParamValue:
    if isinstance(of, bool):
        return pb.ParamValue(bool_value=of)
    if isinstance(of, int):
        return pb.ParamValue(int_value=of)
    return pb.ParamValue(double_value=of) if isinstance(of, float) else pb.ParamValue(string_value=of)


RUN = pb.Run(
    run_id="r1",
    experiment_id="7",
    name="Big\nrun",
    state=pb.Run.STATE_FINISHED,
    user="ana",
    params={
        "text": value("abc"),
        "int": value(2**53 + 1),
        "float": value(0.1),
        "nan": value(math.nan),
        "true": value(True),
        "json": pb.ParamValue(json_value='{"a": 1}'),
    },
    tags={"team": "vision"},
    metrics={
        "loss": pb.MetricSummary(first=2.0, last=0.5, min=0.5, max=2.0, count=3),
        "bad": pb.MetricSummary(first=math.nan, last=math.nan, count=2, nan_count=2),
    },
    inputs=[
        pb.DatasetInput(dataset=pb.Dataset(name="digits", digest="d1"), context="training"),
        pb.DatasetInput(dataset=pb.Dataset(name="other", digest="d2"), context="test"),
    ],
)
RUN.start_time.FromJsonString("2026-01-31T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name LIKE 'Big%' AND name LIKE 'B__\n%'",
        "name ILIKE 'big%' AND NOT name LIKE 'big%'",
        "NOT name LIKE 'Big'",
        "user = 'ana' AND user < 'anb' AND user > 'Zoe'",
        "status = 'finished' AND state NOT IN ('RUNNING')",
        "experiment_id = 7 AND experiment_id IN ('7', '8')",
        "start_time = 1769817600000 AND start_time <= '2026-01-31'",
        "parent_run_id IS NULL AND end_time IS NULL AND description IS NULL",
        "user IS NOT NULL AND tags.team IS NOT NULL AND tags.none IS NULL",
        "metrics.loss = 0.5 AND metrics.loss.max = 2 AND metrics.loss.first > 1.9 AND metrics.loss.count = 3",
        "metrics.bad != 1 AND metrics.bad NOT IN (1, 2) AND metrics.bad IS NOT NULL",
        "NOT metrics.bad = 1 AND NOT metrics.bad < 1 AND NOT metrics.bad >= 1 AND NOT metrics.bad IN (1)",
        "metrics.bad.min IS NULL AND NOT metrics.bad.min != 1",
        "params.text = 'abc' AND params.text IN ('x', 'abc')",
        "params.int = 9007199254740993 AND params.int != 9007199254740992",
        "params.int = 9007199254740992.0 AND params.int = '9007199254740993'",
        "params.float = 0.1 AND params.float = '0.1' AND params.float < 1",
        "params.nan != 1 AND params.nan = 'nan' AND NOT params.nan < 1",
        "params.true = true AND params.true != false AND params.true = 'true'",
        "params.json LIKE '{%}'",
        "dataset.name = 'digits' AND dataset.name != 'digits' AND dataset.context IN ('test')",
        "dataset.digest NOT IN ('d1')",
    ],
)
def test_run_passes(text: str) -> None:
    assert matches(parse_filter(text, RUNS), RUN)


@pytest.mark.parametrize(
    "condition",
    [
        "tags.none != 'x'",
        "tags.none NOT IN ('x')",
        "params.none != 1",
        "metrics.none != 1",
        "end_time != 5",
        "description != 'x'",
        "description NOT IN ('x')",
    ],
)
def test_missing_fails_every_condition_and_passes_its_negation(condition: str) -> None:
    assert not matches(parse_filter(condition, RUNS), RUN)
    assert matches(parse_filter(f"NOT {condition}", RUNS), RUN)


@pytest.mark.parametrize(
    "condition",
    ["params.text != 1", "params.text NOT IN (1)", "params.int = true", "params.true != 0", "params.json != 1"],
)
def test_param_of_another_kind_fails_every_condition(condition: str) -> None:
    assert not matches(parse_filter(condition, RUNS), RUN)


def test_dataset_condition_fails_without_inputs() -> None:
    assert not matches(parse_filter("dataset.name != 'x'", RUNS), pb.Run(run_id="r"))


def test_experiments_are_judged_too() -> None:
    experiment = pb.Experiment(experiment_id="12", name="digits", tags={"a": "b"})
    assert matches(parse_filter("experiment_id = 12 AND tags.a = 'b' AND update_time IS NULL", EXPERIMENTS), experiment)


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("ASC", ["low", "high", "nan", "none"]), ("DESC", ["high", "low", "nan", "none"])],
)
def test_nan_then_missing_come_last_both_ways(direction: str, expected: list[str]) -> None:
    values = {"nan": math.nan, "high": math.inf, "low": -1.0}
    runs = [pb.Run(run_id="none")]
    runs += [pb.Run(run_id=name, metrics={"m": pb.MetricSummary(last=last)}) for name, last in values.items()]
    ordered = sort_runs(runs, parse_order_by(f"metrics.m {direction}", RUNS))
    assert [run.run_id for run in ordered] == expected


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("ASC", ["1", "1.5", "2", "false", "true", "A", "a", "json", "nan", "none"]),
        ("DESC", ["json", "a", "A", "true", "false", "2", "1.5", "1", "nan", "none"]),
    ],
)
def test_params_go_numbers_booleans_text(direction: str, expected: list[str]) -> None:
    values = [value("a"), value(2), value(1.5), value(1), value(math.nan), value(True), value(False), value("A")]
    names = ["a", "2", "1.5", "1", "nan", "true", "false", "A"]
    runs = [pb.Run(run_id=name, params={"p": each}) for name, each in zip(names, values, strict=True)]
    runs += [pb.Run(run_id="json", params={"p": pb.ParamValue(json_value="{}")}), pb.Run(run_id="none")]
    ordered = sort_runs(runs, parse_order_by(f"params.p {direction}", RUNS))
    assert [run.run_id for run in ordered] == expected


def test_later_keys_and_then_creation_break_ties() -> None:
    rows = [("a", "x", "u"), ("b", "x", "v"), ("c", "x", "u"), ("d", "w", "u")]
    runs = [pb.Run(run_id=run_id, name=name, user=user) for run_id, name, user in rows]
    ordered = sort_runs(runs, parse_order_by("name DESC, user", RUNS))
    assert [run.run_id for run in ordered] == ["a", "c", "b", "d"]


def test_ties_go_the_way_of_the_last_key() -> None:
    runs = [pb.Run(run_id=run_id) for run_id in "ab"]
    assert [run.run_id for run in sort_runs(runs, parse_order_by("name", RUNS))] == ["a", "b"]
    assert [run.run_id for run in sort_runs(runs, parse_order_by("name DESC", RUNS))] == ["b", "a"]
