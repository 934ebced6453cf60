"""Errors as the Open Inference Protocol writes them over HTTP."""

from __future__ import annotations

from typing import Any

import orjson

from milepost_server.errors import DomainError
from milepost_server.rest.error_form import ErrorForm
from milepost_server.rest.refusals import http_status


def _write(error: DomainError) -> bytes:
    return orjson.dumps({"error": str(error)})


def _schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Why a call failed, as the Open Inference Protocol says it.",
        "properties": {"error": {"type": "string", "description": "What is wrong and what to do, for people."}},
        "required": ["error"],
    }


V2_ERRORS = ErrorForm(http_status, _write, "inference.Error", _schema)
"""Errors as an object of `error`."""
