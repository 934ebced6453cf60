"""Metrics of logged models in batches of runs."""

from __future__ import annotations

import math

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.model_files import ready_model
from support.values import bits, points, unique

UNKNOWN = f"m-{'0' * 32}"


def measured(key: str, value: float, **fields: object) -> pb.ModelMetric:
    return pb.ModelMetric(key=key, value=value, **fields)  # type: ignore[arg-type]


async def test_a_batch_measures_ready_models_of_this_run_and_of_others(api: Api, run: pb.Run) -> None:
    other = await api.create_run(run.experiment_id)
    mine, theirs = await ready_model(api, run.run_id), await ready_model(api, other.run_id)
    metrics = {
        mine.model_id: [measured("acc", -0.0, step=3), measured("acc", math.inf, dataset_name="d", timestamp_ms=5)],
        theirs.model_id: [measured("acc", 0.5), measured("loss", 1.0, run_id="elsewhere")],
    }
    stored = await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("acc", [0.25])], model_metrics=metrics)
    assert stored == 1
    first, second = (await api.get_logged_model(mine.model_id)).metrics
    assert (bits([first.value]), first.step, first.run_id) == (bits([-0.0]), 3, "")
    assert first.timestamp_ms > 0
    assert (second.value, second.dataset_name, second.timestamp_ms) == (math.inf, "d", 5)
    assert [(one.key, one.run_id) for one in (await api.get_logged_model(theirs.model_id)).metrics] == [
        ("acc", run.run_id),
        ("loss", "elsewhere"),
    ]
    assert dict((await api.get_run(run.run_id)).tags) == {"t": "v"}


async def test_a_metric_of_an_earlier_step_does_not_replace_a_later_one(api: Api, run: pb.Run) -> None:
    model = await api.create_logged_model(run.run_id)
    for step in (2, 1):
        await api.log_batch(run.run_id, model_metrics={model.model_id: [measured("acc", float(step), step=step)]})
    (stored,) = (await api.get_logged_model(model.model_id)).metrics
    assert (stored.value, stored.step) == (2.0, 2)


@pytest.mark.parametrize("deleted", [False, True], ids=["unknown", "deleted"])
async def test_a_model_that_takes_no_metrics_keeps_the_whole_batch_out(api: Api, run: pb.Run, deleted: bool) -> None:
    model_id = UNKNOWN
    if deleted:
        model_id = (await api.create_logged_model(run.run_id)).model_id
        await api.delete_logged_model(model_id)
    expected = ("FAILED_PRECONDITION", "LOGGED_MODEL_DELETED") if deleted else ("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND")
    with refused(*expected, modelId=model_id):
        await api.log_batch(
            run.run_id, {"p": 1}, {"t": "v"}, [points("acc", [1.0])], model_metrics={model_id: [measured("acc", 1.0)]}
        )
    stored = await api.get_run(run.run_id)
    assert (len(stored.params), len(stored.tags), len(stored.metrics)) == (0, 0, 0)


async def test_a_conflict_of_params_keeps_metrics_of_models_out(api: Api, run: pb.Run) -> None:
    model = await api.create_logged_model(run.run_id)
    await api.log_batch(run.run_id, {"p": 1})
    with refused("ALREADY_EXISTS", "PARAM_CONFLICT"):
        await api.log_batch(run.run_id, {"p": 2}, model_metrics={model.model_id: [measured("acc", 1.0)]})
    assert not (await api.get_logged_model(model.model_id)).metrics


async def test_a_repeated_batch_is_stored_once(api: Api, run: pb.Run) -> None:
    model = await api.create_logged_model(run.run_id)
    request_id = unique("request")
    metrics = {model.model_id: [measured("acc", 1.0)]}
    await api.log_batch(run.run_id, metrics=[points("acc", [1.0])], request_id=request_id, model_metrics=metrics)
    first = await api.get_logged_model(model.model_id)
    await api.log_batch(run.run_id, metrics=[points("acc", [1.0])], request_id=request_id, model_metrics=metrics)
    assert await api.get_logged_model(model.model_id) == first
    assert (await api.get_run(run.run_id)).metrics["acc"].count == 1


async def test_more_metrics_than_one_request_may_have_are_refused(api: Api, run: pb.Run) -> None:
    model = await api.create_logged_model(run.run_id)
    metrics = {model.model_id: [measured("acc", 1.0)] * 6_000, UNKNOWN: [measured("acc", 1.0)] * 4_001}
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.log_batch(run.run_id, model_metrics=metrics)
    assert refusal.error.fields == ["model_metrics"]
