"""Runs a method for an HTTP request: fills the request message, calls the dispatcher, writes the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from google.api import httpbody_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.calls.answers import Answer
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher, to_domain_error
from milepost_server.errors import InvalidArgument, invalid_field, quote
from milepost_server.rest import refusals
from milepost_server.rest.binding import Binder
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.json_codec import codec_for
from milepost_server.rest.routes import Route

# From here on a body is read, and a message written, in a thread: other calls would wait for more than a few
# milliseconds.
LARGE_BYTES = 256 * 1024

_TIMEOUT_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
HTTP_BODY = httpbody_pb2.HttpBody.DESCRIPTOR.full_name


class Endpoint(Protocol):
    """Answers the requests of one route."""

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """Answers one request. Whatever it raises before `exchange.started` is sent as an error by the caller."""


class RequestReader:
    """Makes the request message of a route from path, query, body and headers.

    Args:
        route: The route.
        max_body_bytes: Most bytes of a JSON body.
        reserved: Further fields that the query may not set, with what sets them.

    Raises:
        TypeError: The rule names a field that does not exist or that text cannot set.
    """

    def __init__(self, route: Route, max_body_bytes: int, reserved: dict[str, str] | None = None) -> None:
        descriptor = route.method.descriptor.input_type
        self._route = route
        self._class = route.method.request_class
        self._max_body_bytes = max_body_bytes
        taken = {variable.field: "the path" for variable in route.variables} | (reserved or {})
        if route.body:
            taken[route.body] = "the body"
        self.binder = Binder(descriptor, taken)
        for variable in route.variables:
            self.binder.check(variable.field)
        self._body_field = body_field(descriptor, route.body, route)
        self._codec = codec_for(descriptor if self._body_field is None else _message_of(self._body_field, route))
        self._has_request_id = "request_id" in descriptor.fields_by_name

    async def read(self, exchange: Exchange, segments: list[str]) -> Any:
        """The request message of a call that sends one message.

        Raises:
            DomainError: The request cannot be read.
            Refusal: Likewise, with an HTTP status of its own.
        """
        if self._route.body and "content-type" in exchange.headers:
            require_media_type(exchange, JSON)
        message = await self._from_body(exchange) if exchange.has_body else self._class()
        self.bind(exchange, message, segments)
        return message

    def bind(self, exchange: Exchange, message: Any, segments: list[str]) -> None:
        """Sets what path, query and headers give."""
        self.binder.bind_path(message, self._route.values(segments))
        query = exchange.scope["query_string"]
        if query:
            self.binder.bind_query(message, query.decode("latin-1"))
        key = exchange.headers.get("idempotency-key")
        if key and self._has_request_id:
            if message.request_id and message.request_id != key:
                raise invalid_field(
                    "request_id",
                    f"is {quote(message.request_id)}, but Idempotency-Key is {quote(key)}: send one of them",
                )
            message.request_id = key

    async def _from_body(self, exchange: Exchange) -> Any:
        data = await exchange.read_body(self._max_body_bytes)
        if not data:
            return self._class()
        if not self._route.body:
            raise refusals.unexpected_body()
        if "content-type" not in exchange.headers:
            require_media_type(exchange, JSON)  # which refuses
        name = self._body_field.name if self._body_field is not None else ""
        if len(data) < LARGE_BYTES:
            decoded = self._codec.decode_bytes(data, name)
        else:
            decoded = await asyncio.to_thread(self._codec.decode_bytes, data, name)
        if not name:
            return decoded
        message = self._class()
        getattr(message, name).CopyFrom(decoded)
        return message


class UnaryEndpoint:
    """One message up, one down, both JSON."""

    def __init__(self, route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._reader = RequestReader(route, max_body_bytes)
        self.write = response_writer(route)

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """See `Endpoint`."""
        request = await self._reader.read(exchange, segments)
        response = await self._dispatcher.unary(call, request)
        await answer(exchange, call, self.write, response)


async def off_loop_if_large(message: Message, write: Callable[[], bytes]) -> bytes:
    """What `write` makes of a message, in a thread when the message is large."""
    return await asyncio.to_thread(write) if message.ByteSize() > LARGE_BYTES else write()


async def answer(exchange: Exchange, call: Call, write: Callable[[Any], bytes], response: Answer) -> None:
    """Sends the response message of a call as JSON."""
    exchange.answer_headers.update(call.response_metadata)
    try:
        body = await off_loop_if_large(response.message, partial(response.written, write))
    except ValueError as raised:  # what has no JSON form is stored data gone wrong, not the caller's fault
        error = to_domain_error(raised, call)
        assert error is not None
        raise error from raised
    await exchange.respond(200, JSON, body)


def response_writer(route: Route) -> Callable[[Any], bytes]:
    """Writes a response message, or its field that is the body, as JSON."""
    descriptor = route.method.descriptor.output_type
    if not route.response_body:
        return codec_for(descriptor).encode_bytes
    field = body_field(descriptor, route.response_body, route)
    assert field is not None
    encode, name = codec_for(_message_of(field, route)).encode_bytes, field.name
    return lambda message: encode(getattr(message, name))


def body_field(descriptor: Descriptor, name: str, route: Route) -> FieldDescriptor | None:
    """The field that a rule names as a body; None when it names none or all. Raises `TypeError` when there is none."""
    if name in ("", "*"):
        return None
    field = descriptor.fields_by_name.get(name)
    if field is None:
        raise TypeError(
            f"the HTTP rule of {route.method.name} names {name}, which {descriptor.full_name} does not have"
        )
    return field


def _message_of(field: FieldDescriptor, route: Route) -> Descriptor:
    if field.message_type is None or field.is_repeated:
        raise TypeError(f"the HTTP rule of {route.method.name} has {field.name} as a body, which is no message")
    return field.message_type


def is_bytes(descriptor: Descriptor, name: str) -> bool:
    """Whether the field that a rule names as a body holds raw bytes."""
    field = descriptor.fields_by_name.get(name)
    return field is not None and field.message_type is not None and bool(field.message_type.full_name == HTTP_BODY)


def require_media_type(exchange: Exchange, wanted: str) -> None:
    """Raises `Refusal` (415) unless the body has the media type `wanted`, in UTF-8 and not compressed."""
    given = exchange.headers.get("content-type", "")
    kind, _, parameters = given.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != wanted or ("charset=" in parameters.lower() and charset != "utf-8"):
        raise refusals.wrong_media_type("content type", given, wanted)


def deadline(exchange: Exchange) -> float | None:
    """When the caller stops waiting by its `grpc-timeout` header, on the clock of `time.monotonic`."""
    given = exchange.headers.get("grpc-timeout")
    if given is None:
        return None
    digits, unit = given[:-1], given[-1:]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 8 and unit in _TIMEOUT_UNITS):
        raise InvalidArgument(
            f"The header grpc-timeout is {quote(given)}. Send at most 8 digits and one of H, M, S, m, u, n.",
            reason=pb.ERROR_REASON_INVALID_FIELD,
            metadata={"header": "grpc-timeout", "value": given[:100]},
        )
    return time.monotonic() + int(digits) * _TIMEOUT_UNITS[unit]
