"""Metrics of served models for Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from google.rpc import code_pb2
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from milepost import v1 as pb
from milepost.models.worker.payload import Payload
from milepost_server.calls.histogram import Histogram
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.predicting import Record

_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
_LABELS = ["model", "version"]
# Prometheus has seen the last numbers of a version by then, and a server that follows an alias for years stays small.
_FORGET_AFTER_S = 3600.0
_NOT_SERVED = ("", "")

_Key = tuple[str, str]

_STATES: Sequence[tuple[type[CounterMetricFamily | GaugeMetricFamily], str, str, Callable[[LoadedVersion], int]]] = (
    (GaugeMetricFamily, "requests_at_work", "Requests being answered.", lambda version: version.at_work),
    (GaugeMetricFamily, "queue_depth", "Requests that wait for a process.", lambda version: version.engine.queued),
    (GaugeMetricFamily, "workers_ready", "Processes that can answer.", lambda version: version.engine.ready_workers),
    (CounterMetricFamily, "worker_restarts", "Processes replaced.", lambda version: version.engine.restarts),
    (
        GaugeMetricFamily,
        "worker_resident_bytes",
        "Resident memory of the processes.",
        lambda version: version.engine.resident_bytes,
    ),
)


class _Served:
    """What the requests for one version came to.

    Args:
        outcomes: Number of requests by interface, transport and code.
        seconds: From when a request began to its answer.
        queued: Seconds until a process took it.
        predicting: Seconds that the process needed.
        batch_rows: Rows that it was predicted together with, its own included.
        rows: Number of rows asked.
        ended: When the last one ended, on the clock of `time.monotonic`.
    """

    __slots__ = ("batch_rows", "ended", "outcomes", "predicting", "queued", "rows", "seconds")

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str, int]] = Counter()
        self.seconds = Histogram(_SECONDS)
        self.queued = Histogram(_SECONDS)
        self.predicting = Histogram(_SECONDS)
        self.batch_rows = Histogram(_ROWS)
        self.rows = 0
        self.ended = 0.0


class ServingMetrics:
    """Counts requests, and hands the counts to Prometheus with the state of the versions. An `Observer`.

    Requests for models that are not served count under the model and version "", so that callers cannot make series.

    Args:
        registry: Where the metrics are registered.
        versions: The versions that are loaded now.
        models: The served models.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        versions: Callable[[], Iterable[LoadedVersion]],
        models: Callable[[], Sequence[pb.ServedModel]],
    ) -> None:
        self._versions = versions
        self._models = models
        self._served: dict[_Key, _Served] = {}
        registry.register(self)

    def __call__(self, record: Record) -> None:
        """Counts a request that ended."""
        version, asked, error, timing, given = record.version, record.asked, record.error, record.timing, record.given
        key = _NOT_SERVED if version is None else (version.model, str(version.number))
        served = self._served.get(key)
        if served is None:
            served = self._served[key] = _Served()
        served.outcomes[asked.interface, asked.transport, error.code if error else code_pb2.OK] += 1
        served.seconds.observe(record.seconds)
        served.ended = record.started + record.seconds
        if given is not None:
            served.rows += _rows(given)
        if timing is not None:
            served.queued.observe(timing.queued_s)
            served.predicting.observe(timing.predict_s)
            served.batch_rows.observe(timing.batch_rows)

    def collect(self) -> Iterator[Metric]:
        """The metrics for Prometheus."""
        states = _states(self._versions())
        self._forget(states.keys())
        yield from self._request_metrics()
        for family_class, name, text, number in _STATES:
            family = family_class(f"milepost_serving_{name}", text, labels=_LABELS)
            for key, loaded in states.items():
                family.add_metric(key, sum(map(number, loaded)))
            yield family
        yield from _model_metrics(self._models())

    def _request_metrics(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "milepost_serving_requests", "Requests ended.", labels=[*_LABELS, "interface", "transport", "code"]
        )
        rows = CounterMetricFamily("milepost_serving_rows", "Rows of requests that could be read.", labels=_LABELS)
        seconds = _histogram("request_seconds", "Duration of requests in seconds.")
        queued = _histogram("queue_seconds", "Seconds that predicted requests waited for a process.")
        predicting = _histogram("predict_seconds", "Seconds that a process needed for the batch of a request.")
        batch_rows = _histogram("batch_rows", "Rows of the batch that a request was predicted in.")
        for key, served in self._served.items():
            for (interface, transport, code), count in served.outcomes.items():
                requests.add_metric([*key, interface, transport, code_pb2.Code.Name(code)], count)
            rows.add_metric(key, served.rows)
            served.seconds.add_to(seconds, key)
            served.queued.add_to(queued, key)
            served.predicting.add_to(predicting, key)
            served.batch_rows.add_to(batch_rows, key)
        yield from (requests, rows, seconds, queued, predicting, batch_rows)

    def _forget(self, loaded: Iterable[_Key]) -> None:
        old = time.monotonic() - _FORGET_AFTER_S
        gone = [key for key, served in self._served.items() if served.ended < old and key not in loaded]
        for key in gone:
            del self._served[key]


def _rows(given: Payload) -> int:
    # The columns of a table are as long as one another: to count them all would cost more than all else here.
    return len(given.arrays[0]) if given.form == "frame" and given.arrays else given.rows or 0


def _model_metrics(models: Sequence[pb.ServedModel]) -> Iterator[Metric]:
    traffic = GaugeMetricFamily(
        "milepost_serving_traffic_percent", "Share of the requests that name no version.", labels=_LABELS
    )
    answers = CounterMetricFamily(
        "milepost_serving_shadow_answers",
        "Requests copied to a shadow, by how its answer compares with the live one.",
        labels=[*_LABELS, "result"],
    )
    for model in models:
        if any(one.version == model.live_version and one.state == one.STATE_READY for one in model.versions):
            traffic.add_metric([model.name, str(model.live_version)], 100 - model.canary.percent)
        if model.HasField("canary"):
            traffic.add_metric([model.name, str(model.canary.version)], model.canary.percent)
        if model.HasField("shadow"):
            for result, count in _shadow_results(model.shadow):
                answers.add_metric([model.name, str(model.shadow.version), result], count)
    yield traffic
    yield answers


def _shadow_results(shadow: pb.Shadow) -> Iterator[tuple[str, int]]:
    yield "equal", shadow.compared - shadow.different
    yield "different", shadow.different
    yield "failed", shadow.failed
    yield "skipped", shadow.skipped


def _histogram(name: str, text: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(f"milepost_serving_{name}", text, labels=_LABELS)


def _states(versions: Iterable[LoadedVersion]) -> dict[_Key, list[LoadedVersion]]:
    """The versions by their labels: one that is loaded anew is there twice for a while, and a series must not be."""
    found: dict[_Key, list[LoadedVersion]] = {}
    for version in versions:
        found.setdefault((version.model, str(version.number)), []).append(version)
    return found
