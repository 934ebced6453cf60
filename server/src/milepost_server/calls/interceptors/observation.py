"""Logs each call and counts it."""

from __future__ import annotations

import logging
import time
from functools import cache

from google.protobuf.message import Message
from google.rpc import code_pb2
from prometheus_client import CollectorRegistry, Counter, Histogram

from milepost_server.calls.call import Call
from milepost_server.errors import DomainError, reason_name

_log = logging.getLogger("milepost_server.calls")

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Worth a look by whoever runs the server; the other codes are the caller's doing.
_SERIOUS = {code_pb2.INTERNAL, code_pb2.UNKNOWN, code_pb2.DATA_LOSS, code_pb2.UNAVAILABLE}


class Observation:
    """Keeps `milepost_calls_total` and `milepost_call_seconds`, and logs calls: failed ones always, others at debug.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "milepost_calls_total", "Calls ended.", ["method", "transport", "code"], registry=registry
        )
        self._seconds = Histogram(
            "milepost_call_seconds",
            "Duration of calls in seconds.",
            ["method", "transport"],
            buckets=_BUCKETS,
            registry=registry,
        )

        # Looking a series up by its labels costs more than counting; there are few of them.
        self._series = cache(self._find_series)

    def _find_series(self, method: str, transport: str, code: str) -> tuple[Counter, Histogram]:
        return self._calls.labels(method, transport, code), self._seconds.labels(method, transport)

    async def begin(self, call: Call) -> None:
        """Nothing: the call carries its start."""

    def check(self, call: Call, request: Message) -> None:
        """Lets all messages through."""

    def end(self, call: Call, error: DomainError | None) -> None:
        """Counts and logs the call."""
        seconds = time.monotonic() - call.started
        code = code_pb2.Code.Name(error.code) if error else "OK"
        counter, histogram = self._series(call.method.name, call.transport, code)
        counter.inc()
        histogram.observe(seconds)
        level = logging.DEBUG
        if error is not None:
            level = logging.WARNING if error.code in _SERIOUS else logging.INFO
        if not _log.isEnabledFor(level):
            return
        extra = {
            "method": call.method.name,
            "transport": call.transport,
            "code": code,
            "ms": round(seconds * 1000, 2),
            "call_id": call.call_id,
            "peer": call.peer,
        }
        if error is not None:
            extra["reason"] = reason_name(error.reason)
        _log.log(level, "call", extra=extra)
