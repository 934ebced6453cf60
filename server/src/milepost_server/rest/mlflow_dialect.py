"""The dialect of MLflow's REST interface: its JSON, its way to take requests, its errors and its paths.

Where MLflow reads a request half and acts on it, this one refuses it; what it accepts is stored as sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from milepost_server.errors import invalid_field
from milepost_server.rest import json_text, refusals
from milepost_server.rest.binding import Binder, query_pairs
from milepost_server.rest.bodies import has_media_type
from milepost_server.rest.dialect import Dialect
from milepost_server.rest.exchange import JSON, Exchange
from milepost_server.rest.json_codec import Codecs
from milepost_server.rest.json_form import JsonForm
from milepost_server.rest.mlflow_errors import MLFLOW_ERRORS, no_such_path
from milepost_server.rest.off_loop import off_loop_if_large

if TYPE_CHECKING:
    from milepost_server.rest.routes import Route

_CODECS = Codecs(JsonForm(proto_names=True, wide_numbers=True, loose=True))
_CHECKED_VERBS = ("POST", "PUT", "PATCH")
_BOOLEANS = {"true": True, "false": False}


class MlflowReader:
    """Reads a request from its body, or from the query where the HTTP method has no body.

    A `GET` that has a query is read from that alone, one without from its body, if there is one. A `DELETE` is read
    from its body, and what that lacks from the query. Other methods ignore the query, unless their body is raw bytes.
    See `MakeReader` for the arguments.
    """

    def __init__(self, route: Route, max_body_bytes: int, reserved: Mapping[str, str] | None = None) -> None:
        descriptor = route.method.descriptor.input_type
        self._route = route
        self._class = route.method.request_class
        self._max_body_bytes = max_body_bytes
        self._codec = _CODECS.of(descriptor)
        self._paths = Binder(descriptor, {})
        for variable in route.variables:
            self._paths.check(variable.field)
        hidden = {route.body, *(reserved or ())}
        self._in_query = {field.name: field for field in descriptor.fields if field.name not in hidden}

    async def read(self, exchange: Exchange, segments: list[str]) -> Any:
        """See `RequestReader`."""
        if exchange.verb in _CHECKED_VERBS:
            _check_media_type(exchange)
        if exchange.verb in ("GET", "HEAD") and exchange.query:
            message = self._from_query(exchange.query)
        else:
            message = await self._from_body(exchange) if exchange.has_body else self._class()
            if exchange.verb == "DELETE" and exchange.query:
                message = _completed(message, self._from_query(exchange.query))
        self._paths.bind_path(message, self._route.values(segments))
        return message

    def bind(self, exchange: Exchange, message: Any, segments: list[str]) -> None:
        """See `RequestReader`."""
        message.MergeFrom(self._from_query(exchange.query))
        self._paths.bind_path(message, self._route.values(segments))

    async def _from_body(self, exchange: Exchange) -> Any:
        data = await exchange.read_body(self._max_body_bytes)
        return await off_loop_if_large(len(data), partial(self._decoded, data)) if data else self._class()

    def _decoded(self, data: bytes) -> Message:
        value = json_text.parse(data)
        if type(value) is str:  # old clients encode their JSON twice
            value = json_text.parse(value.encode("utf-8", "surrogatepass"))
        return self._class() if value is None else self._codec.decode(value)

    def _from_query(self, query: str) -> Any:
        """The request that the known fields of a query make."""
        values: dict[str, Any] = {}
        for name, text in query_pairs(query):
            field = self._in_query.get(name)
            if field is None:
                continue
            if field.is_repeated:
                values.setdefault(name, []).append(_typed(field, text))
            elif name in values:
                raise invalid_field(name, "is in the query twice: send it once")
            else:
                values[name] = _typed(field, text)
        return self._codec.decode(values)


def _typed(field: FieldDescriptor, text: str) -> Any:
    """The text of a query as the codec reads it: all but booleans may be text in JSON too."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _BOOLEANS.get(text.lower(), text)
    return text


def _completed(message: Message, other: Message) -> Message:
    """`message`, with the fields that it lacks from `other`."""
    for field, _ in message.ListFields():
        other.ClearField(field.name)
    other.MergeFrom(message)
    return other


def _check_media_type(exchange: Exchange) -> None:
    """Refuses what a form of a foreign web page could send without asking, and what is no JSON."""
    given = exchange.headers.get("content-type")
    if given is None and (exchange.verb == "PATCH" or not exchange.has_body):
        return
    if not has_media_type(exchange, JSON):
        raise refusals.wrong_media_type("content type", given or "", JSON).error


MLFLOW = Dialect(
    codecs=_CODECS,
    reader=MlflowReader,
    errors=MLFLOW_ERRORS,
    no_such_path=no_such_path,
    packages=frozenset({"milepost.mlflow.v1"}),
    paths=("/api/", "/ajax-api/", "/get-artifact", "/model-versions/", "/gateway/", "/graphql"),
    twins=(("/api/", "/ajax-api/"),),
    label="Mlflow",
)
