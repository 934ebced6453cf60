"""Logged models: their life, and what is logged to them."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError, refused
from support.model_files import ready_model
from support.values import PAYLOAD_NAN, bits, param, unique


def model_id() -> str:
    """An id that a client may choose."""
    return f"m-{uuid.uuid4().hex}"


def measured(key: str, value: float, **fields: Any) -> pb.ModelMetric:
    """A metric of a model."""
    return pb.ModelMetric(key=key, value=value, **fields)


@pytest.fixture
async def model(api: Api, run: pb.Run) -> pb.LoggedModel:
    """A pending model."""
    return await api.create_logged_model(run.run_id)


async def test_new_model_is_pending_and_says_where_its_files_go(api: Api, run: pb.Run) -> None:
    made = await api.create_logged_model(
        run.run_id,
        "cat/détecteur",
        params={"depth": 3, "note": "é"},
        tags={"team": "vision"},
        model_type="classifier",
        flavors=["sklearn", "python_function"],
        signature_json='{"inputs": []}',
        status=pb.LoggedModel.STATUS_READY,
        sha256="ab" * 32,
    )
    assert re.fullmatch("m-[0-9a-f]{32}", made.model_id)
    assert made.path == f"models/{made.model_id}"
    assert (made.status, made.sha256, made.size) == (pb.LoggedModel.STATUS_PENDING, "", 0)
    assert (made.run_id, made.experiment_id, made.name) == (run.run_id, run.experiment_id, "cat/détecteur")
    assert (made.model_type, list(made.flavors)) == ("classifier", ["sklearn", "python_function"])
    assert made.signature_json == '{"inputs": []}'
    assert (dict(made.params), dict(made.tags)) == ({"depth": param(3), "note": param("é")}, {"team": "vision"})
    assert made.create_time == made.update_time
    assert await api.get_logged_model(made.model_id) == made


async def test_id_may_be_chosen_once(api: Api, run: pb.Run) -> None:
    chosen = model_id()
    assert (await api.create_logged_model(run.run_id, model_id=chosen)).model_id == chosen
    await api.delete_logged_model(chosen)
    with refused("ALREADY_EXISTS", "LOGGED_MODEL_EXISTS", modelId=chosen):
        await api.create_logged_model(run.run_id, model_id=chosen)


async def test_one_of_twenty_calls_gets_an_id(api: Api, run: pb.Run) -> None:
    chosen = model_id()
    calls = [api.create_logged_model(run.run_id, f"name-{n}", model_id=chosen) for n in range(20)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, pb.LoggedModel)]
    assert len(made) == 1
    assert await api.get_logged_model(chosen) == made[0]


async def test_repeated_request_creates_one_model(api: Api, run: pb.Run) -> None:
    request_id = unique("request")
    first = await api.create_logged_model(run.run_id, request_id=request_id)
    assert await api.create_logged_model(run.run_id, request_id=request_id) == first
    assert len((await api.list_logged_models(experiment_ids=[run.experiment_id])).logged_models) == 1


@pytest.mark.parametrize(
    "name", ["", "a:b", "../x", "a/../b", "a//b", "/a", "a/", ".", "a%2e", 'a"b', "a\\b", "a\0b", "x" * 251]
)
async def test_hostile_name_is_refused(api: Api, run: pb.Run, name: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.create_logged_model(run.run_id, name)
    assert refusal.error.fields == ["logged_model.name"]


@pytest.mark.parametrize("chosen", ["m-1", "m-" + "G" * 32, "../" + "a" * 31, "m-" + "a" * 33])
async def test_id_of_another_form_is_refused(api: Api, run: pb.Run, chosen: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_logged_model(run.run_id, model_id=chosen)
    assert refusal.error.fields == ["logged_model.model_id"]


async def test_model_needs_an_active_run(api: Api, run: pb.Run) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.create_logged_model("unknown-run")
    model = await api.create_logged_model(run.run_id)
    await api.delete_run(run.run_id)
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.create_logged_model(run.run_id)
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.update_logged_model(model.model_id, tags={"a": "b"})
    await api.delete_logged_model(model.model_id)
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.restore_logged_model(model.model_id)


async def test_unknown_model_is_not_found(api: Api) -> None:
    unknown = model_id()
    for call in (
        api.get_logged_model(unknown),
        api.update_logged_model(unknown, tags={"a": "b"}),
        api.finalize_logged_model(unknown, pb.LoggedModel.STATUS_FAILED),
        api.delete_logged_model(unknown),
        api.restore_logged_model("no id at all"),
    ):
        with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND"):
            await call


async def test_params_are_written_once(api: Api, model: pb.LoggedModel) -> None:
    await api.update_logged_model(model.model_id, params={"depth": 3})
    assert dict((await api.update_logged_model(model.model_id, params={"depth": 3})).params) == {"depth": param(3)}
    with refused("ALREADY_EXISTS", "PARAM_CONFLICT", key="depth"):
        await api.update_logged_model(model.model_id, params={"depth": 4, "new": 1}, tags={"a": "b"})
    after = await api.get_logged_model(model.model_id)
    assert (dict(after.params), dict(after.tags)) == ({"depth": param(3)}, {})


async def test_tags_change_and_go(api: Api, model: pb.LoggedModel) -> None:
    await api.update_logged_model(model.model_id, tags={"a": "1", "b": "2"})
    after = await api.update_logged_model(model.model_id, tags={"a": "é" * 500}, delete_tags=["b"])
    assert dict(after.tags) == {"a": "é" * 500}
    with refused("NOT_FOUND", "TAG_NOT_FOUND", key="b"):
        await api.update_logged_model(model.model_id, tags={"c": "3"}, delete_tags=["a", "b"])
    assert await api.get_logged_model(model.model_id) == after


async def test_metric_of_a_dataset_gives_way_only_to_one_that_is_not_earlier(api: Api, model: pb.LoggedModel) -> None:
    async def values(*metrics: pb.ModelMetric) -> dict[tuple[str, str], float]:
        after = await api.update_logged_model(model.model_id, metrics=metrics)
        return {(metric.dataset_name, metric.dataset_digest): metric.value for metric in after.metrics}

    first = [
        measured("acc", 0.5, step=2, timestamp_ms=10),
        measured("acc", 0.6, step=2, timestamp_ms=10, dataset_name="val", dataset_digest="1"),
    ]
    assert await values(*first) == {("", ""): 0.5, ("val", "1"): 0.6}
    assert (await values(measured("acc", 0.1, step=1, timestamp_ms=99)))["", ""] == 0.5
    assert (await values(measured("acc", 0.2, step=2, timestamp_ms=9)))["", ""] == 0.5
    assert (await values(measured("acc", 0.3, step=2, timestamp_ms=10)))["", ""] == 0.3
    both = [measured("acc", 0.8, step=4, timestamp_ms=1), measured("acc", 0.7, step=3, timestamp_ms=2)]
    assert await values(*both) == {("", ""): 0.8, ("val", "1"): 0.6}


async def test_metric_values_keep_their_bits(api: Api, model: pb.LoggedModel) -> None:
    values = {"nan": PAYLOAD_NAN, "zero": -0.0, "inf": float("inf"), "tiny": 5e-324}
    await api.update_logged_model(model.model_id, metrics=[measured(key, value) for key, value in values.items()])
    stored = {metric.key: metric.value for metric in (await api.get_logged_model(model.model_id)).metrics}
    # JSON has one NaN only.
    exact = bits([stored[key] for key in values])
    assert exact[1:] == bits(values.values())[1:]
    assert stored["nan"] != stored["nan"]


async def test_metric_without_a_time_has_the_servers(api: Api, model: pb.LoggedModel) -> None:
    after = await api.update_logged_model(model.model_id, metrics=[measured("acc", 1.0)])
    assert after.metrics[0].timestamp_ms == after.update_time.ToMilliseconds()


async def test_ready_model_still_takes_params_tags_and_metrics(api: Api, run: pb.Run) -> None:
    ready = await ready_model(api, run.run_id)
    after = await api.update_logged_model(
        ready.model_id, params={"p": 1}, tags={"t": "v"}, metrics=[measured("m", 1.0)]
    )
    assert (len(after.params), len(after.tags), len(after.metrics)) == (1, 1, 1)
    assert (after.status, after.sha256) == (pb.LoggedModel.STATUS_READY, ready.sha256)


async def test_deleted_model_is_seen_and_comes_back_but_cannot_change(api: Api, model: pb.LoggedModel) -> None:
    deleted = await api.delete_logged_model(model.model_id)
    assert deleted.HasField("delete_time")
    assert await api.delete_logged_model(model.model_id) == deleted
    assert await api.get_logged_model(model.model_id) == deleted
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_DELETED"):
        await api.update_logged_model(model.model_id, tags={"a": "b"})
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_DELETED"):
        await api.finalize_logged_model(model.model_id, pb.LoggedModel.STATUS_FAILED)
    restored = await api.restore_logged_model(model.model_id)
    assert not restored.HasField("delete_time")
    assert await api.restore_logged_model(model.model_id) == restored


async def test_model_is_registered_or_deleted_whoever_wins_a_race(api: Api, run: pb.Run) -> None:
    async def race(number: int) -> None:
        model, name = await ready_model(api, run.run_id, files={"a": b"a"}), unique("model")
        calls: list[Awaitable[Any]] = [
            api.create_model_version(name, create_model=True, model_id=model.model_id),
            api.delete_logged_model(model.model_id),
        ]
        outcomes = await asyncio.gather(*(calls if number % 2 else reversed(calls)), return_exceptions=True)
        reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, ApiError)]
        assert reasons in (["MODEL_IN_USE"], ["LOGGED_MODEL_DELETED"]), outcomes

    await asyncio.gather(*(race(number) for number in range(8)))


async def test_model_that_a_version_consists_of_is_not_deleted(api: Api, run: pb.Run) -> None:
    ready = await ready_model(api, run.run_id)
    version = await api.create_model_version(unique("model"), create_model=True, model_id=ready.model_id)
    with refused("FAILED_PRECONDITION", "MODEL_IN_USE", versions=f"{version.name}/{version.version}") as refusal:
        await api.delete_logged_model(ready.model_id)
    assert version.name in refusal.error.message
    await api.delete_model_version(version.name, version.version)
    assert (await api.delete_logged_model(ready.model_id)).HasField("delete_time")
