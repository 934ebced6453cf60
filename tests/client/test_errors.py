"""Transport errors become one class each of one tree."""

from __future__ import annotations

import pickle

import grpc
import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from milepost import errors
from milepost import v1 as pb
from support.rpc_failures import RpcFailure, failure, info


def test_reason_metadata_and_call_id_are_kept() -> None:
    error = errors.from_rpc_error(failure(grpc.StatusCode.NOT_FOUND, info("RUN_NOT_FOUND", runId="x")), "c1")
    assert type(error) is errors.RunNotFound
    assert (str(error), error.reason, error.metadata, error.call_id) == ("text", "RUN_NOT_FOUND", {"runId": "x"}, "c1")


def test_violations_and_retry_advice_are_kept() -> None:
    bad = error_details_pb2.BadRequest(
        field_violations=[error_details_pb2.BadRequest.FieldViolation(field="run.name", description="too long")]
    )
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000))
    error = errors.from_rpc_error(failure(grpc.StatusCode.INVALID_ARGUMENT, info("INVALID_FIELD"), bad, retry))
    assert error.violations == [("run.name", "too long")]
    assert error.retry_after_s == 1.5


def test_an_error_without_details_has_the_class_of_its_code() -> None:
    error = errors.from_rpc_error(RpcFailure(grpc.StatusCode.UNAVAILABLE, "failed to connect"))
    assert type(error) is errors.UnavailableError
    assert (error.reason, error.violations, error.retry_after_s) == ("", [], None)


def test_details_that_cannot_be_read_do_not_hide_the_error() -> None:
    raised = RpcFailure(grpc.StatusCode.ABORTED, "lost", (("grpc-status-details-bin", b"\xff\xff"),))
    assert type(errors.from_rpc_error(raised)) is errors.AbortedError


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_code_has_a_class_of_its_own_family(code: grpc.StatusCode) -> None:
    name = type(errors.from_rpc_error(RpcFailure(code, ""))).__name__.lower()
    assert name == f"{code.name.replace('_', '').lower()}error"


def test_every_reason_with_a_class_is_a_reason_of_the_protos() -> None:
    known = {name.removeprefix("ERROR_REASON_") for name in pb.ErrorReason.keys()}  # noqa: SIM118 - no mapping
    assert set(errors._BY_REASON) <= known


def test_a_reason_under_a_foreign_code_does_not_change_the_family() -> None:
    assert errors.error_class(grpc.StatusCode.UNAVAILABLE.value[0], "RUN_NOT_FOUND") is errors.UnavailableError


@pytest.mark.parametrize(
    ("code", "reason", "retriable"),
    [
        (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", False),
        (grpc.StatusCode.ABORTED, "CONFLICT", True),
        (grpc.StatusCode.ABORTED, "ETAG_MISMATCH", False),
        (grpc.StatusCode.ABORTED, "ALIAS_MOVED", False),
        (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FILTER", False),
    ],
)
def test_only_what_passes_is_retriable(code: grpc.StatusCode, reason: str, retriable: bool) -> None:
    assert errors.from_rpc_error(failure(code, info(reason))).retriable is retriable


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.MissingPackage("sklearn", "sklearn"), "pip install 'milepost-client[sklearn]'"),
        (errors.UntrustedModel("'model.pkl' is a pickle"), "'model.pkl' is a pickle. If you trust"),
        (errors.ModelCorrupt("changed", ["a"]), "changed"),
        (errors.SchemaMismatch("no integer", "age"), "no integer"),
    ],
)
def test_errors_of_models_survive_another_process(error: errors.ModelError, message: str) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert message in str(again)
