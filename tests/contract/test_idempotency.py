"""Requests that are sent again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.rest_api import RestApi
from support.values import Json, param, points, unique

TRACKING = "milepost.v1.TrackingService"
METRICS = "milepost.v1.MetricService"
IMPORTS = "milepost.v1.ImportService"


async def _experiment(api: Api) -> str:
    return (await api.create_experiment(tags={"t": "v"})).experiment_id


async def _run(api: Api) -> str:
    return (await api.create_run(tags={"t": "v"})).run_id


async def _deleted_experiment(api: Api) -> str:
    return (await api.delete_experiment(await _experiment(api))).experiment_id


async def _deleted_run(api: Api) -> str:
    return (await api.delete_run(await _run(api))).run_id


async def _nothing(api: Api) -> str:
    return ""


Case = tuple[str, Callable[[Api], Awaitable[str]], Callable[[str, str], Message]]

# Every request that has a request_id: its method, what it needs, and the request made of that and of a variant.
CASES: list[Case] = [
    (
        f"{TRACKING}/CreateExperiment",
        _nothing,
        lambda _, variant: pb.CreateExperimentRequest(experiment=pb.Experiment(name=variant)),
    ),
    (
        f"{TRACKING}/UpdateExperiment",
        _experiment,
        lambda target, variant: pb.UpdateExperimentRequest(
            experiment=pb.Experiment(experiment_id=target, description=variant)
        ),
    ),
    (
        f"{TRACKING}/UpdateExperimentTags",
        _experiment,
        lambda target, variant: pb.UpdateExperimentTagsRequest(experiment_id=target, set={"n": variant}, delete=["t"]),
    ),
    (
        f"{TRACKING}/DeleteExperiment",
        _experiment,
        lambda target, variant: pb.DeleteExperimentRequest(
            experiment_id=target if "first" in variant else f"{target}0"
        ),
    ),
    (
        f"{TRACKING}/RestoreExperiment",
        _deleted_experiment,
        lambda target, variant: pb.RestoreExperimentRequest(
            experiment_id=target if "first" in variant else f"{target}0"
        ),
    ),
    (f"{TRACKING}/CreateRun", _nothing, lambda _, variant: pb.CreateRunRequest(run=pb.Run(name=variant))),
    (
        f"{TRACKING}/UpdateRun",
        _run,
        lambda target, variant: pb.UpdateRunRequest(run=pb.Run(run_id=target, description=variant)),
    ),
    (
        f"{TRACKING}/DeleteRun",
        _run,
        lambda target, variant: pb.DeleteRunRequest(run_id=target if "first" in variant else "other"),
    ),
    (
        f"{TRACKING}/RestoreRun",
        _deleted_run,
        lambda target, variant: pb.RestoreRunRequest(run_id=target if "first" in variant else "other"),
    ),
    (
        f"{TRACKING}/LogBatch",
        _run,
        lambda target, variant: pb.LogBatchRequest(
            run_id=target, params={"p": param(variant)}, tags={"n": "v"}, metrics=[points("m", [1.0])]
        ),
    ),
    (
        f"{TRACKING}/DeleteRunTags",
        _run,
        lambda target, variant: pb.DeleteRunTagsRequest(run_id=target, keys=["t" if "first" in variant else "u"]),
    ),
    (
        f"{TRACKING}/LogInputs",
        _run,
        lambda target, variant: pb.LogInputsRequest(
            run_id=target, inputs=[pb.DatasetInput(dataset=pb.Dataset(name=variant))]
        ),
    ),
    (
        f"{METRICS}/LogMetrics",
        _run,
        lambda target, variant: pb.LogMetricsRequest(run_id=target, metrics=[points(variant, [1.0, 2.0])]),
    ),
    (
        f"{IMPORTS}/ImportRuns",
        _nothing,
        lambda _, variant: pb.ImportRunsRequest(
            runs=[
                pb.ImportedRun(
                    run=pb.Run(run_id=variant, state=pb.Run.STATE_FINISHED), metrics=[points("m", [1.0, 2.0])]
                )
            ]
        ),
    ),
]
each_case = pytest.mark.parametrize(
    ("method", "prepare", "build"), CASES, ids=[case[0].split("/")[1] for case in CASES]
)


def _with_id(request: Message, request_id: str) -> Message:
    copy = type(request)()
    copy.CopyFrom(request)
    copy.request_id = request_id  # type: ignore[attr-defined]
    return copy


@each_case
async def test_same_request_again_gets_the_first_answer(
    api: Api, method: str, prepare: Callable[..., Any], build: Callable[..., Message]
) -> None:
    request = _with_id(build(await prepare(api), unique("first")), unique("request"))
    first = await api.call(method, request)
    assert await api.call(method, request) == first


@each_case
async def test_request_id_of_another_request_is_refused(
    api: Api, method: str, prepare: Callable[..., Any], build: Callable[..., Message]
) -> None:
    target, request_id = await prepare(api), unique("request")
    await api.call(method, _with_id(build(target, unique("first")), request_id))
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED") as refusal:
        await api.call(method, _with_id(build(target, unique("second")), request_id))
    assert refusal.error.fields == ["request_id"]


@each_case
async def test_overlong_request_id_is_refused(
    api: Api, method: str, prepare: Callable[..., Any], build: Callable[..., Message]
) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.call(method, _with_id(build(await prepare(api), unique("first")), "x" * 129))
    assert refusal.error.fields == ["request_id"]


async def test_repeated_create_makes_no_twin(api: Api, experiment: pb.Experiment) -> None:
    request_id = unique("request")
    first = await api.create_run(experiment.experiment_id, request_id=request_id)
    assert await api.create_run(experiment.experiment_id, request_id=request_id) == first
    assert len((await api.list_runs(experiment_ids=[experiment.experiment_id])).runs) == 1


async def test_repeated_points_are_stored_once(api: Api, run: pb.Run) -> None:
    request_id = unique("request")
    for _ in range(3):
        assert await api.log_metrics(run.run_id, points("m", [1.0, 2.0]), request_id=request_id) == 2
    assert list((await api.list_metric_history(run.run_id, "m")).points.values) == [1.0, 2.0]


async def test_repeated_batch_is_stored_once(api: Api, run: pb.Run) -> None:
    request_id = unique("request")
    batch: dict[str, Any] = {
        "params": {f"p{n}": value for n, value in enumerate([1, 0.5, True, "x", Json("{}"), math.nan])},
        "tags": {f"t{n}": "v" for n in range(50)},
        "metrics": [points("m", [1.0, math.nan])],
    }
    for _ in range(2):
        assert await api.log_batch(run.run_id, **batch, request_id=request_id) == 2
    assert (await api.get_run(run.run_id)).metrics["m"].count == 2


async def test_order_of_map_entries_does_not_make_another_request(api: Api, run: pb.Run) -> None:
    request_id, tags = unique("request"), {f"t{n}": str(n) for n in range(20)}
    await api.log_batch(run.run_id, tags=tags, metrics=[points("m", [1.0])], request_id=request_id)
    backwards = dict(reversed(tags.items()))
    await api.log_batch(run.run_id, tags=backwards, metrics=[points("m", [1.0])], request_id=request_id)
    assert (await api.get_run(run.run_id)).metrics["m"].count == 1


async def test_repeat_answers_as_before_though_the_run_has_changed(api: Api, experiment: pb.Experiment) -> None:
    request_id = unique("request")
    first = await api.create_run(experiment.experiment_id, name="first", request_id=request_id)
    await api.update_run(pb.Run(run_id=first.run_id, name="renamed"), "name")
    await api.delete_run(first.run_id)
    assert await api.create_run(experiment.experiment_id, name="first", request_id=request_id) == first


async def test_repeated_delete_does_not_undo_a_restore(api: Api, run: pb.Run) -> None:
    request_id = unique("request")
    await api.delete_run(run.run_id, request_id)
    await api.restore_run(run.run_id)
    await api.delete_run(run.run_id, request_id)
    assert not (await api.get_run(run.run_id)).HasField("delete_time")


async def test_request_that_failed_may_be_repeated_with_its_id(api: Api, experiment: pb.Experiment) -> None:
    request_id, run_id = unique("request"), unique("later")
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.log_metrics(run_id, points("m", [1.0]), request_id=request_id)
    await api.create_run(experiment.experiment_id, run_id=run_id)
    assert await api.log_metrics(run_id, points("m", [1.0]), request_id=request_id) == 1


async def test_one_id_may_serve_different_methods(api: Api, experiment: pb.Experiment) -> None:
    request_id = unique("request")
    run = await api.create_run(experiment.experiment_id, request_id=request_id)
    assert await api.log_metrics(run.run_id, points("m", [1.0]), request_id=request_id) == 1


async def test_16_concurrent_creates_with_one_id_make_one_run(api: Api, experiment: pb.Experiment) -> None:
    request_id = unique("request")
    runs = await asyncio.gather(*(api.create_run(experiment.experiment_id, request_id=request_id) for _ in range(16)))
    assert len({run.run_id for run in runs}) == 1
    assert len((await api.list_runs(experiment_ids=[experiment.experiment_id])).runs) == 1


async def test_16_concurrent_points_with_one_id_are_stored_once(api: Api, run: pb.Run) -> None:
    request_id = unique("request")
    calls = (api.log_metrics(run.run_id, points("m", [1.0], [1], [1]), request_id=request_id) for _ in range(16))
    assert await asyncio.gather(*calls) == [1] * 16
    assert (await api.get_run(run.run_id)).metrics["m"].count == 1


async def test_idempotency_key_is_the_request_id_over_http(rest_api: RestApi) -> None:
    request = pb.CreateRunRequest(run=pb.Run(name="n"))
    headers = {"idempotency-key": unique("request")}
    method = f"{TRACKING}/CreateRun"
    first = await rest_api.call(method, request, headers=headers)
    assert await rest_api.call(method, request, headers=headers) == first
    assert await rest_api.create_run(name="n", request_id=headers["idempotency-key"]) == first.run
    request.run.name = "other"
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        await rest_api.call(method, request, headers=headers)


async def test_idempotency_key_covers_requests_without_a_body(rest_api: RestApi) -> None:
    run = await rest_api.create_run()
    headers = {"idempotency-key": unique("request")}
    request = pb.DeleteRunRequest(run_id=run.run_id)
    await rest_api.call(f"{TRACKING}/DeleteRun", request, headers=headers)
    await rest_api.restore_run(run.run_id)
    await rest_api.call(f"{TRACKING}/DeleteRun", request, headers=headers)
    assert not (await rest_api.get_run(run.run_id)).HasField("delete_time")


async def test_id_used_over_one_transport_counts_over_the_other(grpc_api: GrpcApi, rest_api: RestApi) -> None:
    request_id, name = unique("request"), unique("experiment")
    first = await grpc_api.create_experiment(name, request_id=request_id)
    assert await rest_api.create_experiment(name, request_id=request_id) == first
