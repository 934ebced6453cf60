"""Calls pass the interceptors in order, and nothing but domain errors leaves."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.v1 import artifact_service_pb2
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher, Interceptor
from milepost_server.calls.handlers import HandlerTable
from milepost_server.calls.interceptors.admission import Admission
from milepost_server.errors import (
    DeadlineExceeded,
    DomainError,
    Internal,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from milepost_server.servicers.artifacts import ArtifactServicer

_SERVICE: Any = None
METHODS = HandlerTable(
    [(artifact_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"], ArtifactServicer(_SERVICE))]
)
UNARY, DOWN, UP = (METHODS[f"milepost.v1.ArtifactService/{name}Artifact{s}"] for name, s in
                   (("List", "s"), ("Download", ""), ("Upload", "")))  # fmt: skip
REQUEST = pb.ListArtifactsRequest(run_id="r")


@dataclass
class Recorder(Interceptor):
    """An interceptor that writes down what it sees, and refuses where it is told to."""

    name: str
    events: list[str]
    refuse: frozenset[str] = field(default=frozenset())

    async def begin(self, call: Call) -> None:
        self._note("begin")

    def check(self, call: Call, request: Message) -> None:
        self._note("check")

    def end(self, call: Call, error: DomainError | None) -> None:
        self._note(f"end:{type(error).__name__}" if error else "end")

    def _note(self, event: str) -> None:
        self.events.append(f"{self.name} {event}")
        if event in self.refuse:
            raise PermissionDenied("no")


def call_of(method: Any, handler: Any, **fields: Any) -> Call:
    """A call of a method that this handler answers."""
    answering = dataclasses.replace(method, handler=handler)
    return Call(answering, fields.pop("transport", "grpc"), lambda: "peer", {"x-request-id": "call-1"}, **fields)


async def answer(request: Any, call: Call) -> Message:
    return pb.ListArtifactsResponse(next_page_token=request.run_id)


async def fail(request: Any, call: Call) -> Message:
    raise ZeroDivisionError("SELECT secret FROM table")


async def requests(*messages: Message) -> AsyncIterator[Message]:
    for message in messages:
        yield message


async def test_interceptors_begin_in_order_and_end_in_the_opposite_one() -> None:
    events: list[str] = []
    dispatcher = Dispatcher([Recorder("a", events), Recorder("b", events)])
    response = (await dispatcher.unary(call_of(UNARY, answer), REQUEST)).message
    assert response == pb.ListArtifactsResponse(next_page_token="r")
    assert events == ["a begin", "b begin", "a check", "b check", "b end", "a end"]


async def test_who_did_not_begin_does_not_end() -> None:
    events: list[str] = []
    recorders = [Recorder("a", events), Recorder("b", events, frozenset({"begin"})), Recorder("c", events)]
    with pytest.raises(PermissionDenied):
        await Dispatcher(recorders).unary(call_of(UNARY, fail), REQUEST)
    assert events == ["a begin", "b begin", "a end:PermissionDenied"]


async def test_a_refused_message_does_not_reach_the_handler() -> None:
    events: list[str] = []
    with pytest.raises(PermissionDenied):
        await Dispatcher([Recorder("a", events, frozenset({"check"}))]).unary(call_of(UNARY, fail), REQUEST)
    assert events == ["a begin", "a check", "a end:PermissionDenied"]


async def test_each_message_of_a_stream_is_checked_as_it_comes() -> None:
    events: list[str] = []

    async def count(messages: AsyncIterator[Message], call: Call) -> Message:
        async for _ in messages:
            events.append("handled")
        return pb.UploadArtifactResponse()

    first = pb.UploadArtifactRequest()
    await Dispatcher([Recorder("a", events)]).unary(call_of(UP, count), requests(first, first))
    assert events == ["a begin", "a check", "handled", "a check", "handled", "a end"]


async def test_a_domain_error_leaves_as_it_is() -> None:
    raised = NotFound("gone", reason=pb.ERROR_REASON_RUN_NOT_FOUND)

    async def refuse(request: Any, call: Call) -> Message:
        raise raised

    with pytest.raises(NotFound) as caught:
        await Dispatcher([]).unary(call_of(UNARY, refuse), REQUEST)
    assert caught.value is raised


async def stream_and_fail(request: Any, call: Call) -> AsyncIterator[Message]:
    yield pb.DownloadArtifactResponse(size=1)
    raise ZeroDivisionError("SELECT secret FROM table")


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_unexpected_is_told_by_an_id_and_logged_under_it(
    streaming: bool, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []
    dispatcher = Dispatcher([Recorder("a", events)])
    messages = dispatcher.stream(call_of(DOWN, stream_and_fail), REQUEST)
    if streaming:
        assert (await anext(messages)) == pb.DownloadArtifactResponse(size=1)
    with pytest.raises(Internal) as caught:
        await (anext(messages) if streaming else dispatcher.unary(call_of(UNARY, fail), REQUEST))
    assert events[-1] == "a end:Internal"
    error_id = caught.value.metadata["errorId"]
    assert error_id in str(caught.value)
    assert "secret" not in str(caught.value)
    (record,) = caplog.records
    assert vars(record)["error_id"] == error_id
    assert vars(record)["call_id"] == "call-1"
    assert "ZeroDivisionError: SELECT secret FROM table" in caplog.text
    assert "Traceback" in caplog.text


async def test_work_past_the_deadline_is_stopped() -> None:
    stopped = asyncio.Event()

    async def work(request: Any, call: Call) -> Message:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return pb.ListArtifactsResponse()

    with pytest.raises(DeadlineExceeded):
        await Dispatcher([]).unary(call_of(UNARY, work, transport="http", deadline=time.monotonic()), REQUEST)
    assert stopped.is_set()


async def test_a_time_out_that_is_not_the_callers_is_unexpected() -> None:
    async def work(request: Any, call: Call) -> Message:
        raise TimeoutError

    with pytest.raises(Internal):
        await Dispatcher([]).unary(call_of(UNARY, work), REQUEST)


async def test_a_timeout_inside_the_handler_before_the_deadline_is_a_defect() -> None:
    async def work(request: Any, call: Call) -> Message:
        raise TimeoutError

    with pytest.raises(Internal):
        await Dispatcher([]).unary(call_of(UNARY, work, deadline=time.monotonic() + 60), REQUEST)


async def test_a_cancelled_call_ends_its_interceptors_and_stays_cancelled() -> None:
    events: list[str] = []
    begun = asyncio.Event()

    async def wait(request: Any, call: Call) -> Message:
        begun.set()
        await asyncio.Event().wait()
        return pb.ListArtifactsResponse()

    task = asyncio.create_task(Dispatcher([Recorder("a", events)]).unary(call_of(UNARY, wait), REQUEST))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events == ["a begin", "a check", "a end:Cancelled"]


async def test_a_reader_that_leaves_ends_the_handler_at_once() -> None:
    events: list[str] = []

    async def stream(request: Any, call: Call) -> AsyncIterator[Message]:
        try:
            while True:
                yield pb.DownloadArtifactResponse()
        finally:
            events.append("handler closed")

    async with aclosing(Dispatcher([Recorder("a", events)]).stream(call_of(DOWN, stream), REQUEST)) as messages:
        await anext(messages)
    assert events == ["a begin", "a check", "handler closed", "a end:Cancelled"]


async def test_calls_above_the_limit_are_refused_and_leave_their_room() -> None:
    admission = Admission(1, 1)
    dispatcher = Dispatcher([admission])

    async def nest(request: Any, call: Call) -> Message:
        assert admission.at_work == 1
        with pytest.raises(ResourceExhausted) as caught:
            await dispatcher.unary(call_of(UNARY, answer), REQUEST)
        assert caught.value.reason == pb.ERROR_REASON_TOO_MANY_REQUESTS
        return await answer(request, call)

    for _ in range(2):
        await dispatcher.unary(call_of(UNARY, nest), REQUEST)
    assert admission.at_work == 0


async def test_draining_refuses_new_calls_and_waits_for_those_at_work() -> None:
    admission = Admission(10, 10)
    dispatcher = Dispatcher([admission])
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, call: Call) -> Message:
        begun.set()
        await go_on.wait()
        return await answer(request, call)

    working = asyncio.create_task(dispatcher.unary(call_of(UNARY, wait), REQUEST))
    await begun.wait()
    assert not await admission.drain(0)
    with pytest.raises(Unavailable) as caught:
        await dispatcher.unary(call_of(UNARY, answer), REQUEST)
    assert caught.value.reason == pb.ERROR_REASON_SHUTTING_DOWN
    draining = asyncio.create_task(admission.drain(60))
    go_on.set()
    assert await draining
    assert working.done()
