"""OpenTelemetry traces of requests, sent to a collector over OTLP. Needs the extra `tracing`."""

from __future__ import annotations

import logging
import os
import random
import re
import threading
import time
from collections.abc import Iterator, Sequence

from google.rpc import code_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes

from milepost._version import __version__
from milepost_server.calls.interceptors.observation import SERIOUS
from milepost_server.errors import reason_name
from milepost_server.serving.operations.threads import ended
from milepost_server.serving.predicting import Record

_log = logging.getLogger(__name__)

# W3C Trace Context. Later versions may have more behind the flags.
_TRACEPARENT = re.compile(r"(?!ff|.{3}0{32}|.{36}0{16})[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_QUEUED, _PREDICTED, _BATCH_ROWS = "milepost.queue_s", "milepost.predict_s", "milepost.batch_rows"
_SEND_EVERY_MS = 1000
_ABANDON_S = 1.0
_SCOPE = InstrumentationScope("milepost_server.serving", __version__)
_UNSET = Status(StatusCode.UNSET)


class Tracing:
    """Makes a span of each sampled request, with a child for the queue and one for the prediction. An `Observer`.

    A request whose caller says whether it is traced is traced as the caller says; of others a share. Spans wait in
    memory, those of 2,048 requests at most, for a thread that sends them: a collector that is away costs the oldest
    spans and nothing else.

    Args:
        endpoint: Of the collector, `http://HOST:PORT`, or `https://` for TLS.
        share: Of requests without a traced caller, 0 to 1.

    More can be said by the environment that OpenTelemetry defines, such as `OTEL_EXPORTER_OTLP_HEADERS` and
    `OTEL_SERVICE_NAME`, which is `milepost-serving` else.
    """

    def __init__(self, endpoint: str, share: float) -> None:
        service = os.environ.get("OTEL_SERVICE_NAME", "milepost-serving")
        self._resource = Resource.create({SERVICE_NAME: service, SERVICE_VERSION: __version__})
        self._bound = TraceIdRatioBased(share).bound
        self._exporter = _Exporter(OTLPSpanExporter(endpoint=endpoint))
        self._processor = BatchSpanProcessor(self._exporter, schedule_delay_millis=_SEND_EVERY_MS)

    def __call__(self, record: Record) -> None:
        """Keeps the span of a request that ended."""
        parent = _parent(record.asked.traceparent) if record.asked.traceparent else None
        if parent is not None:
            if not parent.trace_flags & TraceFlags.SAMPLED:
                return
            trace_id = parent.trace_id
        else:
            trace_id = random.getrandbits(128)
            if trace_id & TraceIdRatioBased.TRACE_ID_LIMIT >= self._bound:
                return
        self._processor.on_end(self._span(record, trace_id, parent))

    async def close(self, grace_s: float) -> None:
        """Sends what is kept, for at most so many seconds, and ends the thread."""
        flushing = threading.Thread(target=self._processor.shutdown, name="tracing-shutdown", daemon=True)
        flushing.start()
        if not await ended(flushing, grace_s):
            _log.warning("the trace collector did not take all spans in time; the rest is lost")
            # Makes whatever is being sent fail.
            self._exporter.shutdown()
            await ended(flushing, _ABANDON_S)

    def _span(self, record: Record, trace_id: int, parent: SpanContext | None) -> ReadableSpan:
        end = time.time_ns()
        error = record.error
        status = _UNSET
        if error is not None and error.code in SERIOUS:
            status = Status(StatusCode.ERROR, reason_name(error.reason))
        return ReadableSpan(
            name="predict",
            context=SpanContext(trace_id, random.getrandbits(64), is_remote=False, trace_flags=_SAMPLED),
            parent=parent,
            resource=self._resource,
            instrumentation_scope=_SCOPE,
            attributes=_attributes(record),
            kind=SpanKind.SERVER,
            status=status,
            start_time=end - int(record.seconds * 1e9),
            end_time=end,
        )


class _Exporter(SpanExporter):
    """Adds the children of spans, in the thread that sends them: to make them costs as much as all else."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([part for span in spans for part in (span, *_children(span))])

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _parent(traceparent: str) -> SpanContext | None:
    """The caller's span; None when the header is malformed, which starts a new trace."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _attributes(record: Record) -> dict[str, str | int | float]:
    asked, version, timing, given, error = record.asked, record.version, record.timing, record.given, record.error
    attributes: dict[str, str | int | float] = {
        "milepost.interface": asked.interface,
        "milepost.transport": asked.transport,
        "milepost.code": code_pb2.Code.Name(error.code) if error else "OK",
        "milepost.call_id": asked.call_id,
    }
    if version is not None:
        attributes["milepost.model"] = version.model
        attributes["milepost.version"] = version.number
    if given is not None and given.rows is not None:
        attributes["milepost.rows"] = given.rows
    if timing is not None:
        attributes[_BATCH_ROWS] = timing.batch_rows
        attributes[_QUEUED] = timing.queued_s
        attributes[_PREDICTED] = timing.predict_s
    if error is not None:
        attributes["milepost.reason"] = reason_name(error.reason)
    return attributes


def _children(span: ReadableSpan) -> Iterator[ReadableSpan]:
    """Spans for the times in the queue and in the model, which end as the request does: what is left is reading it."""
    attributes = span.attributes or {}
    queued, predicted = attributes.get(_QUEUED), attributes.get(_PREDICTED)
    if not isinstance(queued, float) or not isinstance(predicted, float) or span.end_time is None:
        return
    taken = span.end_time - int(predicted * 1e9)
    yield _child(span, "queue", taken - int(queued * 1e9), taken, {})
    yield _child(span, "model", taken, span.end_time, {_BATCH_ROWS: attributes[_BATCH_ROWS]})


def _child(span: ReadableSpan, name: str, start: int, end: int, attributes: Attributes) -> ReadableSpan:
    assert span.context is not None
    return ReadableSpan(
        name=name,
        context=SpanContext(span.context.trace_id, random.getrandbits(64), is_remote=False, trace_flags=_SAMPLED),
        parent=span.context,
        resource=span.resource,
        instrumentation_scope=_SCOPE,
        attributes=attributes,
        start_time=start,
        end_time=end,
    )
