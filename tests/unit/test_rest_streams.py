"""Streams of JSON messages over a real HTTP listener."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from milepost_server.rest import streams
from support.rest_servicers import MAX_BODY_BYTES, RestServer, running_rest_server

LINES = {"content-type": "application/x-ndjson"}
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RestServer]:
    async with running_rest_server() as running:
        yield running


async def test_messages_come_as_lines(server: RestServer) -> None:
    response = await server.client.get("/test/watch?count=2")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in response.text.splitlines()] == [
        {"result": {"text": "line"}},
        {"result": {"text": "line", "number": "1"}},
    ]


async def test_stream_without_messages_is_empty(server: RestServer) -> None:
    response = await server.client.get("/test/watch")
    assert (response.status_code, response.content) == (200, b"")


async def test_head_of_a_stream_does_not_begin_it(server: RestServer) -> None:
    response = await server.client.head("/test/watch?count=-1")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")


async def test_first_message_comes_before_the_second_exists(server: RestServer) -> None:
    server.kinds.ended.clear()
    async with server.client.stream("GET", "/test/watch?count=-1") as response:
        assert json.loads(await anext(response.aiter_lines())) == {"result": {"text": "first"}}
    async with asyncio.timeout(20):
        await server.kinds.ended.wait()  # the handler is cancelled when its reader goes away


async def test_error_in_the_middle_is_the_last_line(server: RestServer) -> None:
    response = await server.client.get("/test/watch?count=5&failAfter=2")
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert response.status_code == 200
    assert [list(line) for line in lines] == [["result"], ["result"], ["error"]]
    assert lines[-1]["error"]["details"][0]["reason"] == "RUN_NOT_FOUND"


async def test_error_before_the_first_message_is_the_answer(server: RestServer) -> None:
    response = await server.client.get("/test/watch?count=x")
    assert response.status_code == 400


async def test_deadline_ends_a_stream_with_an_error_line(server: RestServer) -> None:
    response = await server.client.get("/test/watch?count=-1", headers={"grpc-timeout": "50m"})
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert lines[-1]["error"]["details"][0]["reason"] == "DEADLINE_EXCEEDED"


async def test_messages_come_as_events_when_asked_for(server: RestServer) -> None:
    response = await server.client.get("/test/watch?count=5&failAfter=1", headers=EVENTS)
    assert response.headers["content-type"] == "text/event-stream"
    first, last, end = response.text.split("\n\n")
    assert (first, end) == ('data: {"text":"line"}', "")
    assert last.startswith('event: error\ndata: {"code":5,')


async def test_quiet_event_stream_is_kept_alive(server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_S", 0.01)
    async with server.client.stream("GET", "/test/watch?count=-1", headers=EVENTS) as response:
        lines = response.aiter_lines()
        assert [await anext(lines) for _ in range(4)] == ['data: {"text":"first"}', "", ": keep-alive", ""]


async def test_lines_of_a_body_become_messages(server: RestServer) -> None:
    body = b'{"text":"a"}\n\n{"number":2}\r\n{"text":"c"}'
    response = await server.client.post("/test/collect", content=body, headers=LINES)
    assert response.json() == {"items": [{"text": "a"}, {"number": "2"}, {"text": "c"}]}


async def test_lines_may_be_cut_anywhere_on_their_way(server: RestServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in b'{"text":"a"}\n{"text":"b"}\n':
            yield bytes([byte])

    response = await server.client.post("/test/collect", content=pieces(), headers=LINES)
    assert response.json() == {"items": [{"text": "a"}, {"text": "b"}]}


async def test_empty_stream_of_lines_is_a_call_without_messages(server: RestServer) -> None:
    assert (await server.client.post("/test/collect", headers=LINES)).json() == {}


async def test_bad_line_is_refused_by_its_field(server: RestServer) -> None:
    body = b'{"text":"a"}\n{"number":1.5}\n'
    response = await server.client.post("/test/collect", content=body, headers=LINES)
    assert response.status_code == 400
    assert response.json()["details"][1]["fieldViolations"][0]["field"] == "number"


async def test_line_larger_than_a_body_may_be_is_refused(server: RestServer) -> None:
    body = b'{"text":"' + b"x" * MAX_BODY_BYTES + b'"'
    response = await server.client.post("/test/collect", content=body, headers=LINES)
    assert response.status_code == 413


async def test_stream_of_lines_of_another_type_is_415(server: RestServer) -> None:
    assert (await server.client.post("/test/collect", json={})).status_code == 415
