"""Errors as HTTP: the status of a code, and refusals that only HTTP knows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from google.rpc import code_pb2

from milepost import v1 as pb
from milepost_server.errors import DomainError, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted, quote

_BY_CODE = {
    code_pb2.CANCELLED: 499,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ABORTED: 409,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.UNAVAILABLE: 503,
}
_BY_REASON = {
    pb.ERROR_REASON_BAD_RANGE: 416,
    pb.ERROR_REASON_MESSAGE_TOO_LARGE: 413,
    pb.ERROR_REASON_STORAGE_FULL: 507,
}


class Refusal(Exception):
    """An error whose HTTP status or headers its code alone does not give."""

    def __init__(self, status: int, error: DomainError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


def http_status(error: DomainError) -> int:
    """The HTTP status of an error: by its code as grpc-gateway has it, but for reasons that HTTP tells apart."""
    return _BY_REASON.get(error.reason) or _BY_CODE.get(error.code, 500)


def retry_headers(error: DomainError) -> dict[str, str]:
    """`Retry-After` in whole seconds, at least one, when the error says when to try again."""
    if error.retry_after_s is None:
        return {}
    return {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}


def no_such_path(path: str) -> NotFound:
    """Nothing answers at this path."""
    return NotFound(
        f"Nothing answers at {quote(path)}. /openapi.json lists what there is.",
        reason=pb.ERROR_REASON_METHOD_NOT_FOUND,
        metadata={"path": path[:1000]},
    )


def wrong_verb(verb: str, path: str, allowed: list[str]) -> Refusal:
    """The path answers other HTTP methods."""
    error = NotFound(
        f"{quote(path)} does not answer {verb[:20]}. It answers {', '.join(allowed)}.",
        reason=pb.ERROR_REASON_METHOD_NOT_FOUND,
        metadata={"path": path[:1000], "method": verb[:20], "allowed": ",".join(allowed)},
    )
    return Refusal(405, error, {"allow": ", ".join(allowed)})


def wrong_media_type(what: str, given: str, wanted: str) -> Refusal:
    """The body is in a form that is not read here."""
    error = InvalidArgument(
        f"The {what} {quote(given)} is not accepted here. Send {wanted}.",
        reason=pb.ERROR_REASON_MALFORMED_BODY,
        metadata={"given": given[:1000], "wanted": wanted},
    )
    return Refusal(415, error)


def malformed_request(text: str) -> InvalidArgument:
    """The HTTP request contradicts itself or cannot be read."""
    return InvalidArgument(text, reason=pb.ERROR_REASON_MALFORMED_BODY)


def unexpected_body() -> InvalidArgument:
    """A body where none is read."""
    return malformed_request("This call takes no body. Send its fields in the path and the query.")


def too_large(maximum: int) -> ResourceExhausted:
    """The body is larger than the server reads."""
    return ResourceExhausted(
        f"The body is larger than {maximum} bytes. Send it in several calls.",
        reason=pb.ERROR_REASON_MESSAGE_TOO_LARGE,
        metadata={"maximumBytes": str(maximum)},
    )


def foreign(what: str, given: str, remedy: str) -> PermissionDenied:
    """The request comes from, or by the name of, somewhere else."""
    return PermissionDenied(
        f"The {what} {quote(given)} is foreign to this server. {remedy}",
        reason=pb.ERROR_REASON_FOREIGN_ORIGIN,
        metadata={"header": what, "value": given[:1000]},
    )


def too_slow(idle_s: float) -> InvalidArgument:
    """The body stopped coming."""
    return InvalidArgument(
        f"No byte of the body came for {idle_s:g} seconds. Send it again, without pauses.",
        reason=pb.ERROR_REASON_TRUNCATED_UPLOAD,
        metadata={"idleSeconds": f"{idle_s:g}"},
    )


def cut_off() -> InvalidArgument:
    """The client went away in the middle of its body."""
    return InvalidArgument(
        "The connection broke before the body was complete.", reason=pb.ERROR_REASON_TRUNCATED_UPLOAD
    )
