"""How errors look over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.rpc import status_pb2

from milepost import v1 as pb
from milepost_server.errors import DomainError, reason_name, to_status
from milepost_server.rest import refusals
from milepost_server.rest.json_codec import STANDARD_CODECS

_status_codec = STANDARD_CODECS.of(status_pb2.Status)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorForm:
    """A way to write errors.

    Args:
        status: The HTTP status of an error. A `Refusal` has its own.
        write: The body, as JSON.
        schema_name: Name of the JSON schema of bodies in the OpenAPI document.
        schema: Makes that schema.
    """

    status: Callable[[DomainError], int]
    write: Callable[[DomainError], bytes]
    schema_name: str
    schema: Callable[[], dict[str, Any]]


def _write(error: DomainError) -> bytes:
    return _status_codec.encode_bytes(to_status(error))


def _schema() -> dict[str, Any]:
    reasons = [reason_name(number) for number in pb.ErrorReason.values() if number]
    detail = {
        "type": "object",
        "description": "A `google.rpc.ErrorInfo` is always there; `BadRequest` and `RetryInfo` may be.",
        "properties": {
            "@type": {"type": "string"},
            "reason": {"enum": reasons, "description": "Of `ErrorInfo`: why, in a form that is stable."},
            "domain": {"const": "milepost", "description": "Of `ErrorInfo`."},
            "metadata": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Of `ErrorInfo`: the variables of the message.",
            },
        },
        "required": ["@type"],
    }
    return {
        "type": "object",
        "description": "Why a call failed.",
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "A `google.rpc.Code`."},
            "message": {"type": "string", "description": "What is wrong and what to do, for people."},
            "details": {"type": "array", "items": detail},
        },
        "required": ["code", "message", "details"],
    }


STATUS_ERRORS = ErrorForm(refusals.http_status, _write, status_pb2.Status.DESCRIPTOR.full_name, _schema)
"""Errors as `google.rpc.Status`."""
