"""Errors as MLflow writes them: which code and status of its own stands for each of ours."""

from __future__ import annotations

import re
from typing import Any

import orjson
from google.rpc import code_pb2

from milepost import v1 as pb
from milepost_server.errors import DomainError, NotFound, quote
from milepost_server.rest import refusals
from milepost_server.rest.error_form import ErrorForm

_INTERNAL = (500, "INTERNAL_ERROR")
_INVALID = (400, "INVALID_PARAMETER_VALUE")
_BY_CODE: dict[int, tuple[int, str]] = {
    code_pb2.CANCELLED: (499, "CANCELLED"),
    code_pb2.INVALID_ARGUMENT: _INVALID,
    code_pb2.DEADLINE_EXCEEDED: (504, "DEADLINE_EXCEEDED"),
    code_pb2.NOT_FOUND: (404, "RESOURCE_DOES_NOT_EXIST"),
    # Clients know the 400, and take a 409 for a race.
    code_pb2.ALREADY_EXISTS: (400, "RESOURCE_ALREADY_EXISTS"),
    code_pb2.PERMISSION_DENIED: (403, "PERMISSION_DENIED"),
    code_pb2.UNAUTHENTICATED: (401, "UNAUTHENTICATED"),
    code_pb2.RESOURCE_EXHAUSTED: (429, "RESOURCE_EXHAUSTED"),
    code_pb2.FAILED_PRECONDITION: _INVALID,
    code_pb2.ABORTED: (409, "ABORTED"),
    code_pb2.OUT_OF_RANGE: _INVALID,
    code_pb2.UNIMPLEMENTED: (501, "NOT_IMPLEMENTED"),
    code_pb2.UNAVAILABLE: (503, "TEMPORARILY_UNAVAILABLE"),
    code_pb2.DATA_LOSS: (500, "DATA_LOSS"),
}
# Clients repeat what is answered with 429 for minutes, which helps neither a body that is too large nor a full disk.
_BY_REASON: dict[int, tuple[int, str]] = {
    pb.ERROR_REASON_METHOD_NOT_FOUND: (404, "ENDPOINT_NOT_FOUND"),
    pb.ERROR_REASON_PARAM_CONFLICT: _INVALID,
    pb.ERROR_REASON_ARTIFACT_CONFLICT: _INVALID,
    pb.ERROR_REASON_BAD_RANGE: (416, "INVALID_PARAMETER_VALUE"),
    pb.ERROR_REASON_MESSAGE_TOO_LARGE: (413, "INVALID_PARAMETER_VALUE"),
    pb.ERROR_REASON_STORAGE_FULL: (507, "RESOURCE_EXHAUSTED"),
}

_INTERFACE = re.compile(r"/(?:ajax-)?api/\d\.0/(?:mlflow/)?([a-z-]+)")
# What MLflow serves and Milepost does not, by the first part of the path.
_OUT_OF_SCOPE = {
    **dict.fromkeys(("traces", "unified-traces", "get-online-trace-details", "get-trace-artifact"), "traces"),
    "assistant": "the assistant",
    "datasets": "evaluation datasets",
    "demo": "demo data",
    "endpoints": "the AI gateway",
    "gateway": "the AI gateway",
    "gateway-proxy": "the AI gateway",
    "genai": "evaluation jobs",
    "issues": "issues of traces",
    "jobs": "jobs on the server",
    "label-schemas": "labelling",
    "mcp-servers": "the registry of MCP servers",
    "prompt-optimization": "prompt optimization",
    "review-queues": "labelling",
    "roles": "users and roles in MLflow's form",
    "scorer": "scorers",
    "scorers": "scorers",
    "skills": "the registry of skills",
    "users": "users and roles in MLflow's form",
    "workspaces": "workspaces",
}


def _write(error: DomainError) -> bytes:
    return orjson.dumps({"error_code": _form(error)[1], "message": str(error)})


def _status(error: DomainError) -> int:
    return _form(error)[0]


def _form(error: DomainError) -> tuple[int, str]:
    return _BY_REASON.get(error.reason) or _BY_CODE.get(error.code, _INTERNAL)


def _schema() -> dict[str, Any]:
    codes = {code for _, code in (*_BY_CODE.values(), *_BY_REASON.values(), _INTERNAL)}
    return {
        "type": "object",
        "description": "Why a call failed, as MLflow says it.",
        "properties": {
            "error_code": {"enum": sorted(codes), "description": "Why, in a form that is stable."},
            "message": {"type": "string", "description": "What is wrong and what to do, for people."},
        },
        "required": ["error_code", "message"],
    }


def no_such_path(path: str) -> NotFound:
    """Nothing answers at this path: says so of what MLflow has there and Milepost does not."""
    match = _INTERFACE.match(path)
    missing = _OUT_OF_SCOPE.get(match[1]) if match is not None else None
    if missing is None:
        return refusals.no_such_path(path)
    return NotFound(
        f"Nothing answers at {quote(path)}: Milepost does not have {missing}. /openapi.json lists what there is.",
        reason=pb.ERROR_REASON_METHOD_NOT_FOUND,
        metadata={"path": path[:1000], "missing": missing},
    )


MLFLOW_ERRORS = ErrorForm(_status, _write, "milepost.mlflow.v1.Error", _schema)
"""Errors as an object of `error_code` and `message`."""
