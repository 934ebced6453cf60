"""Searches other than of runs: experiments, models, versions and logged models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException, RestException

from mlflow_clients.rest import Rest, invalid

SOURCE = "s3://bucket/model"


def pages_of(search: Callable[..., Any], **arguments: Any) -> list[list[Any]]:
    """All pages of a search."""
    pages, token = [], None
    while True:
        page = search(page_token=token, **arguments)
        pages.append(list(page))
        if not page.token:
            return pages
        token = page.token


@pytest.fixture
def experiments(client: MlflowClient, name: str) -> list[str]:
    """Names of three experiments, which begin with the test's name; the first has the tag `k` = `v1`, and so on."""
    names = [f"{name} {letter}" for letter in "abc"]
    for number, each in enumerate(names):
        client.create_experiment(each, tags={"k": f"v{number}", "all of": name})
    return names


@pytest.mark.covers("experiments by name, tag and time")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name = '{0} a'", "a"),
        ("attribute.name != '{0} a' AND name LIKE '{0}%'", "bc"),
        ("name ILIKE '{1} _'", "abc"),
        ("name LIKE '{1} _'", ""),
        ("tags.k = 'v1' AND tags.`all of` = '{0}'", "b"),
        ("tag.k != 'v1' AND name LIKE '{0}%'", "ac"),
        ("tags.k ILIKE 'V%' AND name LIKE '{0}%'", "abc"),
        ("creation_time > 1600000000000 AND name LIKE '{0}%'", "abc"),
        ("last_update_time < 1600000000000", ""),
        ("tags.k IS NOT NULL AND name LIKE '{0}%'", "abc"),
        ("tags.none IS NULL AND name LIKE '{0}%'", "abc"),
        ("tags.none != 'x' AND name LIKE '{0}%'", ""),
    ],
)
def test_experiments_are_found(
    client: MlflowClient, experiments: list[str], name: str, condition: str, found: str
) -> None:
    result = client.search_experiments(filter_string=condition.format(name, name.upper()))
    assert {each.name for each in result} & set(experiments) == {f"{name} {letter}" for letter in found}


@pytest.mark.covers("experiments in order and in pages; the newest first unless asked otherwise")
def test_experiments_come_in_order_and_pages(client: MlflowClient, experiments: list[str], name: str) -> None:
    arguments: dict[str, Any] = {"filter_string": f"name LIKE '{name}%'", "max_results": 2}
    for order in ("name ASC", "experiment_id ASC"):
        pages = pages_of(client.search_experiments, order_by=[order], **arguments)
        assert [[each.name for each in page] for page in pages] == [experiments[:2], experiments[2:]]
    newest = client.search_experiments(filter_string=f"name LIKE '{name}%'", order_by=["name DESC"])
    assert [each.name for each in newest] == experiments[::-1]


@pytest.mark.covers("a search of experiments names how many it wants")
@pytest.mark.parametrize("number", [0, -1, 50_001])
def test_a_search_of_experiments_has_limits(rest: Rest, number: int) -> None:
    invalid(rest.send("POST", "experiments/search", json={"max_results": number}))


@pytest.mark.covers("filters that are none are refused in all searches")
@pytest.mark.parametrize("condition", ["name = ", "name == 'a'", "nothing = 'a'", "name LIKE 5", "; DROP TABLE"])
def test_filters_that_are_none_are_refused(rest: Rest, condition: str) -> None:
    invalid(rest.send("POST", "experiments/search", json={"max_results": 1, "filter": condition}))
    for call in ("registered-models/search", "model-versions/search"):
        invalid(rest.send("GET", call, params={"filter": condition}))


@pytest.fixture
def models(client: MlflowClient, name: str) -> list[str]:
    """Names of three registered models, which begin with the test's name, each with a version more."""
    names = [f"{name} {letter}" for letter in "abc"]
    for number, each in enumerate(names):
        client.create_registered_model(each, tags={"k": f"v{number}"})
        for _ in range(number):
            client.create_model_version(each, SOURCE, tags={"n": str(number)})
    return names


@pytest.mark.covers("registered models by name and tag")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name = '{0} a'", "a"),
        ("name != '{0} a' AND name LIKE '{0}%'", "bc"),
        ("name ILIKE '{1}%'", "abc"),
        ("name LIKE '{0}%' AND tags.k = 'v1'", "b"),
        ("name LIKE '{0}%' AND tag.k != 'v1'", "ac"),
    ],
)
def test_models_are_found(client: MlflowClient, models: list[str], name: str, condition: str, found: str) -> None:
    result = client.search_registered_models(condition.format(name, name.upper()))
    assert [each.name for each in result] == [f"{name} {letter}" for letter in found]
    assert models


@pytest.mark.covers("registered models in order and in pages, by name unless asked otherwise")
def test_models_come_in_order_and_pages(client: MlflowClient, models: list[str], name: str) -> None:
    search, condition = client.search_registered_models, f"name LIKE '{name}%'"
    pages = pages_of(search, filter_string=condition, max_results=2)
    assert [[each.name for each in page] for page in pages] == [models[:2], models[2:]]
    reverse = search(condition, order_by=["name DESC"])
    assert [each.name for each in reverse] == models[::-1]
    assert {each.name for each in search(condition, order_by=["timestamp DESC", "name"])} == set(models)


@pytest.mark.covers("versions by model, run, source and number")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name = '{0} c'", {"2", "1"}),
        ("name LIKE '{0}%' AND version_number > 1", {"2"}),
        ("name IN ('{0} b', '{0} a')", {"1"}),
        ("name = '{0} c' AND source_path = 's3://bucket/model'", {"2", "1"}),
        ("name = '{0} c' AND source_path LIKE '%other'", set()),
        ("name = '{0} c' AND run_id = 'none'", set()),
        ("name LIKE '{0}%' AND tags.n = '1'", {"1"}),
    ],
)
def test_versions_are_found(
    client: MlflowClient, models: list[str], name: str, condition: str, found: set[str]
) -> None:
    assert {each.version for each in client.search_model_versions(condition.format(name))} == found
    assert models


@pytest.mark.covers("versions in order and in pages")
def test_versions_come_in_order_and_pages(client: MlflowClient, models: list[str], name: str) -> None:
    pages = pages_of(
        client.search_model_versions,
        filter_string=f"name LIKE '{name}%'",
        max_results=2,
        order_by=["name DESC", "version_number ASC"],
    )
    found = [[(each.name, each.version) for each in page] for page in pages]
    assert found == [[(models[2], "1"), (models[2], "2")], [(models[1], "1")]]


@pytest.fixture
def logged(client: MlflowClient, experiment: str, run: str) -> dict[str, str]:
    """Ids of logged models by their names: `a` and `b` with the metric 1 and 2, and `c` without."""
    ids = {
        name: client.create_logged_model(
            experiment, name=name, source_run_id=run, params={"lr": value}, tags={"t": name}, model_type="agent"
        ).model_id
        for name, value in (("a", "0.1"), ("b", "0.2"), ("c", "0.3"))
    }
    client.log_batch(
        run,
        metrics=[
            Metric("acc", float(n), 1, 1, model_id=ids[k], dataset_name=f"d{n}", dataset_digest="1")
            for n, k in ((1, "a"), (2, "b"))
        ],
    )
    client.finalize_logged_model(ids["a"], "READY")
    return ids


@pytest.mark.covers("logged models by name, param, tag, metric, type, time and run")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name = 'a'", "a"),
        ("name IN ('a', 'c')", "ac"),
        ("name != 'a'", "bc"),
        ("attributes.name LIKE 'b%'", "b"),
        ("params.lr = '0.1'", "a"),
        ("params.lr IN ('0.1', '0.3')", "ac"),
        ("tags.t != 'a'", "bc"),
        ("tags.t ILIKE 'B'", "b"),
        ("metrics.acc > 1.5", "b"),
        ("metrics.acc <= 2 AND name != 'a'", "b"),
        ("source_run_id = '{run}' AND model_type = 'agent'", "abc"),
        ("creation_timestamp > 1600000000000", "abc"),
    ],
)
def test_logged_models_are_found(
    client: MlflowClient, experiment: str, run: str, logged: dict[str, str], condition: str, found: str
) -> None:
    result = client.search_logged_models([experiment], condition.format(run=run))
    assert {each.name for each in result} == set(found)
    assert len(logged) == 3


@pytest.mark.covers("logged models by status", difference="compares with the number of the status")
def test_logged_models_by_status(client: MlflowClient, experiment: str, logged: dict[str, str]) -> None:
    ready = client.search_logged_models([experiment], "status = 'READY'")
    assert [each.model_id for each in ready] == [logged["a"]]
    assert len(client.search_logged_models([experiment], "status != 'READY'")) == 2


@pytest.mark.covers("logged models by metrics of one dataset")
def test_logged_models_by_metrics_of_a_dataset(client: MlflowClient, experiment: str, logged: dict[str, str]) -> None:
    found = client.search_logged_models(
        [experiment], "metrics.acc > 0", datasets=[{"dataset_name": "d2", "dataset_digest": "1"}]
    )
    assert [each.model_id for each in found] == [logged["b"]]


@pytest.mark.covers("logged models in order and in pages, the newest first unless asked otherwise")
def test_logged_models_come_in_order_and_pages(client: MlflowClient, experiment: str, logged: dict[str, str]) -> None:
    def names(*orders: dict[str, Any]) -> list[list[str]]:
        pages = pages_of(client.search_logged_models, experiment_ids=[experiment], max_results=2, order_by=list(orders))
        return [[each.name for each in page] for page in pages]

    assert names({"field_name": "name"}) == [["a", "b"], ["c"]]
    assert names({"field_name": "metrics.acc", "ascending": False}) == [["b", "a"], ["c"]]
    assert sorted(name for page in names() for name in page) == sorted(logged)


@pytest.mark.covers("strings in double quotes", difference="finds no logged model by them")
def test_double_quotes_are_quotes(client: MlflowClient, experiment: str, logged: dict[str, str]) -> None:
    assert [each.model_id for each in client.search_logged_models([experiment], 'name = "a"')] == [logged["a"]]


@pytest.mark.covers("an unknown field of logged models is a 400", difference="answers a 500")
@pytest.mark.parametrize("condition", ["nothing = 'a'", "metrics.acc > 'a'"])
def test_unknown_fields_of_logged_models_are_refused(client: MlflowClient, experiment: str, condition: str) -> None:
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.search_logged_models([experiment], condition)


@pytest.mark.covers("tokens of pages that no server gave are refused")
def test_made_up_tokens_are_refused(client: MlflowClient, models: list[str]) -> None:
    for search in (client.search_experiments, client.search_registered_models, client.search_model_versions):
        with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE"):
            search(page_token="e30", filter_string=f"name = '{models[0]}'")
