"""Streams of messages down: a line of JSON for each, or Server-Sent Events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from google.protobuf.message import Message

from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher, to_domain_error
from milepost_server.errors import DeadlineExceeded, DomainError
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.off_loop import off_loop_if_large
from milepost_server.rest.routes import Route
from milepost_server.rest.transcoder import response_writer

LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
KEEP_ALIVE_S = 15.0

# A field of this name in the request goes on behind the message whose field of this name is given.
_RESUME = "resume_token"


class StreamEndpoint:
    """One JSON message up, a stream of messages down."""

    def __init__(self, route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._reader = route.dialect.reader(route, max_body_bytes)
        self._write = response_writer(route)
        self._write_error = route.dialect.errors.write
        types = route.method.descriptor.input_type, route.method.descriptor.output_type
        self._resumes = all(_RESUME in message.fields_by_name for message in types)

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """See `Endpoint`."""
        request = await self._reader.read(exchange, segments)
        events = EVENTS in exchange.headers.get("accept", "")
        if events and self._resumes:
            # An `EventSource` that reconnects calls the address that it was made for, and says here how far it came.
            request.resume_token = exchange.headers.get("last-event-id") or request.resume_token
        if exchange.verb == "HEAD":
            await self._start(exchange, call, events=events)
            await exchange.write(b"", more=False)
            return
        await until_disconnect(exchange, self._send_all(exchange, call, request, events=events))

    async def _send_all(self, exchange: Exchange, call: Call, request: Message, *, events: bool) -> None:
        async with aclosing(messages(self._dispatcher, call, request)) as stream:
            try:
                async for message in _with_pauses(stream, KEEP_ALIVE_S) if events else stream:
                    if not exchange.started:
                        await self._start(exchange, call, events=events)
                    frame = partial(self._framed, call, message, events=events)
                    size = message.ByteSize() if message is not None else 0
                    await exchange.write(await off_loop_if_large(size, frame))
            except DomainError as error:
                if not exchange.started:
                    raise
                text = self._write_error(error)
                failed = b"event: error\ndata: %b\n\n" if events else b'{"error":%b}\n'
                await exchange.write(failed % text, more=False)
                return
        if not exchange.started:
            await self._start(exchange, call, events=events)
        await exchange.write(b"", more=False)

    def _framed(self, call: Call, message: Message | None, *, events: bool) -> bytes:
        if message is None:
            return b": keep-alive\n\n"
        text = self._encode(call, message)
        if not events:
            return b'{"result":%b}\n' % text
        token = getattr(message, _RESUME).encode() if self._resumes else b""
        return b"id: %b\ndata: %b\n\n" % (token, text) if token else b"data: %b\n\n" % text

    def _encode(self, call: Call, message: Message) -> bytes:
        try:
            return self._write(message)
        except ValueError as raised:
            raise cast("DomainError", to_domain_error(raised, call)) from raised

    @staticmethod
    async def _start(exchange: Exchange, call: Call, *, events: bool) -> None:
        exchange.answer_headers.update(call.response_metadata)
        headers = {"content-type": EVENTS if events else LINES, "cache-control": "no-store"}
        await exchange.start(200, headers)


async def messages(dispatcher: Dispatcher, call: Call, request: Message) -> AsyncGenerator[Message, None]:
    """The response messages of a call, up to its deadline. Close it when not read to the end.

    Raises:
        DomainError: As `Dispatcher.stream` does, and `DeadlineExceeded`.
    """
    async with aclosing(cast("Any", dispatcher.stream(call, request))) as stream:
        while True:
            try:
                async with asyncio.timeout_at(call.deadline):
                    message = await anext(stream, None)
            except TimeoutError:
                raise DeadlineExceeded("The deadline of the call passed before it was done. Allow more time.") from None
            if message is None:
                return
            yield message


async def _with_pauses(stream: AsyncIterator[Message], pause_s: float) -> AsyncIterator[Message | None]:
    """The messages of `stream`, and None whenever none came for `pause_s` seconds."""
    waiting: asyncio.Task[Message | None] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(_next(stream))
            done, _ = await asyncio.wait({waiting}, timeout=pause_s)
            if not done:
                yield None
                continue
            message = waiting.result()
            waiting = None
            if message is None:
                return
            yield message
    finally:
        if waiting is not None:
            await cancel(waiting)


async def _next(stream: AsyncIterator[Message]) -> Message | None:
    return await anext(stream, None)


async def until_disconnect(exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Runs `work`, and cancels it when the client goes away: a stream may otherwise never notice."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_disconnected(exchange))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        await cancel(watching)
        await cancel(working)


async def _disconnected(exchange: Exchange) -> None:
    while (await exchange.receive())["type"] != "http.disconnect":
        pass


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits for its end; what it failed with is of no interest any more."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
