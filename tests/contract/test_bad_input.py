"""Requests around the limits, and gRPC messages that are none."""

from __future__ import annotations

from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.values import points, unique

TRACKING = "milepost.v1.TrackingService"


# Unknown fields


async def test_unknown_field_of_a_grpc_message_is_refused(grpc_api: GrpcApi) -> None:
    name = unique()
    request = pb.CreateExperimentRequest(experiment=pb.Experiment(name=name)).SerializeToString()
    for unknown in (b"\xf8\x3f\x01", b"\xfa\x3f\x01x"):
        with refused("INVALID_ARGUMENT", "UNKNOWN_FIELD") as refusal:
            await grpc_api.call_raw(f"{TRACKING}/CreateExperiment", request + unknown)
        assert "1023" in refusal.error.message
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await grpc_api.get_experiment_by_name(name)


async def test_unknown_field_of_a_nested_grpc_message_is_refused(grpc_api: GrpcApi) -> None:
    experiment = pb.Experiment.FromString(pb.Experiment(name=unique()).SerializeToString() + b"\xf8\x3f\x01")
    request = pb.CreateExperimentRequest(experiment=experiment).SerializeToString()
    with refused("INVALID_ARGUMENT", "UNKNOWN_FIELD"):
        await grpc_api.call_raw(f"{TRACKING}/CreateExperiment", request)


# Values that do not fit their field


async def test_bytes_that_are_no_message_are_refused(grpc_api: GrpcApi) -> None:
    for body in (b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x05abc", b"\x0a\x02\xff\xfe"):
        with refused("INVALID_ARGUMENT", "MALFORMED_BODY", "INVALID_FIELD"):
            await grpc_api.call_raw(f"{TRACKING}/GetRun", body)


async def test_unknown_enum_number_is_refused_over_grpc(grpc_api: GrpcApi) -> None:
    run = pb.Run(run_id=unique(), state=99)  # type: ignore[arg-type]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await grpc_api.call(f"{TRACKING}/CreateRun", pb.CreateRunRequest(run=run))
    assert refusal.error.fields == ["run.state"]
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await grpc_api.get_run(run.run_id)


async def test_unknown_grpc_method_is_unimplemented(grpc_api: GrpcApi) -> None:
    with refused("UNIMPLEMENTED", "METHOD_NOT_FOUND", ""):
        await grpc_api.call_raw(f"{TRACKING}/Nope", b"")


# Required fields


@pytest.mark.parametrize(
    ("method", "request_message", "field"),
    [
        ("CreateExperiment", pb.CreateExperimentRequest(), "experiment"),
        ("CreateExperiment", pb.CreateExperimentRequest(experiment=pb.Experiment(description="d")), "experiment.name"),
        ("GetExperiment", pb.GetExperimentRequest(), "experiment_id"),
        ("GetExperimentByName", pb.GetExperimentByNameRequest(), "name"),
        ("UpdateExperiment", pb.UpdateExperimentRequest(), "experiment"),
        ("UpdateExperimentTags", pb.UpdateExperimentTagsRequest(), "experiment_id"),
        ("DeleteExperiment", pb.DeleteExperimentRequest(), "experiment_id"),
        ("RestoreExperiment", pb.RestoreExperimentRequest(), "experiment_id"),
        ("PurgeExperiment", pb.PurgeExperimentRequest(), "experiment_id"),
        ("GetRun", pb.GetRunRequest(), "run_id"),
        ("BatchGetRuns", pb.BatchGetRunsRequest(), "run_ids"),
        ("UpdateRun", pb.UpdateRunRequest(), "run"),
        ("DeleteRun", pb.DeleteRunRequest(), "run_id"),
        ("RestoreRun", pb.RestoreRunRequest(), "run_id"),
        ("PurgeRun", pb.PurgeRunRequest(), "run_id"),
        ("LogBatch", pb.LogBatchRequest(), "run_id"),
        ("DeleteRunTags", pb.DeleteRunTagsRequest(run_id="x"), "keys"),
        ("LogInputs", pb.LogInputsRequest(run_id="x"), "inputs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_missing_required_field_is_named(
    grpc_api: GrpcApi, method: str, request_message: Any, field: str
) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await grpc_api.call(f"{TRACKING}/{method}", request_message)
    assert field in refusal.error.fields


async def test_update_without_the_id_of_its_resource_is_refused(grpc_api: GrpcApi) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await grpc_api.update_run(pb.Run(description="x"), "description")
    assert refusal.error.fields == ["run.run_id"]
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await grpc_api.update_experiment(pb.Experiment(description="x"), "description")
    assert refusal.error.fields == ["experiment.experiment_id"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "x" * 251}, "run.name"),
        ({"description": "x" * 100_001}, "run.description"),
        ({"user": "x" * 251}, "run.user"),
        ({"experiment_id": "x"}, "run.experiment_id"),
        ({"parent_run_id": "a b"}, "run.parent_run_id"),
        ({"name": "nul\x00"}, "run.name"),
        ({"description": "nul\x00"}, "run.description"),
        ({"tags": {"k": "nul\x00"}}, "run.tags"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_run_field_beyond_its_limit_is_refused_not_cut(api: Api, fields: dict[str, Any], field: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_run(**fields)
    assert refusal.error.fields[0].startswith(field)


async def test_text_of_exactly_the_limit_is_kept(api: Api, experiment: pb.Experiment) -> None:
    created = await api.create_run(experiment.experiment_id, name="🚀" * 250, description="é" * 100_000)
    read = await api.get_run(created.run_id)
    assert (read.name, read.description) == ("🚀" * 250, "é" * 100_000)


async def test_batch_of_more_than_1000_ids_is_refused(api: Api) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.batch_get_runs([str(n) for n in range(1001)])
    assert refusal.error.fields == ["run_ids"]


async def test_100_mb_message_is_refused_and_the_server_goes_on(api: Api, run: pb.Run) -> None:
    huge = pb.LogBatchRequest(run_id=run.run_id, tags={"k": "x" * 100_000_000})
    with refused("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE", ""):
        await api.call(f"{TRACKING}/LogBatch", huge)
    assert await api.get_run(run.run_id) == run
    assert await api.log_metrics(run.run_id, points("m", [1.0])) == 1
