"""Runs a method for an HTTP request: fills the request message, calls the dispatcher, writes the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from milepost import v1 as pb
from milepost_server.calls.answers import Answer
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher, to_domain_error
from milepost_server.errors import InvalidArgument, quote
from milepost_server.rest.bodies import body_type
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.off_loop import off_loop_if_large
from milepost_server.rest.routes import Route

_TIMEOUT_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Endpoint(Protocol):
    """Answers the requests of one route."""

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """Answers one request. Whatever it raises before `exchange.started` is sent as an error by the caller."""


class UnaryEndpoint:
    """One message up, one down, both JSON."""

    def __init__(self, route: Route, dispatcher: Dispatcher, max_body_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._reader = route.dialect.reader(route, max_body_bytes)
        self.write = response_writer(route)

    async def __call__(self, exchange: Exchange, call: Call, segments: list[str]) -> None:
        """See `Endpoint`."""
        request = await self._reader.read(exchange, segments)
        response = await self._dispatcher.unary(call, request)
        await answer(exchange, call, self.write, response)


async def answer(exchange: Exchange, call: Call, write: Callable[[Any], bytes], response: Answer) -> None:
    """Sends the response message of a call as JSON."""
    exchange.answer_headers.update(call.response_metadata)
    try:
        body = await off_loop_if_large(response.message.ByteSize(), partial(response.written, write))
    except ValueError as raised:  # what has no JSON form is stored data gone wrong, not the caller's fault
        error = to_domain_error(raised, call)
        assert error is not None
        raise error from raised
    await exchange.respond(200, JSON, body)


def response_writer(route: Route) -> Callable[[Any], bytes]:
    """Writes a response message, or its field that is the body, as JSON."""
    name = route.response_body
    body = body_type(route.method.name, route.method.descriptor.output_type, name)
    encode = route.dialect.codecs.of(body).encode_bytes
    return (lambda message: encode(getattr(message, name))) if name else encode


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
