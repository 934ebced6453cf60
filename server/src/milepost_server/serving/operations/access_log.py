"""The access log: a line for each request, which says nothing of its data."""

from __future__ import annotations

import logging

from google.rpc import code_pb2

from milepost_server.calls.interceptors.observation import SERIOUS
from milepost_server.errors import DomainError, reason_name
from milepost_server.serving.predicting import Record

_log = logging.getLogger("milepost_server.serving.access")


class AccessLog:
    """Logs requests. An `Observer`.

    Args:
        successes: Whether requests that were answered are logged too, and not failed ones only.
    """

    def __init__(self, *, successes: bool) -> None:
        self._successes = successes

    def __call__(self, record: Record) -> None:
        """Logs a request that ended: as a warning where the server or the model is at fault."""
        error = record.error
        if error is None and not self._successes:
            return
        level = logging.WARNING if error is not None and error.code in SERIOUS else logging.INFO
        if _log.isEnabledFor(level):
            _log.log(level, "prediction", extra=_fields(record, error))


def _fields(record: Record, error: DomainError | None) -> dict[str, str | float]:
    asked, version, timing, given = record.asked, record.version, record.timing, record.given
    fields: dict[str, str | float] = {
        "interface": asked.interface,
        "transport": asked.transport,
        "code": code_pb2.Code.Name(error.code) if error else "OK",
        "ms": round(record.seconds * 1000, 2),
        "call_id": asked.call_id,
    }
    if version is not None:
        fields |= {"model": version.model, "version": version.number}
    if given is not None and given.rows is not None:
        fields["rows"] = given.rows
    if timing is not None:
        fields |= {
            "queue_ms": round(timing.queued_s * 1000, 2),
            "predict_ms": round(timing.predict_s * 1000, 2),
            "batch_rows": timing.batch_rows,
        }
    if error is not None:
        fields["reason"] = reason_name(error.reason)
    return fields
