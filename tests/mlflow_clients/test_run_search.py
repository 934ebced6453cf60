"""Search of runs: conditions, order and pages."""

from __future__ import annotations

import math
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import RestException

from mlflow_clients.rest import Rest, invalid


@pytest.fixture(scope="module")
def corpus(rest: Rest, client: MlflowClient) -> dict[str, str]:
    """Ids of an experiment (`experiment`) and of its runs `a`, `b`, `c` and `d`. `d` has nothing."""
    ids = {"experiment": rest.new_experiment(f"runs {id(rest):x}")}
    for number, name in enumerate("abcd", 1):
        tags = {"mlflow.runName": name, "mlflow.user": "ada"}
        run = client.create_run(ids["experiment"], start_time=number * 1000, tags=tags)
        ids[name] = run.info.run_id
    log = client.log_batch
    log(ids["a"], [Metric("acc", 0.9, 1, 1), Metric("a b", 1.0, 1, 1)], [Param("lr", "0.1"), Param("opt", "adam")])
    log(ids["b"], [Metric("acc", 0.5, 1, 1), Metric("acc", 0.7, 2, 2)], [Param("lr", "0.01"), Param("opt", "Adam W")])
    log(ids["c"], [Metric("acc", math.nan, 1, 1)], [Param("opt", "sgd")])
    log(ids["a"], tags=[RunTag("team", "vision"), RunTag("a.b", "1"), RunTag("quote", 'say "hi"')])
    log(ids["b"], tags=[RunTag("team", "Vision 2")])
    client.set_terminated(ids["a"], "FINISHED", end_time=9_000)
    client.set_terminated(ids["b"], "FAILED", end_time=5_000)
    return ids


def names(client: MlflowClient, corpus: dict[str, str], condition: str, *order: str) -> str:
    """Names of the runs found, in their order."""
    found = client.search_runs([corpus["experiment"]], condition.format(**corpus), order_by=list(order))
    return "".join(run.info.run_name for run in found)


@pytest.mark.covers("conditions on metrics, which are those that a run shows")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("metrics.acc > 0.6", "ab"),
        ("metric.acc >= 0.7 AND metrics.acc < .8", "b"),
        ("metrics.acc = 0.9", "a"),
        ("metrics.acc != 0.9", "bc"),
        ("metrics.acc <= 7e-1", "b"),
        ("metrics.acc = 0.5", ""),
        ("metrics.`a b` > -1", "a"),
        ('metrics."a b" = 1', "a"),
        ("metrics.none != 1", ""),
    ],
)
def test_runs_by_metrics(client: MlflowClient, corpus: dict[str, str], condition: str, found: str) -> None:
    assert "".join(sorted(names(client, corpus, condition))) == found


@pytest.mark.covers("conditions on params and tags: text, `LIKE` and `ILIKE`, `IS NULL`; a missing key is never `!=`")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("params.lr = '0.1'", "a"),
        ('parameter.lr = "0.1"', "a"),
        ("params.lr != '0.1'", "b"),
        ("params.opt LIKE 'ad%'", "a"),
        ("params.opt ILIKE 'ad%'", "ab"),
        ("params.opt LIKE 's_d'", "c"),
        ("params.lr IS NULL", "cd"),
        ("params.lr IS NOT NULL", "ab"),
        ("tags.team = 'vision'", "a"),
        ("tag.team ILIKE 'VISION%'", "ab"),
        ("tags.a.b = '1'", "a"),
        ("tags.`a.b` = '1'", "a"),
        ("tags.quote = 'say \"hi\"'", "a"),
        ("tags.team IS NULL", "cd"),
        ("tags.`mlflow.runName` = 'c'", "c"),
        ("tags.mlflow.user = 'ada' AND params.opt = 'sgd'", "c"),
    ],
)
def test_runs_by_params_and_tags(client: MlflowClient, corpus: dict[str, str], condition: str, found: str) -> None:
    assert "".join(sorted(names(client, corpus, condition))) == found


@pytest.mark.covers("conditions on attributes: id, name, status, times")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", "abcd"),
        ("attributes.run_id = '{a}'", "a"),
        ("run_id IN ('{a}', '{b}')", "ab"),
        ("attribute.run_id NOT IN ('{a}')", "bcd"),
        ("run_name = 'b'", "b"),
        ("attr.`run name` LIKE '_'", "abcd"),
        ("run.run_name != 'b'", "acd"),
        ("status = 'FINISHED'", "a"),
        ("attributes.status != 'RUNNING'", "ab"),
        ("start_time >= 2000 AND start_time < 4000", "bc"),
        ("created > 3999", "d"),
        ("end_time > 5000", "a"),
        ("status = 'RUNNING' and start_time = 4000", "d"),
    ],
)
def test_runs_by_attributes(client: MlflowClient, corpus: dict[str, str], condition: str, found: str) -> None:
    assert "".join(sorted(names(client, corpus, condition))) == found


@pytest.mark.covers("order by metrics: NaN, then runs without the metric, last in both directions")
def test_runs_in_order_of_a_metric(client: MlflowClient, corpus: dict[str, str]) -> None:
    assert names(client, corpus, "", "metrics.acc ASC") == "bacd"
    assert names(client, corpus, "", "metrics.acc DESC") == "abcd"
    assert names(client, corpus, "", "metrics.`a b`", "start_time ASC") == "abcd"


@pytest.mark.covers("order by attributes, params and tags; the newest first unless asked otherwise")
@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([], "dcba"),
        (["start_time ASC"], "abcd"),
        (["created"], "abcd"),
        (["attributes.run_name DESC"], "dcba"),
        (["end_time ASC", "start_time DESC"], "badc"),
        (["params.lr ASC", "start_time ASC"], "bacd"),
        (["tags.team DESC", "start_time ASC"], "abcd"),
    ],
)
def test_runs_in_order(client: MlflowClient, corpus: dict[str, str], order: list[str], found: str) -> None:
    assert names(client, corpus, "", *order) == found


@pytest.mark.covers("pages")
def test_runs_come_in_pages(client: MlflowClient, corpus: dict[str, str]) -> None:
    token, pages = None, []
    while True:
        page = client.search_runs(
            [corpus["experiment"]], max_results=3, order_by=["metrics.acc DESC"], page_token=token
        )
        pages.append("".join(run.info.run_name for run in page))
        if not (token := page.token):
            break
    assert pages == ["abc", "d"]


@pytest.mark.covers("pages stay whole while runs are added", difference="repeats or skips runs")
def test_pages_stay_whole_while_runs_are_added(client: MlflowClient, experiment: str) -> None:
    ids = [client.create_run(experiment, start_time=i).info.run_id for i in range(1, 5)]
    first = client.search_runs([experiment], max_results=2)
    client.create_run(experiment, start_time=100)
    second = client.search_runs([experiment], max_results=2, page_token=first.token)
    assert [run.info.run_id for run in [*first, *second]] == ids[::-1]


@pytest.mark.covers("results have all that a run shows")
def test_results_are_whole_runs(client: MlflowClient, corpus: dict[str, str]) -> None:
    [found] = client.search_runs([corpus["experiment"]], "run_name = 'b'")
    assert found.to_dictionary() == client.get_run(corpus["b"]).to_dictionary()


@pytest.mark.covers("no experiments, no runs; many experiments at once")
def test_only_named_experiments_are_searched(
    client: MlflowClient, rest: Rest, corpus: dict[str, str], run: str
) -> None:
    assert rest.post("runs/search", {}) == {}
    other = client.get_run(run).info.experiment_id
    found = client.search_runs([corpus["experiment"], other], order_by=["start_time DESC"])
    assert len(found) == 5


@pytest.mark.covers("filters and orders that are none are refused")
@pytest.mark.parametrize(
    "condition",
    [
        "metrics.acc",
        "metrics.acc > '0.5'",
        "metrics.acc > nan",
        "metrics.acc LIKE '%'",
        "params.lr > 0.1",
        "params.lr = 0.1",
        "status > 'A'",
        "nothing = 'a'",
        "duration > 5",
        "metrics.acc BETWEEN 0 AND 1",
        "params.lr = '0.1'; DROP TABLE runs",
        "params.lr == '0.1'",
    ],
)
def test_filters_that_are_none_are_refused(rest: Rest, corpus: dict[str, str], condition: str) -> None:
    invalid(rest.send("POST", "runs/search", json={"experiment_ids": [corpus["experiment"]], "filter": condition}))


@pytest.mark.covers("`OR`, `NOT`, parentheses, and `IN` for all texts", difference="joins by `AND` only")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("metrics.acc > 0.8 OR params.opt = 'sgd'", "ac"),
        ("NOT metrics.acc > 0.8 AND status = 'FAILED'", "b"),
        ("(params.lr = '0.1' OR params.lr = '0.01') AND tags.team = 'vision'", "a"),
        ("params.lr IN ('0.1', '0.01')", "ab"),
    ],
)
def test_filters_say_more_than_mlflows(
    client: MlflowClient, corpus: dict[str, str], condition: str, found: str
) -> None:
    assert "".join(sorted(names(client, corpus, condition))) == found


@pytest.mark.covers("a condition on `artifact_uri` is refused", difference="compares the text of the address")
def test_addresses_are_not_searched(rest: Rest, corpus: dict[str, str]) -> None:
    body = {"experiment_ids": [corpus["experiment"]], "filter": "artifact_uri LIKE '%a%'"}
    assert "artifact_uri" in invalid(rest.send("POST", "runs/search", json=body))


@pytest.mark.covers("orders that are none, too many results and made-up tokens are refused")
@pytest.mark.parametrize(
    "wrong",
    [
        {"order_by": ["nothing"]},
        {"order_by": ["metrics.acc UP"]},
        {"order_by": ["dataset.name"]},
        {"max_results": 0},
        {"max_results": 50_001},
        {"page_token": "bm90aGluZw=="},
    ],
)
def test_bad_searches_are_refused(rest: Rest, corpus: dict[str, str], wrong: dict[str, Any]) -> None:
    invalid(rest.send("POST", "runs/search", json={"experiment_ids": [corpus["experiment"]], **wrong}))


@pytest.mark.covers("one key twice in an order", difference="answers a 500")
def test_a_key_twice_in_an_order(rest: Rest, corpus: dict[str, str]) -> None:
    body = {"experiment_ids": [corpus["experiment"]], "order_by": ["metrics.acc", "metrics.acc DESC"]}
    assert rest.send("POST", "runs/search", json=body).status_code in {200, 400}


@pytest.mark.covers("`mlflow.search_runs` as a table of pandas and as a list, by name of the experiment")
def test_runs_are_a_table(client: MlflowClient, corpus: dict[str, str]) -> None:
    name = client.get_experiment(corpus["experiment"]).name
    table = mlflow.search_runs(experiment_names=[name], order_by=["start_time ASC"])
    assert list(table["run_id"]) == [corpus[key] for key in "abcd"]
    assert list(table["metrics.acc"][:2]) == [0.9, 0.7]
    assert list(table["params.opt"][:3]) == ["adam", "Adam W", "sgd"]
    assert table["start_time"][0].timestamp() == 1.0
    listed = mlflow.search_runs([corpus["experiment"]], "metrics.acc > 0.8", output_format="list")
    assert [run.info.run_id for run in listed] == [corpus["a"]]


@pytest.mark.covers("a search of an unknown run's experiment is empty")
def test_an_unknown_experiment_has_no_runs(client: MlflowClient) -> None:
    assert client.search_runs(["987654321"]) == []
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.search_runs(["987654321"], "what")
