"""The dialect of our own interface: the standard mapping of proto3, and `google.rpc.Status` for errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from milepost_server.errors import invalid_field, quote
from milepost_server.rest import refusals
from milepost_server.rest.binding import Binder
from milepost_server.rest.bodies import body_type, require_media_type
from milepost_server.rest.dialect import Dialect
from milepost_server.rest.error_form import STATUS_ERRORS
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.json_codec import STANDARD_CODECS
from milepost_server.rest.off_loop import off_loop_if_large

if TYPE_CHECKING:
    from milepost_server.rest.routes import Route


class StandardReader:
    """Reads requests strictly: every field belongs in one place, and what has no place is refused.

    See `MakeReader` for the arguments.
    """

    def __init__(self, route: Route, max_body_bytes: int, reserved: Mapping[str, str] | None = None) -> None:
        descriptor = route.method.descriptor.input_type
        self._route = route
        self._class = route.method.request_class
        self._max_body_bytes = max_body_bytes
        taken = {variable.field: "the path" for variable in route.variables} | dict(reserved or {})
        if route.body:
            taken[route.body] = "the body"
        self._binder = Binder(descriptor, taken)
        for variable in route.variables:
            self._binder.check(variable.field)
        self._body_name = "" if route.body == "*" else route.body
        self._codec = STANDARD_CODECS.of(body_type(route.method.name, descriptor, route.body))
        self._has_request_id = "request_id" in descriptor.fields_by_name

    async def read(self, exchange: Exchange, segments: list[str]) -> Any:
        """See `RequestReader`."""
        if self._route.body and "content-type" in exchange.headers:
            require_media_type(exchange, JSON)
        message = await self._from_body(exchange) if exchange.has_body else self._class()
        self.bind(exchange, message, segments)
        return message

    def bind(self, exchange: Exchange, message: Any, segments: list[str]) -> None:
        """See `RequestReader`."""
        self._binder.bind_path(message, self._route.values(segments))
        if exchange.query:
            self._binder.bind_query(message, exchange.query)
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
        name = self._body_name
        decoded = await off_loop_if_large(len(data), partial(self._codec.decode_bytes, data, name))
        if not name:
            return decoded
        message = self._class()
        getattr(message, name).CopyFrom(decoded)
        return message


STANDARD = Dialect(
    codecs=STANDARD_CODECS, reader=StandardReader, errors=STATUS_ERRORS, no_such_path=refusals.no_such_path
)
