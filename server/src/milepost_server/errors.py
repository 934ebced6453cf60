"""Refusals that a caller can act on, and their wire form.

Every layer raises `DomainError`; `calls` maps whatever leaves a handler to a `google.rpc.Status`, once, for all methods
and both transports. Reasons are the closed set of `milepost.v1.ErrorReason`.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from milepost import v1 as pb

DOMAIN = "milepost"
MAX_QUOTED = 100


def quote(value: object) -> str:
    """`value` for use in a message: its `repr`, cut where it would flood the reader."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}... ({len(text)} characters)"


@dataclass(frozen=True)
class FieldViolation:
    """One field of the request that breaks a rule.

    Args:
        field: Path of the field in the request message, in proto spelling, such as `metrics[3].key`.
        description: What is wrong and what to do, without a final full stop.
    """

    field: str
    description: str


class DomainError(Exception):
    """A refusal the caller can act on.

    Args:
        message: What is wrong and what to do. For people; it may change.
        metadata: Every variable of the message, under a lowerCamelCase key. Stable.
        violations: The fields at fault, if any.
        retry_after_s: When to try again, in seconds. None when trying again does not help or any time will do.
    """

    code: int = code_pb2.INTERNAL
    reason: pb.ErrorReason.ValueType = pb.ERROR_REASON_INTERNAL

    def __init__(
        self,
        message: str,
        *,
        reason: pb.ErrorReason.ValueType | None = None,
        metadata: dict[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason
        self.metadata = metadata or {}
        self.violations = violations
        self.retry_after_s = retry_after_s


class InvalidArgument(DomainError):
    """The request itself is wrong; repeating it will not help."""

    code, reason = code_pb2.INVALID_ARGUMENT, pb.ERROR_REASON_INVALID_FIELD


class NotFound(DomainError):
    """What the request names does not exist."""

    code = code_pb2.NOT_FOUND


class AlreadyExists(DomainError):
    """What the request would create is there."""

    code = code_pb2.ALREADY_EXISTS


class FailedPrecondition(DomainError):
    """The state of the resource forbids the request until something else is done."""

    code = code_pb2.FAILED_PRECONDITION


class OutOfRange(DomainError):
    """The request reaches past the end of the resource."""

    code, reason = code_pb2.OUT_OF_RANGE, pb.ERROR_REASON_BAD_RANGE


class Aborted(DomainError):
    """A concurrent request won; reading again and repeating may help."""

    code, reason = code_pb2.ABORTED, pb.ERROR_REASON_CONFLICT


class PermissionDenied(DomainError):
    """The caller may not do this."""

    code, reason = code_pb2.PERMISSION_DENIED, pb.ERROR_REASON_PERMISSION_DENIED


class ResourceExhausted(DomainError):
    """A limit was reached."""

    code = code_pb2.RESOURCE_EXHAUSTED


class Unavailable(DomainError):
    """The server, or something it needs, does not answer now; repeating later may help."""

    code = code_pb2.UNAVAILABLE


class Unimplemented(DomainError):
    """An interface that Milepost has for others' clients has this, and Milepost does not."""

    code, reason = code_pb2.UNIMPLEMENTED, pb.ERROR_REASON_NOT_IMPLEMENTED


class DeadlineExceeded(DomainError):
    """The caller's deadline passed."""

    code, reason = code_pb2.DEADLINE_EXCEEDED, pb.ERROR_REASON_DEADLINE_EXCEEDED


class ModelFailed(DomainError):
    """A served model raised an error. The caller learns its kind and an id, the log the rest.

    Args:
        kind: Name of the class of the error.
        error_id: Under which the log has its message and traceback.
    """

    code, reason = code_pb2.UNKNOWN, pb.ERROR_REASON_MODEL_FAILED

    def __init__(self, kind: str, error_id: str) -> None:
        super().__init__(
            f"The model failed with {kind}. The server's log has the details under error id {error_id}.",
            metadata={"errorKind": kind, "errorId": error_id},
        )


class Cancelled(DomainError):
    """The caller went away. Nobody is told; it is for logs and counts."""

    code, reason = code_pb2.CANCELLED, pb.ERROR_REASON_UNSPECIFIED


class DataLoss(DomainError):
    """Stored data is damaged."""

    code = code_pb2.DATA_LOSS


class Internal(DomainError):
    """A defect of the server. The caller learns an id, the log the rest."""

    def __init__(self, error_id: str) -> None:
        super().__init__(
            f"The server failed in an unexpected way. Its log has the details under error id {error_id}.",
            metadata={"errorId": error_id},
        )


def invalid_field(
    field: str, description: str, *, reason: pb.ErrorReason.ValueType = pb.ERROR_REASON_INVALID_FIELD, **metadata: str
) -> InvalidArgument:
    """The error for one bad field; `description` says what is wrong and what to do, without a final full stop."""
    return InvalidArgument(
        f"{field}: {description}.",
        reason=reason,
        metadata={"field": field, **metadata},
        violations=(FieldViolation(field, description),),
    )


def required_field(field: str) -> InvalidArgument:
    """The error for a field that must be set, where the proto cannot say so."""
    return invalid_field(field, "is required; set it", reason=pb.ERROR_REASON_REQUIRED_FIELD)


def reason_name(reason: pb.ErrorReason.ValueType) -> str:
    """The wire name of a reason, such as `RUN_NOT_FOUND`."""
    return pb.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


def to_status(error: DomainError) -> status_pb2.Status:
    """The wire form of `error`: sent as trailing metadata over gRPC, as the JSON body over HTTP."""
    details: list[any_pb2.Any] = []
    info = error_details_pb2.ErrorInfo(reason=reason_name(error.reason), domain=DOMAIN, metadata=error.metadata)
    messages = [info]
    if error.violations:
        messages.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                    for v in error.violations
                ]
            )
        )
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMicroseconds(int(error.retry_after_s * 1e6))
        messages.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for message in messages:
        packed = any_pb2.Any()
        packed.Pack(message)
        details.append(packed)
    return status_pb2.Status(code=error.code, message=str(error), details=details)
