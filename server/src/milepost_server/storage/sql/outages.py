"""What callers are told when a database cannot serve them now, the same for all databases."""

from __future__ import annotations

import logging
import time

from milepost import v1 as pb
from milepost_server.errors import ResourceExhausted, Unavailable

_log = logging.getLogger(__name__)

# All calls fail alike while a database is away, and one trace tells as much as thousands.
_TRACE_EVERY_S = 10.0
_traced_at = -_TRACE_EVERY_S


def unavailable(error: BaseException) -> Unavailable:
    """The database does not answer, or not as it should. Logged, with a trace from time to time."""
    global _traced_at
    now = time.monotonic()
    trace = now - _traced_at >= _TRACE_EVERY_S
    if trace:
        _traced_at = now
    _log.warning("database unavailable", exc_info=error if trace else None, extra={"cause": repr(error)})
    return Unavailable(
        "The database does not answer. Repeat later.", reason=pb.ERROR_REASON_DATABASE_UNAVAILABLE, retry_after_s=1
    )


def busy() -> ResourceExhausted:
    """All connections to the database are taken."""
    return ResourceExhausted(
        "All connections to the database are busy. Repeat later.",
        reason=pb.ERROR_REASON_TOO_MANY_REQUESTS,
        retry_after_s=1,
    )


def disk_full() -> ResourceExhausted:
    """The database has no room to write."""
    return ResourceExhausted(
        "The disk of the database is full. Free some space and repeat; reading goes on.",
        reason=pb.ERROR_REASON_STORAGE_FULL,
        retry_after_s=10,
    )
