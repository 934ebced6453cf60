"""What a refused call looks like, alike for both transports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from google.rpc import code_pb2, error_details_pb2, status_pb2

from milepost import v1 as pb

_LEAK = re.compile(r"Traceback|sqlalchemy|sqlite3|asyncpg|\bSELECT\b.*\bFROM\b|INSERT INTO|\bUPDATE\b.*\bSET\b", re.S)
_REASONS = {name.removeprefix("ERROR_REASON_") for name, _ in pb.ErrorReason.items()}


@dataclass
class ApiError(Exception):
    """A call that failed.

    Args:
        code: A `google.rpc.Code`.
        reason: Name of an `ErrorReason` without its prefix. Empty when the gRPC library itself refused the call.
        message: Text for people.
        metadata: Variables of the message.
        violations: (field, description) of each field at fault.
        call_id: Names the call in the server's log. Empty when it was refused before a method was found.
    """

    code: int
    reason: str
    message: str
    metadata: dict[str, str] = field(default_factory=dict)
    violations: list[tuple[str, str]] = field(default_factory=list)
    call_id: str = ""

    def __str__(self) -> str:
        return f"{code_pb2.Code.Name(self.code)} {self.reason}: {self.message} {self.metadata}"

    @property
    def fields(self) -> list[str]:
        """The fields at fault."""
        return [name for name, _ in self.violations]


def api_error(status: status_pb2.Status, call_id: str) -> ApiError:
    """Reads an error; a defect of the server, a reason outside the closed set or leaked internals fail the test."""
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if not detail.Unpack(info):
            detail.Unpack(bad_request)
    assert status.code not in (code_pb2.INTERNAL, code_pb2.UNKNOWN, code_pb2.OK), f"defect of the server: {status}"
    assert info.domain == "milepost", f"no ErrorInfo of domain milepost: {status}"
    assert info.reason in _REASONS, f"unknown reason: {status}"
    assert status.message, f"an error without a text: {status}"
    assert not _LEAK.search(str(status)), f"internals leak: {status}"
    return ApiError(
        code=status.code,
        reason=info.reason,
        message=status.message,
        metadata=dict(info.metadata),
        violations=[(violation.field, violation.description) for violation in bad_request.field_violations],
        call_id=call_id,
    )


class Refusal:
    """The error that `refused` caught."""

    error: ApiError


@contextmanager
def refused(code: str, *reasons: str, **metadata: str) -> Iterator[Refusal]:
    """Expects the block to raise an `ApiError` with this code, one of these reasons and at least this metadata."""
    refusal = Refusal()
    try:
        yield refusal
    except ApiError as error:
        refusal.error = error
    else:
        raise AssertionError(f"accepted, but {code} {reasons} is promised")
    assert code_pb2.Code.Name(refusal.error.code) == code, refusal.error
    assert refusal.error.reason in reasons, refusal.error
    assert refusal.error.metadata.items() >= metadata.items(), refusal.error
