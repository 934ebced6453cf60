"""Many runs at once: counts, groups, keys and values."""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import param, points

Kind = pb.ListRunKeysRequest.Kind
LONG = "é" * 127
# Name of each run: its params, tags, and the last values of its metrics.
CORPUS: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, float]]] = {
    "a": ({"lr": 0.1, "opt": "adam"}, {"team": "vision"}, {"acc": 0.5, "loss": 1.0}),
    "b": ({"lr": 0.1, "opt": "sgd"}, {"team": "vision"}, {"acc": 1.0, "loss": math.nan}),
    "c": ({"lr": 1, "opt": "adam"}, {"team": LONG + "ab"}, {"acc": sys.float_info.max}),
    "d": ({"lr": "1"}, {"team": LONG + "aa"}, {"acc": sys.float_info.max, "loss": math.inf}),
    "e": ({"b c": True}, {"team": ""}, {}),
}


@pytest.fixture(scope="module")
async def corpus(api: Api) -> AsyncIterator[str]:
    """Id of the experiment that holds the runs of `CORPUS`, `e` of which has failed, and a deleted one."""
    experiment_id = (await api.create_experiment()).experiment_id
    for name, (params, tags, metrics) in CORPUS.items():
        run = await api.create_run(
            experiment_id,
            name=name,
            tags=tags,
            params={key: param(value) for key, value in params.items()},
            state=pb.Run.STATE_FAILED if name == "e" else pb.Run.STATE_RUNNING,
        )
        await api.log_batch(run.run_id, metrics=[points(key, [0.25, value]) for key, value in metrics.items()])
    gone = await api.create_run(experiment_id, name="gone", params={"lr": param(9)})
    await api.delete_run(gone.run_id)
    yield experiment_id
    await api.delete_experiment(experiment_id)


@pytest.mark.parametrize(
    ("filter_", "view", "expected"),
    [
        ("", pb.VIEW_UNSPECIFIED, 5),
        ("", pb.VIEW_DELETED, 1),
        ("", pb.VIEW_ALL, 6),
        ("metrics.acc > 0.5", pb.VIEW_ACTIVE, 3),
        ("metrics.acc > 0.5 AND params.opt = 'adam'", pb.VIEW_ACTIVE, 1),
        ("NOT metrics.acc > 0.5", pb.VIEW_ALL, 3),
        ("params.nope = 1", pb.VIEW_ALL, 0),
        ("params.lr = 9", pb.VIEW_ALL, 1),
        ("params.lr = 9", pb.VIEW_ACTIVE, 0),
        ("state = 'FAILED' OR name = 'a'", pb.VIEW_ACTIVE, 2),
    ],
)
async def test_count_is_that_of_the_list(
    api: Api, corpus: str, filter_: str, view: pb.View.ValueType, expected: int
) -> None:
    assert await api.count_runs(experiment_ids=[corpus], filter=filter_, view=view) == expected
    listed = await api.list_runs(experiment_ids=[corpus], filter=filter_, view=view)
    assert len(listed.runs) == expected


async def test_count_without_experiments_covers_all(api: Api, corpus: str) -> None:
    assert await api.count_runs(filter=f"experiment_id = {corpus}") == 5
    assert await api.count_runs() >= 5


def _shown(response: pb.GroupRunsResponse) -> list[tuple[Any, ...]]:
    """Values and numbers of runs of groups."""
    return [
        (*(value.text if value.HasField("text") else None for value in group.values), group.runs)
        for group in response.groups
    ]


async def test_runs_are_grouped_by_the_text_of_a_param(api: Api, corpus: str) -> None:
    grouped = await api.group_runs(experiment_ids=[corpus], group_by=["params.lr"])
    assert _shown(grouped) == [("0.1", 2), ("1", 2), (None, 1)]


async def test_runs_are_grouped_by_several_things(api: Api, corpus: str) -> None:
    grouped = await api.group_runs(experiment_ids=[corpus], group_by=["state", "params.opt", "tags.team"])
    assert sorted(_shown(grouped), key=str) == sorted(
        [
            ("RUNNING", "adam", "vision", 1),
            ("RUNNING", "sgd", "vision", 1),
            ("RUNNING", "adam", LONG + "ab", 1),
            ("RUNNING", None, LONG + "aa", 1),
            ("FAILED", None, "", 1),
        ],
        key=str,
    )


async def test_metrics_are_aggregated_without_nan_and_infinities(api: Api, corpus: str) -> None:
    grouped = await api.group_runs(
        experiment_ids=[corpus], group_by=["params.lr"], metrics=["metrics.acc", "metrics.loss", "metrics.acc.first"]
    )
    greatest = sys.float_info.max
    assert [group.metrics[0] for group in grouped.groups] == [
        pb.MetricAggregate(count=2, mean=0.75, min=0.5, max=1.0),
        pb.MetricAggregate(count=2, mean=greatest, min=greatest, max=greatest),
        pb.MetricAggregate(),
    ]
    assert [group.metrics[1].count for group in grouped.groups] == [1, 0, 0]
    assert [group.metrics[2].mean for group in grouped.groups] == [0.25, 0.25, 0.0]


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("runs", [None, "0.1", "1"]),
        ("mean(metrics.acc)", ["0.1", "1", None]),
        ("max( metrics.acc ) desc", ["1", "0.1", None]),
        ("count(metrics.acc), ", None),
        ("count(metrics.acc)", [None, "0.1", "1"]),
    ],
)
async def test_groups_are_sorted(api: Api, corpus: str, order_by: str, expected: list[str | None] | None) -> None:
    query = {"experiment_ids": [corpus], "group_by": ["params.lr"], "metrics": ["metrics.acc"], "order_by": order_by}
    if expected is None:
        with refused("INVALID_ARGUMENT", "BAD_ORDER_BY"):
            await api.group_runs(**query)
        return
    assert [row[0] for row in _shown(await api.group_runs(**query))] == expected


async def test_pages_of_groups_join_to_the_whole_list(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {"experiment_ids": [corpus], "group_by": ["name"], "page_size": 2}
    seen: list[tuple[Any, ...]] = []
    token = ""
    while True:
        page = await api.group_runs(**query, page_token=token)
        seen += _shown(page)
        if not (token := page.next_page_token):
            break
    assert seen == [(name, 1) for name in CORPUS]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"group_by": ["metrics.acc"]}, "group_by[0]", "INVALID_FIELD"),
        ({"group_by": ["dataset.name"]}, "group_by[0]", "INVALID_FIELD"),
        ({"group_by": ["state", "nope"]}, "group_by[1]", "INVALID_FIELD"),
        ({"group_by": ["state"], "metrics": ["params.lr"]}, "metrics[0]", "INVALID_FIELD"),
        ({"group_by": ["state"], "order_by": "mean(metrics.acc)"}, "order_by", "BAD_ORDER_BY"),
        ({"group_by": ["state"], "filter": "nope"}, "filter", "BAD_FILTER"),
        ({}, "group_by", "INVALID_FIELD"),
    ],
)
async def test_bad_grouping_is_refused(api: Api, fields: dict[str, Any], field: str, reason: str) -> None:
    with refused("INVALID_ARGUMENT", reason if fields else "REQUIRED_FIELD") as refusal:
        await api.group_runs(**fields)
    assert refusal.error.fields == [field]


@pytest.mark.parametrize(
    ("kind", "prefix", "expected"),
    [
        (Kind.KIND_PARAM, "", ["b c", "lr", "opt"]),
        (Kind.KIND_PARAM, "l", ["lr"]),
        (Kind.KIND_TAG, "", ["team"]),
        (Kind.KIND_METRIC, "", ["acc", "loss"]),
        (Kind.KIND_METRIC, "A", []),
    ],
)
async def test_keys_are_listed_by_name(
    api: Api, corpus: str, kind: Kind.ValueType, prefix: str, expected: list[str]
) -> None:
    listed = await api.list_run_keys(experiment_ids=[corpus], kind=kind, prefix=prefix)
    assert list(listed.keys) == expected
    assert set(expected) <= set((await api.list_run_keys(kind=kind, prefix=prefix, page_size=20_000)).keys)


async def test_pages_of_keys_join_to_the_whole_list(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {"experiment_ids": [corpus], "kind": Kind.KIND_PARAM, "page_size": 1}
    seen: list[str] = []
    token = ""
    while True:
        page = await api.list_run_keys(**query, page_token=token)
        seen += page.keys
        if not (token := page.next_page_token):
            break
    assert seen == ["b c", "lr", "opt"]


VALUES = {
    ("params.lr", ""): [("0.1", 2), ("1", 2), ("9", 1)],
    ("params.opt", "a"): [("adam", 2)],
    ("params.`b c`", ""): [("true", 1)],
    ("tags.team", ""): [("", 1), ("vision", 2), (LONG + "aa", 1), (LONG + "ab", 1)],
    ("tags.team", LONG + "a"): [(LONG + "aa", 1), (LONG + "ab", 1)],
    ("tags.team", LONG + "ab"): [(LONG + "ab", 1)],
    ("tags.nope", ""): [],
}


@pytest.mark.parametrize(("column", "prefix"), VALUES)
@pytest.mark.parametrize("page_size", [0, 1])
async def test_values_are_listed_with_their_runs(
    api: Api, corpus: str, column: str, prefix: str, page_size: int
) -> None:
    seen: list[tuple[str, int]] = []
    token = ""
    while True:
        page = await api.list_run_values(
            experiment_ids=[corpus], column=column, prefix=prefix, page_size=page_size, page_token=token
        )
        seen += [(value.text, value.runs) for value in page.values]
        if not (token := page.next_page_token):
            break
    assert seen == VALUES[column, prefix]


@pytest.mark.parametrize("column", ["metrics.acc", "name", "dataset.name", "params.", "nope"])
async def test_values_are_of_a_param_or_tag(api: Api, column: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.list_run_values(column=column)
    assert refusal.error.fields == ["column"]


async def test_token_of_another_list_is_refused(api: Api, corpus: str) -> None:
    page = await api.list_run_keys(experiment_ids=[corpus], kind=Kind.KIND_PARAM, page_size=1)
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_run_keys(experiment_ids=[corpus], kind=Kind.KIND_TAG, page_token=page.next_page_token)
