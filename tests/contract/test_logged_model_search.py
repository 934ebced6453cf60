"""Lists of logged models: filters, order, pages, masks, views."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.model_files import FILES, listed, ready_model, upload_files

# Name of each model of the corpus: its params, its tags, and its metrics as (key, dataset, value, time).
CORPUS: dict[str, tuple[dict[str, Any], dict[str, str], list[tuple[str, str, float, int]]]] = {
    "a": ({"depth": 4, "opt": "adam"}, {"team": "vision"}, [("acc", "", 0.5, 1)]),
    "b": ({"depth": 8}, {"team": "speech"}, [("acc", "val", 0.9, 1), ("acc", "test", 0.2, 5)]),
    "c": ({"opt": "sgd"}, {}, [("acc", "val", math.nan, 1), ("loss.min", "", 3.0, 1)]),
    "d": ({"depth": "8"}, {"team": ""}, [("acc", "", math.inf, 1), ("acc", "val", 0.7, 3)]),
    "e": ({}, {"team": "Vision"}, [("acc", "", -0.0, 1)]),
}
READY, FAILED = "b", "e"


@pytest.fixture(scope="module")
async def corpus(api: Api) -> AsyncIterator[pb.Run]:
    """The run of the models of `CORPUS`, made in this order; `READY` is ready and `FAILED` failed."""
    experiment_id = (await api.create_experiment()).experiment_id
    run = await api.create_run(experiment_id)
    for name, (params, tags, metrics) in CORPUS.items():
        model_type = "classifier" if name in "ab" else ""
        model = await api.create_logged_model(run.run_id, name, params=params, tags=tags, model_type=model_type)
        await api.update_logged_model(
            model.model_id,
            metrics=[
                pb.ModelMetric(key=key, dataset_name=dataset, value=value, timestamp_ms=time)
                for key, dataset, value, time in metrics
            ],
        )
        if name == READY:
            await upload_files(api, model, FILES)
            await api.finalize_logged_model(model.model_id, files=listed(FILES))
        if name == FAILED:
            await api.finalize_logged_model(model.model_id, pb.LoggedModel.STATUS_FAILED)
    yield run
    await api.delete_experiment(experiment_id)


async def names(api: Api, run: pb.Run, **fields: Any) -> str:
    """The names of the models that a list has."""
    response = await api.list_logged_models(experiment_ids=[run.experiment_id], **fields)
    return "".join(model.name for model in response.logged_models)


FILTERS = {
    "": "abcde",
    "name = 'a'": "a",
    "name IN ('a', 'c')": "ac",
    "status = 'ready'": "b",
    "status = 'READY'": "b",
    "status = 'STATUS_READY'": "b",
    "status != 'Ready'": "acde",
    "status LIKE '%ED'": "e",
    "status IN ('pending', 'failed')": "acde",
    "model_type = 'classifier'": "ab",
    "model_type IS NULL": "cde",
    "model.name LIKE '_' and attributes.status = 'pending'": "acd",
    "params.depth = 8": "b",
    "params.depth = '8'": "bd",
    "params.depth > 4": "b",
    "params.opt IS NULL": "bde",
    "tags.team ILIKE 'vision'": "ae",
    "tags.team = ''": "d",
    "NOT tags.team = 'vision'": "bcde",
    "metrics.acc > 0.6": "bd",
    "metrics.acc < 0.3": "be",
    "metrics.acc > 0.8 and metrics.acc < 0.3": "b",
    "metrics.acc > 0.6 and metrics.acc < 0.8": "bd",
    "metrics.acc = 0": "e",
    "NOT metrics.acc > 0.6": "ace",
    "metrics.acc IS NOT NULL": "abcde",
    "metrics.`loss.min` = 3": "c",
    "metrics.loss.min = 3": "c",
    "metrics.unknown IS NULL": "abcde",
    "metrics.unknown > 0": "",
    "create_time > '2020-01-01'": "abcde",
    "update_time < 1000": "",
}


@pytest.mark.parametrize("filter_", FILTERS)
async def test_filter_finds_its_models(api: Api, corpus: pb.Run, filter_: str) -> None:
    assert "".join(sorted(await names(api, corpus, filter=filter_))) == FILTERS[filter_]


ORDERS = {
    "": "edcba",
    "create_time": "abcde",
    "name DESC": "edcba",
    "status, name": "acdbe",
    # By the value measured last; NaN comes behind values.
    "metrics.acc": "ebadc",
    "metrics.acc DESC": "dabec",
    # Numbers before texts, and what is missing last.
    "params.depth": "abdce",
    "tags.team": "debac",
    "tags.unknown, name": "abcde",
}


@pytest.mark.parametrize("order_by", ORDERS)
async def test_order_holds_across_pages(api: Api, corpus: pb.Run, order_by: str) -> None:
    found, token = "", ""
    while True:
        page = await api.list_logged_models(
            experiment_ids=[corpus.experiment_id], order_by=order_by, page_size=2, page_token=token
        )
        found += "".join(model.name for model in page.logged_models)
        token = page.next_page_token
        if not token:
            break
    assert found == ORDERS[order_by]


async def test_ids_of_runs_and_models_are_found(api: Api, corpus: pb.Run) -> None:
    (model,) = (await api.list_logged_models(filter=f"run_id = '{corpus.run_id}' AND name = 'b'")).logged_models
    (again,) = (await api.list_logged_models(filter=f"model_id = '{model.model_id}'")).logged_models
    assert again == model == await _without_files(api, model.model_id)
    experiment = f"experiment_id = {corpus.experiment_id}"
    assert len((await api.list_logged_models(filter=experiment)).logged_models) == len(CORPUS)
    assert not (await api.list_logged_models(filter=f"run_id = '{corpus.run_id}x'")).logged_models


async def _without_files(api: Api, model_id: str) -> pb.LoggedModel:
    model = await api.get_logged_model(model_id)
    model.ClearField("files")
    return model


async def test_newest_ready_model_of_a_name_comes_first(api: Api, run: pb.Run) -> None:
    for _ in range(2):
        newest = await ready_model(api, run.run_id, "model/best")
    await api.create_logged_model(run.run_id, "model/best")
    await ready_model(api, run.run_id, "model")
    filter_ = f"run_id = '{run.run_id}' AND name = 'model/best' AND status = 'ready'"
    assert (await api.list_logged_models(filter=filter_, page_size=1)).logged_models[0] == newest


async def test_read_mask_leaves_the_rest_out(api: Api, corpus: pb.Run) -> None:
    mask = FieldMask(paths=["name", "metrics", "files"])
    found = await api.list_logged_models(
        experiment_ids=[corpus.experiment_id], filter="name = 'b'", read_mask=mask, page_size=1
    )
    (model,) = found.logged_models
    assert {field.name for field, _ in model.ListFields()} == {"name", "metrics"}
    assert [metric.dataset_name for metric in model.metrics] == ["test", "val"]
    with refused("INVALID_ARGUMENT", "BAD_MASK"):
        await api.list_logged_models(read_mask=FieldMask(paths=["weights"]))


async def test_view_says_whether_deleted_models_are_listed(api: Api, run: pb.Run) -> None:
    _, gone = [await api.create_logged_model(run.run_id, name) for name in ("kept", "gone")]
    await api.delete_logged_model(gone.model_id)
    assert await names(api, run) == "kept"
    assert await names(api, run, view=pb.VIEW_DELETED) == "gone"
    assert await names(api, run, view=pb.VIEW_ALL) == "gonekept"


async def test_list_by_post_is_the_list_by_get(api: Api, corpus: pb.Run) -> None:
    fields: dict[str, Any] = {"experiment_ids": [corpus.experiment_id], "filter": "metrics.acc > 0.1"}
    assert await api.list_logged_models(binding=1, **fields) == await api.list_logged_models(**fields)


@pytest.mark.parametrize(
    "filter_",
    ["status = 'done'", "metrics.acc = 'x'", "dataset.name = 'x'", "state = 'ready'", "files = 'x'", "name >"],
)
async def test_bad_filter_is_refused_with_its_place(api: Api, filter_: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_FILTER") as refusal:
        await api.list_logged_models(filter=filter_)
    assert refusal.error.fields == ["filter"]


async def test_bad_orders_and_tokens_are_refused(api: Api, corpus: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "BAD_ORDER_BY"):
        await api.list_logged_models(order_by="files")
    page = await api.list_logged_models(experiment_ids=[corpus.experiment_id], page_size=1)
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_logged_models(page_size=1, page_token=page.next_page_token)
