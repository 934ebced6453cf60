"""Params, tags and metrics of one request: all or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import Json, param, points


async def test_batch_stores_params_tags_and_points_at_once(api: Api, run: pb.Run) -> None:
    stored = await api.log_batch(
        run.run_id,
        {"lr": 0.1, "depth": 4, "bias": True, "name": "x", "grid": Json("[1, 2]")},
        {"a": "1", "b": ""},
        [points("loss", [3.0, 2.0, 1.0]), points("acc", [0.5])],
    )
    assert stored == 4
    after = await api.get_run(run.run_id)
    assert after.params["grid"] == param(Json("[1, 2]"))
    assert (after.params["bias"], after.params["depth"]) == (param(True), param(4))
    assert dict(after.tags) == {"a": "1", "b": ""}
    assert (after.metrics["loss"].last, after.metrics["loss"].count, after.metrics["acc"].count) == (1.0, 3, 1)


async def test_empty_batch_is_accepted(api: Api, run: pb.Run) -> None:
    assert await api.log_batch(run.run_id) == 0
    assert await api.get_run(run.run_id) == run


async def test_tags_are_overwritten(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, tags={"a": "1", "b": "2"})
    await api.log_batch(run.run_id, tags={"a": "one"})
    assert dict((await api.get_run(run.run_id)).tags) == {"a": "one", "b": "2"}


@pytest.mark.parametrize("value", [1, 0.5, True, "text", Json("{}"), float("nan"), -0.0], ids=repr)
async def test_same_param_again_is_accepted(api: Api, run: pb.Run, value: Any) -> None:
    await api.log_batch(run.run_id, {"p": value})
    await api.log_batch(run.run_id, {"p": value, "q": 1})
    assert (await api.get_run(run.run_id)).params.keys() == {"p", "q"}


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        (1, 2),
        (1, 1.0),
        (1, "1"),
        (True, 1),
        ("a", "A"),
        ("a", "a "),
        (0.0, -0.0),
        (Json("[1]"), Json("[1 ]")),
        (0.1, 0.1 + 1e-17 * 2),
    ],
    ids=["value", "float", "text", "bool", "case", "space", "negative zero", "json", "last bit"],
)
async def test_other_param_conflicts(api: Api, run: pb.Run, stored: Any, given: Any) -> None:
    await api.log_batch(run.run_id, {"p": stored})
    with refused("ALREADY_EXISTS", "PARAM_CONFLICT", key="p") as refusal:
        await api.log_batch(run.run_id, {"p": given})
    assert {"stored", "given"} <= refusal.error.metadata.keys()
    assert (await api.get_run(run.run_id)).params["p"].SerializeToString() == param(stored).SerializeToString()


async def test_conflict_names_the_stored_and_the_given_value(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"optimizer": "adam"})
    with refused("ALREADY_EXISTS", "PARAM_CONFLICT", key="optimizer") as refusal:
        await api.log_batch(run.run_id, {"optimizer": "sgd"})
    assert "adam" in refusal.error.metadata["stored"]
    assert "sgd" in refusal.error.metadata["given"]
    assert "optimizer" in refusal.error.message


async def test_conflict_stores_nothing_of_the_batch(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"p": 1}, {"t": "old"}, [points("m", [1.0])])
    before = await api.get_run(run.run_id)
    with refused("ALREADY_EXISTS", "PARAM_CONFLICT"):
        await api.log_batch(
            run.run_id, {"a": 1, "p": 2, "z": 3}, {"t": "new", "u": "x"}, [points("m", [9.0]), points("n", [1.0])]
        )
    assert await api.get_run(run.run_id) == before
    assert list((await api.list_metric_history(run.run_id, "m")).points.values) == [1.0]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"params": {"": 1}}, "params"),
        ({"params": {"k" * 501: 1}}, "params"),
        ({"params": {"p": "x" * 65_536}}, "params"),
        ({"params": {"p": Json("{")}}, "params"),
        ({"tags": {"": "v"}}, "tags"),
        ({"tags": {"k" * 251: "v"}}, "tags"),
        ({"tags": {"a\x00b": "v"}}, "tags"),
        ({"tags": {"k": "v" * 65_536}}, "tags"),
        ({"metrics": [pb.MetricPoints(key="", values=[1.0])]}, "metrics"),
        ({"metrics": [pb.MetricPoints(key="k" * 501, values=[1.0])]}, "metrics"),
        ({"metrics": [pb.MetricPoints(key="m\n", values=[1.0])]}, "metrics"),
    ],
    ids=[
        "empty param key",
        "long param key",
        "long param",
        "bad json",
        "empty tag key",
        "long tag key",
        "control in tag key",
        "long tag",
        "empty metric key",
        "long metric key",
        "control in metric key",
    ],
)
async def test_bad_entry_names_its_field_and_stores_nothing(
    api: Api, run: pb.Run, bad: dict[str, Any], field: str
) -> None:
    good: dict[str, Any] = {"params": {"good": 1}, "tags": {"good": "v"}, "metrics": [points("good", [1.0])]}
    batch = {
        name: value | bad.get(name, {}) if isinstance(value, dict) else value + bad.get(name, [])
        for name, value in good.items()
    }
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.log_batch(run.run_id, **batch)
    assert refusal.error.fields[0].startswith(field)
    assert await api.get_run(run.run_id) == run


async def test_uneven_columns_store_nothing_of_the_batch(api: Api, run: pb.Run) -> None:
    uneven = pb.MetricPoints(key="m", values=[1.0, 2.0], steps=[1])
    with refused("INVALID_ARGUMENT", "UNEVEN_COLUMNS") as refusal:
        await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("good", [1.0]), uneven])
    assert refusal.error.fields[0].startswith("metrics[1]")
    assert await api.get_run(run.run_id) == run


async def test_more_than_100_000_points_are_refused(api: Api, run: pb.Run) -> None:
    metrics = [points("a", [0.0] * 50_000), points("b", [0.0] * 50_001)]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.log_batch(run.run_id, {"p": 1}, metrics=metrics)
    assert refusal.error.fields == ["metrics"]
    assert await api.get_run(run.run_id) == run


async def test_missing_run_is_named(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND") as refusal:
        await api.log_batch("missing-run", {"p": 1})
    assert "missing-run" in refusal.error.metadata.values()


async def test_5000_params_fit_one_batch(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {f"p{n}": n for n in range(5000)}, {f"t{n}": "v" for n in range(1000)})
    after = await api.get_run(run.run_id)
    assert (len(after.params), len(after.tags)) == (5000, 1000)
    assert after.params["p4999"] == param(4999)


async def test_32_concurrent_batches_on_one_run_are_all_stored(api: Api, run: pb.Run) -> None:
    await asyncio.gather(
        *(
            api.log_batch(
                run.run_id, {f"p{n}": n, "same": 1}, {f"t{n}": str(n)}, [points("m", [n], [n]), points(f"m{n}", [n])]
            )
            for n in range(32)
        )
    )
    after = await api.get_run(run.run_id)
    assert after.params.keys() == {f"p{n}" for n in range(32)} | {"same"}
    assert after.tags.keys() == {f"t{n}" for n in range(32)}
    assert (after.metrics["m"].count, after.metrics["m"].last, after.metrics["m"].max) == (32, 31.0, 31.0)
    assert sorted((await api.list_metric_history(run.run_id, "m")).points.values) == list(range(32))


async def test_concurrent_writers_of_one_param_agree_on_one_value(api: Api, run: pb.Run) -> None:
    batches = (api.log_batch(run.run_id, {"p": n}, {f"t{n}": "v"}) for n in range(16))
    outcomes = await asyncio.gather(*batches, return_exceptions=True)
    winners = [n for n, outcome in enumerate(outcomes) if outcome == 0]
    after = await api.get_run(run.run_id)
    assert [after.params["p"].int_value] == winners
    assert after.tags.keys() == {f"t{n}" for n in winners}


async def test_name_and_description_change_with_the_rest(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, tags={"t": "x"}, name="renamed", description="why")
    changed = await api.get_run(run.run_id)
    assert (changed.name, changed.description, dict(changed.tags)) == ("renamed", "why", {"t": "x"})
    assert changed.etag != run.etag
    await api.log_batch(run.run_id, description="")
    assert (await api.get_run(run.run_id)).name == "renamed"
    assert (await api.get_run(run.run_id)).description == ""


async def test_a_refused_batch_renames_nothing(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"p": 1})
    with refused("ALREADY_EXISTS", "PARAM_CONFLICT"):
        await api.log_batch(run.run_id, {"p": 2}, name="renamed")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", field="name"):
        await api.log_batch(run.run_id, name="")
    assert (await api.get_run(run.run_id)).name == run.name
