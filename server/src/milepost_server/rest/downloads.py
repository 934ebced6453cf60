"""Raw bytes down, in constant memory, with ranges where the method has the option `(milepost.v1.byte_range)`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple
from urllib.parse import quote as percent_encode

from google.protobuf.message import Message

from milepost.v1 import annotations_pb2
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.errors import DomainError, OutOfRange
from milepost_server.rest.exchange import Exchange
from milepost_server.rest.ranges import Range, parse_range, same_content
from milepost_server.rest.refusals import Refusal
from milepost_server.rest.routes import Route
from milepost_server.rest.streams import messages, until_disconnect

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(;[\x20-\x7e]*)?")
UNKNOWN_TYPE = "application/octet-stream"


class _Whole(NamedTuple):
    """What the first message says of the whole content: its size in bytes, ETag (or empty), type and file name."""

    size: int
    etag: str
    content_type: str
    filename: str


class _Part(NamedTuple):
    """The bytes that an answer has: `length` from `offset`."""

    offset: int
    length: int


class DownloadEndpoint:
    """One message up (without a body of its own), raw bytes down."""

    def __init__(self, route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._body = route.response_body
        options = route.method.descriptor.GetOptions()
        self._option = options.Extensions[annotations_pb2.byte_range]
        self._ranged = options.HasExtension(annotations_pb2.byte_range)
        reserved = {self._option.offset_field: "the Range header", self._option.length_field: "the Range header"}
        self._reader = route.dialect.reader(route, max_body_bytes, reserved if self._ranged else None)

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """See `Endpoint`."""
        request = await self._reader.read(exchange, segments)
        work = self._answer_ranged if self._ranged else self._answer_plain
        await until_disconnect(exchange, work(exchange, call, request))

    async def _answer_plain(self, exchange: Exchange, call: Call, request: Message) -> None:
        async with aclosing(messages(self._dispatcher, call, request)) as stream:
            first = await anext(stream, None)
            body = getattr(first, self._body) if first is not None else None
            exchange.answer_headers.update(call.response_metadata)
            await exchange.start(200, _headers(_Whole(0, "", body.content_type if body is not None else "", "")))
            if exchange.verb != "HEAD":
                await self._copy(exchange, first, stream, None)

    async def _answer_ranged(self, exchange: Exchange, call: Call, request: Any) -> None:
        wanted = parse_range(exchange.headers.get("range")) if exchange.verb == "GET" else None
        if wanted is not None:
            wanted = await self._resolved(exchange, call, request, wanted)
        first_byte, length = (wanted.first, wanted.length) if wanted is not None else (0, 0)
        if exchange.verb == "HEAD":
            length = 1  # nothing of it is sent; what is wanted is the first message
        try:
            async with aclosing(self._open(call, request, first_byte, length)) as stream:
                first = await anext(stream, None)
                whole = self._whole(first)
                if wanted is not None and wanted.first >= whole.size:
                    raise _unsatisfiable(whole.size)
                await self._send(exchange, call, whole, wanted, first, stream)
        except OutOfRange:
            if exchange.started:
                raise
            raise _unsatisfiable((await self._probe(call, request)).size) from None

    async def _resolved(self, exchange: Exchange, call: Call, request: Any, wanted: Range) -> Range | None:
        """`wanted` from the beginning, once the size and the tag are known that it depends on. None for the whole."""
        if_range = exchange.headers.get("if-range")
        if not wanted.suffix and if_range is None:
            return wanted
        whole = await self._probe(call, request)
        if if_range is not None and not same_content(if_range, whole.etag, weak=False):
            return None
        if not wanted.suffix:
            return wanted
        if wanted.first == 0 or whole.size == 0:
            raise _unsatisfiable(whole.size)
        return Range(max(0, whole.size - wanted.first), 0)

    async def _probe(self, call: Call, request: Any) -> _Whole:
        async with aclosing(self._open(call, request, 0, 1)) as stream:
            return self._whole(await anext(stream, None))

    def _open(self, call: Call, request: Any, offset: int, length: int) -> AsyncGenerator[Message, None]:
        setattr(request, self._option.offset_field, offset)
        setattr(request, self._option.length_field, length)
        return messages(self._dispatcher, call, request)

    async def _send(
        self,
        exchange: Exchange,
        call: Call,
        whole: _Whole,
        wanted: Range | None,
        first: Any,
        stream: AsyncGenerator[Message, None],
    ) -> None:
        exchange.answer_headers.update(call.response_metadata)
        headers = _headers(whole) | {"accept-ranges": "bytes"}
        none_match = exchange.headers.get("if-none-match")
        if none_match is not None and same_content(none_match, whole.etag, weak=True):
            await exchange.start(304, {"etag": whole.etag})
            await exchange.write(b"", more=False)
            return
        part = _part(whole.size, wanted)
        headers["content-length"] = str(part.length)
        if wanted is not None:
            headers["content-range"] = f"bytes {part.offset}-{part.offset + part.length - 1}/{whole.size}"
        await exchange.start(200 if wanted is None else 206, headers)
        if exchange.verb == "HEAD":
            await exchange.write(b"", more=False)
        else:
            await self._copy(exchange, first, stream, part.length)

    async def _copy(
        self, exchange: Exchange, first: Any, stream: AsyncGenerator[Message, None], length: int | None
    ) -> None:
        """Sends the bytes. The answer is left incomplete when there are more or fewer than `length`."""
        sent = 0
        message = first
        while message is not None:
            data = getattr(message, self._body).data
            sent += len(data)
            if length is not None and sent > length:
                return
            if data:
                await exchange.write(data)
            message = await anext(stream, None)
        if length is None or sent == length:
            await exchange.write(b"", more=False)

    def _whole(self, first: Any) -> _Whole:
        if first is None:
            raise TypeError("a download must have a message, also without bytes")
        option = self._option
        etag = getattr(first, option.etag_field) if option.etag_field else ""
        return _Whole(
            size=getattr(first, option.size_field),
            etag=f'"{etag}"' if etag and etag.isascii() and etag.isprintable() else "",
            content_type=getattr(first, self._body).content_type,
            filename=getattr(first, option.filename_field) if option.filename_field else "",
        )


def _part(size: int, wanted: Range | None) -> _Part:
    if wanted is None:
        return _Part(0, size)
    rest = size - wanted.first
    return _Part(wanted.first, min(rest, wanted.length) if wanted.length else rest)


def _headers(whole: _Whole) -> dict[str, str]:
    """Headers that keep a browser from running what someone uploaded."""
    name = f"; filename*=UTF-8''{percent_encode(whole.filename, safe='')}" if whole.filename else ""
    headers = {
        "content-type": whole.content_type if _MEDIA_TYPE.fullmatch(whole.content_type) else UNKNOWN_TYPE,
        "content-disposition": f"attachment{name}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return headers | {"etag": whole.etag} if whole.etag else headers


def _unsatisfiable(size: int) -> Refusal:
    error: DomainError = OutOfRange(
        f"The range begins past the end: there are {size} bytes. Ask for bytes before that.",
        metadata={"size": str(size)},
    )
    return Refusal(416, error, {"content-range": f"bytes */{size}"})
