"""Logs each call and counts it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator

from google.rpc import code_pb2
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Interceptor
from milepost_server.calls.histogram import Histogram
from milepost_server.errors import DomainError, reason_name

_log = logging.getLogger("milepost_server.calls")

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Worth a look by whoever runs the server; the other codes are the caller's doing.
SERIOUS = {code_pb2.INTERNAL, code_pb2.UNKNOWN, code_pb2.DATA_LOSS, code_pb2.UNAVAILABLE}


class Observation(Interceptor):
    """Keeps `milepost_calls_total` and `milepost_call_seconds`, and logs calls: failed ones always, others at debug.

    The numbers are kept here and handed out when they are asked for: prometheus_client's own counters, safe for several
    threads, cost several times as much for each call, and calls end in one thread.

    Args:
        registry: Where the metrics are registered.
        logs: Whether calls of a method, by its full name, are logged here. Their own log may say more of them.
    """

    def __init__(self, registry: CollectorRegistry, logs: Callable[[str], bool] = lambda _: True) -> None:
        self._logs = logs
        self._calls: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[tuple[str, str], Histogram] = {}
        registry.register(self)

    def end(self, call: Call, error: DomainError | None) -> None:
        """Counts and logs the call."""
        seconds = time.monotonic() - call.started
        name, transport = call.method.name, call.transport
        self._calls[name, transport, error.code if error else code_pb2.OK] += 1
        durations = self._durations.get((name, transport))
        if durations is None:
            durations = self._durations[name, transport] = Histogram(_BUCKETS)
        durations.observe(seconds)
        level = _level(error)
        if _log.isEnabledFor(level) and self._logs(name):
            _log.log(level, "call", extra=_fields(call, seconds, error))

    def collect(self) -> Iterator[Metric]:
        """The metrics for Prometheus."""
        calls = CounterMetricFamily("milepost_calls", "Calls ended.", labels=["method", "transport", "code"])
        for (name, transport, code), count in self._calls.items():
            calls.add_metric([name, transport, code_pb2.Code.Name(code)], count)
        yield calls
        seconds = HistogramMetricFamily(
            "milepost_call_seconds", "Duration of calls in seconds.", labels=["method", "transport"]
        )
        for labels, durations in self._durations.items():
            durations.add_to(seconds, labels)
        yield seconds


def _level(error: DomainError | None) -> int:
    if error is None or error.code == code_pb2.CANCELLED:
        return logging.DEBUG
    return logging.WARNING if error.code in SERIOUS else logging.INFO


def _fields(call: Call, seconds: float, error: DomainError | None) -> dict[str, str | float]:
    fields: dict[str, str | float] = {
        "method": call.method.name,
        "transport": call.transport,
        "code": code_pb2.Code.Name(error.code) if error else "OK",
        "ms": round(seconds * 1000, 2),
        "call_id": call.call_id,
        "peer": call.peer,
    }
    if error is not None:
        fields["reason"] = reason_name(error.reason)
    return fields
