"""Traces that the model server sends to a collector."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from milepost import v1 as pb
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument, Unavailable
from milepost_server.serving.operations.tracing import Tracing
from milepost_server.serving.predicting import Asked
from support.otlp_collector import Collector, attributes
from support.serving_requests import ask, failing, loaded

ROWS = Payload("array", [np.zeros((5, 2))])
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.stop()


@pytest.fixture
async def tracing(collector: Collector) -> AsyncIterator[Tracing]:
    made = Tracing(collector.endpoint, share=1)
    yield made
    await made.close(10)


async def test_a_request_is_a_span_with_its_queue_and_its_model_inside(collector: Collector, tracing: Tracing) -> None:
    await ask([tracing], loaded(), ROWS, Asked("digits", interface="v2", call_id="abc"))
    await tracing.close(10)
    spans = collector.spans()
    server, queue, model = spans["predict"], spans["queue"], spans["model"]
    assert server.kind == Span.SPAN_KIND_SERVER
    assert attributes(server) == {
        "milepost.model": "digits",
        "milepost.version": 3,
        "milepost.interface": "v2",
        "milepost.transport": "grpc",
        "milepost.code": "OK",
        "milepost.call_id": "abc",
        "milepost.rows": 5,
        "milepost.batch_rows": 7,
        "milepost.queue_s": 0.003,
        "milepost.predict_s": 0.02,
    }
    for child in (queue, model):
        assert (child.trace_id, child.parent_span_id) == (server.trace_id, server.span_id)
    assert queue.end_time_unix_nano - queue.start_time_unix_nano == 3_000_000
    assert model.start_time_unix_nano == queue.end_time_unix_nano
    assert model.end_time_unix_nano == server.end_time_unix_nano


async def test_the_resource_names_the_service(collector: Collector, tracing: Tracing) -> None:
    await ask([tracing], loaded(), ROWS)
    await tracing.close(10)
    resource = collector.requests[0].resource_spans[0].resource
    assert ("service.name", "milepost-serving") in [(each.key, each.value.string_value) for each in resource.attributes]


@pytest.mark.parametrize("flags", ["01", "03"])
async def test_a_caller_that_traces_is_the_parent_whatever_the_share(collector: Collector, flags: str) -> None:
    tracing = Tracing(collector.endpoint, share=0)
    await ask([tracing], loaded(), ROWS, Asked("digits", traceparent=f"00-{TRACE}-{PARENT}-{flags}"))
    await tracing.close(10)
    span = collector.spans()["predict"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


async def test_a_caller_that_does_not_trace_is_followed(collector: Collector, tracing: Tracing) -> None:
    await ask([tracing], loaded(), ROWS, Asked("digits", traceparent=f"00-{TRACE}-{PARENT}-00"))
    await tracing.close(10)
    assert not collector.requests


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
async def test_a_malformed_context_begins_a_new_trace(collector: Collector, tracing: Tracing, traceparent: str) -> None:
    await ask([tracing], loaded(), ROWS, Asked("digits", traceparent=traceparent))
    await tracing.close(10)
    span = collector.spans()["predict"]
    assert not span.parent_span_id
    assert span.trace_id.hex() != TRACE


async def test_nothing_is_traced_that_is_not_of_the_share(collector: Collector) -> None:
    tracing = Tracing(collector.endpoint, share=0)
    await ask([tracing], loaded(), ROWS)
    await tracing.close(10)
    assert not collector.requests


async def test_only_failures_of_the_server_are_errors(collector: Collector, tracing: Tracing) -> None:
    lost = Unavailable("gone", reason=pb.ERROR_REASON_WORKER_LOST)
    with pytest.raises(Unavailable):
        await ask([tracing], loaded(answer=failing(lost)), ROWS)
    await tracing.close(10)
    span = collector.spans()["predict"]
    assert span.status == Status(code=Status.STATUS_CODE_ERROR, message="WORKER_LOST")
    assert attributes(span)["milepost.code"] == "UNAVAILABLE"


async def test_failures_of_the_caller_are_no_errors(collector: Collector, tracing: Tracing) -> None:
    wrong = InvalidArgument("wrong", reason=pb.ERROR_REASON_BAD_MODEL_INPUT)
    with pytest.raises(InvalidArgument):
        await ask([tracing], loaded(answer=failing(wrong)), ROWS)
    await tracing.close(10)
    span = collector.spans()["predict"]
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes(span)["milepost.reason"] == "BAD_MODEL_INPUT"


async def test_a_collector_that_is_away_fails_no_request_and_holds_up_no_end() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        tracing = Tracing(f"http://127.0.0.1:{taken.getsockname()[1]}", share=1)
        version = loaded()
        for _ in range(5000):  # more than are kept
            await ask([tracing], version, ROWS)
        await tracing.close(0.2)
    assert version.requests == 5000
