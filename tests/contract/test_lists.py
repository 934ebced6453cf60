"""Lists: filters, order, pages, masks."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import Json, param, points, unique

# Name of each run of the corpus: its params, tags and the values of its metrics, step by step.
CORPUS: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, list[float]]]] = {
    "a": ({"depth": 4, "opt": "adam", "bias": True}, {"team": "vision", "a b.c": "x"}, {"loss": [3.0, 0.5, 1.0]}),
    "b": ({"depth": 8, "opt": "sgd", "bias": False}, {"team": "speech"}, {"loss": [0.25], "acc": [0.9]}),
    "c": ({"depth": 8.5, "opt": "Adam"}, {"team": "Vision"}, {"loss": [math.nan]}),
    "d": ({"depth": "8", "opt": "100%_x"}, {}, {"acc": [0.1, -0.0]}),
    "e": ({"grid": Json("[1]")}, {"team": ""}, {"loss": [math.inf], "acc": [0.5]}),
    "f": ({"depth": -1}, {"team": "vision"}, {"loss": [-math.inf, 2.0]}),
}
START = 1_700_000_000


@pytest.fixture(scope="module")
async def corpus(api: Api) -> AsyncIterator[str]:
    """Id of the experiment that holds the runs of `CORPUS`, a second of start time apart, the last one finished."""
    experiment_id = (await api.create_experiment()).experiment_id
    for number, (name, (params, tags, metrics)) in enumerate(CORPUS.items()):
        run = await api.create_run(
            experiment_id,
            name=name,
            user=f"user-{name}",
            tags=tags,
            params={key: param(value) for key, value in params.items()},
            start_time=Timestamp(seconds=START + number),
            state=pb.Run.STATE_FINISHED if name == "f" else pb.Run.STATE_RUNNING,
            end_time=Timestamp(seconds=START + 99) if name == "f" else None,
        )
        for key, values in metrics.items():
            await api.log_metrics(run.run_id, points(key, values))
        if name in "ab":
            data = pb.DatasetInput(dataset=pb.Dataset(name=f"data-{name}", digest="1"), context="training")
            await api.log_inputs(run.run_id, [data])
    yield experiment_id
    await api.delete_experiment(experiment_id)


async def _names(api: Api, experiment_id: str, **fields: Any) -> str:
    return "".join(run.name for run in (await api.list_runs(experiment_ids=[experiment_id], **fields)).runs)


FILTERS = {
    "": "abcdef",
    "metrics.loss < 1": "b",
    "metrics.loss <= 1 and metrics.loss >= 1": "a",
    "metrics.loss = 2.0": "f",
    "metrics.loss != 2": "abce",
    "metrics.loss > 1e308": "e",
    "metrics.acc = 0": "d",
    "metrics.loss.min < 0.5": "bf",
    "metrics.loss.max >= 3": "ae",
    "metrics.loss.first = 3": "a",
    "metrics.loss.count = 2": "f",
    "metrics.loss.last = 1": "a",
    "metrics.loss IS NULL": "d",
    "metrics.acc IS NOT NULL": "bde",
    "metrics.acc IN (0.9, 0.5)": "be",
    "metrics.`loss`.min = 0.5": "a",
    "params.depth = 8": "b",
    "params.depth >= 8": "bc",
    "params.depth < 8.5": "abf",
    "params.depth = '8'": "bd",
    "params.depth IN (4, -1)": "af",
    "params.depth IS NULL": "e",
    "params.bias = true": "a",
    "params.bias != true": "b",
    "params.opt = 'adam'": "a",
    "params.opt != 'adam'": "bcd",
    "params.opt LIKE 'a%'": "a",
    "params.opt ILIKE 'a%'": "ac",
    "params.opt IN ('adam', 'sgd')": "ab",
    "params.opt NOT IN ('adam', 'sgd')": "cd",
    "params.opt LIKE '1__\\%%'": "",
    "params.opt = '100%_x'": "d",
    "tags.team = 'vision'": "af",
    "tags.team = ''": "e",
    "tags.team IS NULL": "d",
    "tags.team ILIKE 'vis%'": "acf",
    "tags.`a b.c` = 'x'": "a",
    'tags."a b.c" = "x"': "a",
    "dataset.name = 'data-a'": "a",
    "dataset.context = 'training'": "ab",
    "name = 'c'": "c",
    "attributes.run_name IN ('c', 'd')": "cd",
    "user LIKE 'user-%'": "abcdef",
    "state = 'FINISHED'": "f",
    "attributes.status != 'FINISHED'": "abcde",
    f"start_time > {(START + 3) * 1000}": "ef",
    f"start_time = {START * 1000}": "a",
    "start_time < '2023-11-14T22:13:21Z'": "a",
    "end_time IS NULL": "abcde",
    "NOT metrics.loss < 1": "acdef",
    "NOT (tags.team = 'vision' OR params.depth = 8)": "cde",
    "tags.team = 'vision' OR params.depth = 8 AND metrics.acc > 0.5": "abf",
    "(tags.team = 'vision' OR params.depth = 8) AND metrics.loss > 0.5": "af",
    "name = 'a' AND params.depth > 1 AND params.opt = 'adam' AND tags.team = 'vision' AND metrics.loss > 0": "a",
    "name = '; DROP TABLE run; --'": "",
    "params.nope = 1": "",
}


@pytest.mark.parametrize(("text", "expected"), FILTERS.items(), ids=FILTERS)
async def test_filter_finds(api: Api, corpus: str, text: str, expected: str) -> None:
    assert await _names(api, corpus, filter=text, order_by="name") == expected


ORDERS = {
    "": "fedcba",
    "start_time": "abcdef",
    "start_time DESC": "fedcba",
    "name desc": "fedcba",
    "metrics.loss": "bafecd",
    "metrics.loss DESC": "efabcd",
    "metrics.loss.min, name": "fbaecd",
    "metrics.acc, name DESC": "debfca",
    "tags.team, name": "ecbafd",
    "params.opt, name": "dcabef",
    "state DESC, name": "fabcde",
    "metrics.nope, name DESC": "fedcba",
}


@pytest.mark.parametrize(("order_by", "expected"), ORDERS.items(), ids=ORDERS)
async def test_order_puts_nan_then_missing_last(api: Api, corpus: str, order_by: str, expected: str) -> None:
    assert await _names(api, corpus, order_by=order_by) == expected


async def test_ties_are_ordered_by_creation_the_way_of_the_last_key(api: Api, experiment: pb.Experiment) -> None:
    same = Timestamp(seconds=START)
    ids = [(await api.create_run(experiment.experiment_id, start_time=same)).run_id for _ in range(8)]
    for order_by in ("start_time", "metrics.nope", "state DESC, params.nope"):
        listed = await api.list_runs(experiment_ids=[experiment.experiment_id], order_by=order_by)
        assert [run.run_id for run in listed.runs] == ids, order_by
    for order_by in ("", "start_time DESC", "tags.nope DESC", "state, metrics.nope DESC"):
        listed = await api.list_runs(experiment_ids=[experiment.experiment_id], order_by=order_by)
        assert [run.run_id for run in listed.runs] == ids[::-1], order_by


@pytest.mark.parametrize("order_by", ORDERS)
@pytest.mark.parametrize("page_size", [1, 4, 6])
async def test_pages_join_to_the_whole_list(api: Api, corpus: str, order_by: str, page_size: int) -> None:
    seen, token, pages = "", "", 0
    while True:
        page = await api.list_runs(experiment_ids=[corpus], order_by=order_by, page_size=page_size, page_token=token)
        seen, token, pages = seen + "".join(run.name for run in page.runs), page.next_page_token, pages + 1
        assert page.runs
        if not token:
            break
    assert seen == ORDERS[order_by]
    assert pages == math.ceil(6 / page_size)


async def test_filter_and_pages_work_together(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {"experiment_ids": [corpus], "filter": "metrics.loss IS NOT NULL", "order_by": "name"}
    first = await api.list_runs(**query, page_size=2)
    second = await api.list_runs(**query, page_size=2, page_token=first.next_page_token)
    third = await api.list_runs(**query, page_size=2, page_token=second.next_page_token)
    assert ["".join(run.name for run in page.runs) for page in (first, second, third)] == ["ab", "ce", "f"]
    assert not third.next_page_token


async def test_pages_are_stable_while_runs_are_created_and_deleted(api: Api, experiment: pb.Experiment) -> None:
    runs = [
        await api.create_run(experiment.experiment_id, start_time=Timestamp(seconds=START + n), name=str(n))
        for n in range(9)
    ]
    query: dict[str, Any] = {"experiment_ids": [experiment.experiment_id], "page_size": 3}
    first = await api.list_runs(**query)
    await api.create_run(experiment.experiment_id, start_time=Timestamp(seconds=START + 99), name="new")
    await api.delete_run(first.runs[-1].run_id)
    await api.delete_run(runs[1].run_id)
    second = await api.list_runs(**query, page_token=first.next_page_token)
    third = await api.list_runs(**query, page_token=second.next_page_token)
    pages = [[run.name for run in page.runs] for page in (first, second, third)]
    assert pages == [["8", "7", "6"], ["5", "4", "3"], ["2", "0"]]


async def test_deep_pages_reach_every_run_once(api: Api, experiment: pb.Experiment) -> None:
    for n in range(60):
        await api.create_run(experiment.experiment_id, tags={"n": f"{n % 7}"})
    seen: list[str] = []
    token = ""
    while True:
        page = await api.list_runs(
            experiment_ids=[experiment.experiment_id], order_by="tags.n DESC, name", page_size=7, page_token=token
        )
        seen += [run.run_id for run in page.runs]
        if not (token := page.next_page_token):
            break
    assert len(seen) == len(set(seen)) == 60


async def test_token_of_another_query_is_refused(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {"experiment_ids": [corpus], "filter": "name != 'x'", "order_by": "name"}
    token = (await api.list_runs(**query, page_size=1)).next_page_token
    others: list[dict[str, Any]] = [
        {"filter": "name != 'y'"},
        {"order_by": "name DESC"},
        {"experiment_ids": ["0"]},
        {"view": pb.VIEW_ALL},
        {"filter": ""},
    ]
    for other in others:
        with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN") as refusal:
            await api.list_runs(**(query | other), page_token=token)
        assert refusal.error.fields == ["page_token"]
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_experiments(page_token=token)


@pytest.mark.parametrize("token", ["x", "AAAAAAAA", "é", "../..", "e30=", "0" * 10_000])
async def test_garbage_token_is_refused(api: Api, corpus: str, token: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN") as refusal:
        await api.list_runs(experiment_ids=[corpus], page_token=token)
    assert refusal.error.fields == ["page_token"]


async def test_changed_token_is_refused(api: Api, corpus: str) -> None:
    token = (await api.list_runs(experiment_ids=[corpus], page_size=1)).next_page_token
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_runs(experiment_ids=[corpus], page_token=changed)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("metrics.loss <", 15),
        ("metrics.loss << 1", 14),
        ("metrics.loss < nan", 16),
        ("metrics.loss < 'x'", 16),
        ("nope = 1", 1),
        ("name = 'a' AND", None),
        ("name = 'a' name = 'b'", 12),
        ("(name = 'a'", 12),
        ("name = 'a", 8),
        ("foo.bar = 1", 1),
        ("name = 'a'; DROP TABLE x", 11),
        ("🚀 = 1", 1),
    ],
)
async def test_malformed_filter_points_at_the_character(api: Api, corpus: str, text: str, column: int | None) -> None:
    if column is None:
        # MLflow's grammar lets a trailing AND pass.
        assert await _names(api, corpus, filter=text) == "a"
        return
    with refused("INVALID_ARGUMENT", "BAD_FILTER") as refusal:
        await api.list_runs(experiment_ids=[corpus], filter=text)
    assert refusal.error.fields == ["filter"]
    assert refusal.error.metadata["column"] == str(column)
    assert refusal.error.metadata["expected"]


@pytest.mark.parametrize("order_by", ["nope", "name UP", "name,", "metrics.", "name name", "dataset.name", "("])
async def test_malformed_order_is_refused(api: Api, corpus: str, order_by: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_ORDER_BY") as refusal:
        await api.list_runs(experiment_ids=[corpus], order_by=order_by)
    assert refusal.error.fields == ["order_by"]
    assert int(refusal.error.metadata["column"]) >= 1


async def test_deeply_nested_filter_is_refused(api: Api, corpus: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_FILTER"):
        await api.list_runs(experiment_ids=[corpus], filter="NOT " * 2000 + "name = 'a'", binding=1)


async def test_filter_of_many_terms_is_answered(api: Api, corpus: str) -> None:
    text = " OR ".join(f"metrics.loss = {n}" for n in range(1, 200))
    assert await _names(api, corpus, filter=text, order_by="name", binding=1) == "af"


@pytest.mark.parametrize(
    ("field", "value"),
    [("filter", "a" * 10_001), ("order_by", "a" * 1_001), ("page_size", -1), ("page_token", "a" * 10_001)],
)
async def test_field_beyond_its_limit_is_refused(api: Api, field: str, value: Any) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.list_runs(**{field: value}, binding=1)
    assert refusal.error.fields == [field]


async def test_search_by_post_is_the_same_list(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {
        "experiment_ids": [corpus],
        "filter": "metrics.loss > 0.3",
        "order_by": "name",
        "read_mask": FieldMask(paths=["run_id", "metrics"]),
    }
    assert await api.list_runs(**query, binding=1) == await api.list_runs(**query)


async def test_list_without_experiments_covers_all(api: Api, corpus: str, run: pb.Run) -> None:
    listed = await api.list_runs(filter=f"run_id = '{run.run_id}' OR experiment_id = {corpus} AND name = 'a'")
    assert {one.experiment_id for one in listed.runs} == {corpus, run.experiment_id}


async def test_missing_experiment_has_no_runs(api: Api, corpus: str) -> None:
    assert not (await api.list_runs(experiment_ids=["9" * 17])).runs
    assert await _names(api, corpus, filter="experiment_id = 99999999999999999") == ""


async def test_listed_runs_are_whole(api: Api, corpus: str) -> None:
    listed = (await api.list_runs(experiment_ids=[corpus])).runs
    assert [str(run) for run in listed] == [str(await api.get_run(run.run_id)) for run in listed]


@pytest.mark.parametrize(
    "mask",
    [["run_id"], ["name", "params"], ["metrics", "tags"], ["inputs", "state", "start_time"], ["etag", "artifact_root"]],
)
async def test_read_mask_returns_its_fields_only(api: Api, corpus: str, mask: list[str]) -> None:
    query: dict[str, Any] = {"experiment_ids": [corpus], "order_by": "name"}
    masked = (await api.list_runs(**query, read_mask=FieldMask(paths=mask))).runs
    expected = []
    for run in (await api.list_runs(**query)).runs:
        picked = pb.Run()
        FieldMask(paths=mask).MergeMessage(run, picked)
        expected.append(picked)
    assert [str(run) for run in masked] == [str(run) for run in expected]


@pytest.mark.parametrize("path", ["nope", "run", "metrics.loss", "run.name"])
async def test_bad_read_mask_is_refused(api: Api, corpus: str, path: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_MASK") as refusal:
        await api.list_runs(experiment_ids=[corpus], read_mask=FieldMask(paths=["name", path]), binding=1)
    assert refusal.error.fields == ["read_mask"]


async def test_page_sizes_default_to_100_and_end_at_1000(api: Api, experiment: pb.Experiment) -> None:
    for n in range(101):
        await api.create_run(experiment.experiment_id, name=str(n))
    query: dict[str, Any] = {"experiment_ids": [experiment.experiment_id], "read_mask": FieldMask(paths=["name"])}
    assert len((await api.list_runs(**query)).runs) == 100
    page = await api.list_runs(**query, page_size=2_000_000_000)
    assert (len(page.runs), page.next_page_token) == (101, "")


# Experiments


async def test_experiments_are_filtered_ordered_and_paged(api: Api) -> None:
    mark = unique()
    for name, stage in (("x", "1"), ("y", "2"), ("z", "1")):
        await api.create_experiment(f"{name}-{mark}", tags={"mark": mark, "stage": stage}, description=name)
    query: dict[str, Any] = {"filter": f"tags.mark = '{mark}'"}

    async def found(**fields: Any) -> str:
        return "".join(one.description for one in (await api.list_experiments(**(query | fields))).experiments)

    assert await found() == "zyx"
    assert await found(order_by="name") == "xyz"
    assert await found(order_by="tags.stage DESC, name DESC") == "yzx"
    assert await found(filter=f"name LIKE '%{mark}' AND NOT tags.stage = '2'", order_by="name", binding=1) == "xz"
    first = await api.list_experiments(**query, page_size=2)
    second = await api.list_experiments(**query, page_size=2, page_token=first.next_page_token)
    assert [one.description for one in (*first.experiments, *second.experiments)] == ["z", "y", "x"]
    assert not second.next_page_token


async def test_experiment_read_mask_returns_its_fields_only(api: Api, experiment: pb.Experiment) -> None:
    query: dict[str, Any] = {"filter": f"experiment_id = {experiment.experiment_id}"}
    listed = await api.list_experiments(**query, read_mask=FieldMask(paths=["name", "create_time"]))
    assert list(listed.experiments) == [pb.Experiment(name=experiment.name, create_time=experiment.create_time)]


async def test_listed_experiments_are_whole(api: Api) -> None:
    created = await api.create_experiment(description="d", tags={"k": "v"})
    listed = await api.list_experiments(filter=f"name = '{created.name}'")
    assert list(listed.experiments) == [created]


@pytest.mark.parametrize("text", ["metrics.loss > 1", "params.x = 1", "state = 'RUNNING'", "name ="])
async def test_experiments_have_no_such_filter(api: Api, text: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_FILTER"):
        await api.list_experiments(filter=text)


async def test_columns_choose_params_tags_and_metrics(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {"experiment_ids": [corpus], "order_by": "name"}
    columns = ["params.depth", "params.nope", "tags.`a b.c`", "metrics.loss.min"]
    for mask in (None, FieldMask(paths=["name"]), FieldMask(paths=["name", "params", "inputs"])):
        chosen = (await api.list_runs(**query, columns=columns, read_mask=mask)).runs
        expected = []
        for run in (await api.list_runs(**query, read_mask=mask and FieldMask(paths=["params", *mask.paths]))).runs:
            for key in set(run.params) - {"depth"}:
                del run.params[key]
            expected.append(run)
        whole = (await api.list_runs(**query)).runs
        for run, all_of_it in zip(expected, whole, strict=True):
            run.ClearField("tags")
            run.tags.update({key: value for key, value in all_of_it.tags.items() if key == "a b.c"})
            run.ClearField("metrics")
            if "loss" in all_of_it.metrics:
                run.metrics["loss"].CopyFrom(all_of_it.metrics["loss"])
        assert [str(run) for run in chosen] == [str(run) for run in expected]


async def test_columns_may_be_of_one_kind_only(api: Api, corpus: str) -> None:
    listed = await api.list_runs(experiment_ids=[corpus], order_by="name", page_size=1, columns=["metrics.loss"])
    run = listed.runs[0]
    assert list(run.metrics) == ["loss"]
    assert not run.params
    assert not run.tags
    assert run.name == "a"


@pytest.mark.parametrize("column", ["name", "dataset.name", "params.", "metrics.loss = 1", ""])
async def test_column_that_is_no_param_tag_or_metric_is_refused(api: Api, corpus: str, column: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.list_runs(experiment_ids=[corpus], columns=["params.lr", column], binding=1)
    assert refusal.error.fields == ["columns[1]"]


async def test_order_by_a_metric_goes_on_through_its_filter(api: Api, corpus: str) -> None:
    query: dict[str, Any] = {
        "experiment_ids": [corpus],
        "filter": "metrics.loss > 0.5",
        "order_by": "metrics.loss DESC",
    }
    assert "".join(run.name for run in (await api.list_runs(**query)).runs) == "efa"


async def test_a_wide_run_is_listed_and_found(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id)
    keys = [f"{'ключ' * 50}/{number}" for number in range(1500)]
    await api.log_batch(
        run.run_id,
        params={key: number for number, key in enumerate(keys)},
        metrics=[points(key, [float(number)]) for number, key in enumerate(keys)],
    )
    query: dict[str, Any] = {"experiment_ids": [experiment.experiment_id]}
    text = f"metrics.`{keys[700]}` = 700 AND params.`{keys[1499]}` > 1498"
    found = (await api.list_runs(**query, filter=text, order_by=f"metrics.`{keys[3]}`")).runs[0]
    assert (len(found.params), len(found.metrics)) == (1500, 1500)
    chosen = (await api.list_runs(**query, columns=[f"metrics.`{keys[5]}`"])).runs[0]
    assert [chosen.metrics[key].last for key in chosen.metrics] == [5.0]
    listed = await api.list_run_keys(**query, kind=pb.ListRunKeysRequest.KIND_METRIC, page_size=20_000)
    assert list(listed.keys) == sorted(keys)
