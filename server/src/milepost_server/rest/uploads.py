"""Streams of messages up: raw bytes, or a line of JSON for each message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message

from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.rest import refusals
from milepost_server.rest.bodies import require_media_type
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.routes import Route
from milepost_server.rest.streams import LINES
from milepost_server.rest.transcoder import answer, response_writer

# A message costs about 10 us on its way to the handler, whatever it holds; joining bytes costs less than that.
COALESCE_BYTES = 256 * 1024


class UploadEndpoint:
    """Raw bytes up, in constant memory, one JSON message down.

    The first message carries what path and query say, the content type and, in a field `size` that the caller left
    unset, the length of the whole: `Content-Length`, after what a field `offset` says is there already.
    """

    def __init__(self, route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._reader = route.dialect.reader(route, max_body_bytes)
        self._class = route.method.request_class
        self._field = route.body
        fields = self._class.DESCRIPTOR.fields_by_name
        self._has_size, self._has_offset = "size" in fields, "offset" in fields
        self._write = response_writer(route)

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """See `Endpoint`."""
        first: Any = self._class()
        self._reader.bind(exchange, first, segments)
        getattr(first, self._field).content_type = exchange.headers.get("content-type", "")
        self._set_size(exchange, first)
        response = await self._dispatcher.unary(call, self._messages(exchange, first))
        await answer(exchange, call, self._write, response)

    def _set_size(self, exchange: Exchange, first: Any) -> None:
        length = exchange.headers.get("content-length", "0" if not exchange.has_body else "")
        if not self._has_size or not (length.isascii() and length.isdigit()):
            return
        is_set = first.HasField("size") if self._class.DESCRIPTOR.fields_by_name["size"].has_presence else first.size
        if not is_set:
            first.size = int(length) + (first.offset if self._has_offset else 0)

    async def _messages(self, exchange: Exchange, first: Message) -> AsyncIterator[Message]:
        yield first
        parts: list[bytes] = []
        size = 0
        async for chunk in exchange.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size >= COALESCE_BYTES:
                yield self._part(parts)
                parts, size = [], 0
        if parts:
            yield self._part(parts)

    def _part(self, parts: list[bytes]) -> Message:
        message = self._class()
        getattr(message, self._field).data = parts[0] if len(parts) == 1 else b"".join(parts)
        return message


class LinesEndpoint:
    """Newline-delimited JSON messages up, one JSON message down. Path and query set fields of the first message."""

    def __init__(self, route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._reader = route.dialect.reader(route, max_body_bytes)
        self._max_line_bytes = max_body_bytes
        self._codec = route.dialect.codecs.of(route.method.request_class)
        self._class = route.method.request_class
        self._write = response_writer(route)

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """See `Endpoint`."""
        require_media_type(exchange, LINES)
        self._reader.bind(exchange, self._class(), segments)  # refuses a bad path or query before the call begins
        response = await self._dispatcher.unary(call, self._messages(exchange, segments))
        await answer(exchange, call, self._write, response)

    async def _messages(self, exchange: Exchange, segments: list[str]) -> AsyncIterator[Message]:
        first = True
        async for line in self._lines(exchange):
            message = self._codec.decode_bytes(line)
            if first:
                self._reader.bind(exchange, message, segments)
                first = False
            yield message

    async def _lines(self, exchange: Exchange) -> AsyncIterator[bytes]:
        pending = bytearray()
        async for chunk in exchange.chunks():
            searched = len(pending)
            pending += chunk
            while (end := pending.find(b"\n", searched)) >= 0:
                line = bytes(pending[:end])
                del pending[: end + 1]
                searched = 0
                if line.strip():
                    yield line
            if len(pending) > self._max_line_bytes:
                raise refusals.too_large(self._max_line_bytes)
        if pending.strip():
            yield bytes(pending)
