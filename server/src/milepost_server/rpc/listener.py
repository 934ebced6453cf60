"""A grpc.aio server whose methods are those of the handler table, with health and reflection."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.calls.handlers import HandlerTable, Method
from milepost_server.errors import DomainError, FieldViolation, InvalidArgument, to_status
from milepost_server.rpc.dynamic import DynamicHandler, DynamicReflection, DynamicServices

# Fills 300 Mbit/s at a round trip of 50 ms, and a local connection at any speed.
_WINDOW_BYTES = 2 * 1024 * 1024

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_HEALTH = {
    True: health_pb2.HealthCheckResponse.SERVING,
    False: health_pb2.HealthCheckResponse.NOT_SERVING,
    None: health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
}


class GrpcListener:
    """Answers gRPC calls.

    Args:
        table: The methods to answer.
        dispatcher: What runs their handlers.
        max_message_bytes: Most bytes of one message.
        dynamic: Further services, which may come and go.
    """

    def __init__(
        self,
        table: HandlerTable,
        dispatcher: Dispatcher,
        *,
        max_message_bytes: int,
        dynamic: DynamicServices | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", -1),
                # Clients ping each 30 s, also between calls; gRPC's defaults would cut them off.
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
                # What a peer may send ahead, fixed: the probing that is gRPC's default lets it grow to tens of MiB.
                ("grpc.http2.bdp_probe", 0),
                ("grpc.http2.lookahead_bytes", _WINDOW_BYTES),
                # Two servers on one port would share its calls by chance.
                ("grpc.so_reuseport", 0),
            ]
        )
        for service in table.services:
            names = [method.name for method in service.methods]
            methods = {name: self._handler(table[f"{service.full_name}/{name}"]) for name in names}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, methods),))
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.full_name for service in table.services]
        self._healthy_at_start = {"", *names}
        shown = [*names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        if dynamic is None:
            reflection.enable_server_reflection(shown, self._server)
        else:
            self._server.add_generic_rpc_handlers((DynamicHandler(dynamic, self._handler),))
            servicer = DynamicReflection(shown, dynamic)
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, self._server)

    async def start(self, host: str, port: int) -> int:
        """Begins to answer and returns the port, which is a free one for port 0.

        Raises:
            OSError: The address cannot be bound.
        """
        try:
            bound = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen for gRPC on {host} port {port}: is it taken? {error}") from error
        for name in tuple(self._healthy_at_start):
            await self.set_health(name, True)
        await self._server.start()
        return bound

    async def drain(self) -> None:
        """Reports NOT_SERVING, so that balancers send no more calls."""
        await self._health.enter_graceful_shutdown()

    async def set_health(self, name: str, serving: bool | None) -> None:
        """What `grpc.health.v1` says of a service from now on; None for one that is no more. Nothing after `drain`.

        Args:
            name: Of the service; "" for the whole server.
            serving: Whether it can be called. When the listener starts, all services can be of which this said nothing.
        """
        self._healthy_at_start.discard(name)
        await self._health.set(name, _HEALTH[serving])

    async def stop(self, grace_s: float) -> None:
        """Takes no more calls, and ends those at work after the grace."""
        await self._server.stop(grace_s)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        # Messages are parsed here and not by gRPC, which would answer INTERNAL for bytes that are no message.
        request: Callable[[Any], Any] = _stream_of(method) if method.client_streaming else _parser(method)
        if method.server_streaming:
            kinds = grpc.unary_stream_rpc_method_handler, grpc.stream_stream_rpc_method_handler
            return kinds[method.client_streaming](
                self._streaming(method, request), None, method.response_class.SerializeToString
            )
        kinds = grpc.unary_unary_rpc_method_handler, grpc.stream_unary_rpc_method_handler
        return kinds[method.client_streaming](self._unary(method, request), None, None)

    def _unary(self, method: Method, parse: Callable[[Any], Any]) -> Any:
        dispatcher = self._dispatcher

        async def behave(raw: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            call = _call(method, context)
            try:
                return (await dispatcher.unary(call, parse(raw))).serialized()
            except DomainError as error:
                await _abort(context, call, error)
                raise

        return behave

    def _streaming(self, method: Method, parse: Callable[[Any], Any]) -> Any:
        dispatcher = self._dispatcher

        async def behave(raw: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Message]:
            call = _call(method, context)
            try:
                async with aclosing(dispatcher.stream(call, parse(raw))) as messages:
                    async for message in messages:
                        yield message
            except DomainError as error:
                await _abort(context, call, error)

        return behave


def _call(method: Method, context: grpc.aio.ServicerContext[Any, Any]) -> Call:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    remaining = context.time_remaining()
    deadline = None if remaining is None else time.monotonic() + remaining
    call = Call(method, "grpc", context.peer, metadata, deadline)
    if "x-request-id" in metadata:
        context.set_trailing_metadata((("x-request-id", call.call_id),))
    return call


async def _abort(context: grpc.aio.ServicerContext[Any, Any], call: Call, error: DomainError) -> None:
    status = to_status(error)
    trailers = (("grpc-status-details-bin", status.SerializeToString()), ("x-request-id", call.call_id))
    await context.abort(_CODES[error.code], status.message, trailers)


def _parser(method: Method) -> Callable[[bytes], Message]:
    request_class = method.request_class
    carries_bytes = _carries_bytes(method)

    def parse(raw: bytes) -> Message:
        try:
            message = request_class.FromString(raw)
        except DecodeError as error:
            raise InvalidArgument(
                f"The bytes are no {request_class.DESCRIPTOR.full_name}. Send a message of the method's type.",
                reason=pb.ERROR_REASON_MALFORMED_BODY,
            ) from error
        # A size takes a serialization, which is cheap unless the message holds a chunk of a file.
        unknown = _unknown_field(message) if carries_bytes else _unknown_field_by_size(message, raw)
        if unknown:
            raise _unknown_field_refused(message, unknown)
        return message

    return parse


def _carries_bytes(method: Method) -> bool:
    fields = method.request_class.DESCRIPTOR.fields
    return any(field.message_type is httpbody_pb2.HttpBody.DESCRIPTOR for field in fields)


def _unknown_field_refused(message: Message, where: str) -> InvalidArgument:
    """A part of the message was not understood, and the message would be stored without that part."""
    return InvalidArgument(
        f"{message.DESCRIPTOR.full_name} has the unknown field {where}. Nothing was stored. "
        "Use a client of the server's version, or leave the field out.",
        reason=pb.ERROR_REASON_UNKNOWN_FIELD,
        metadata={"field": where},
        violations=(FieldViolation(where, "is not known to this server"),),
    )


def _unknown_field_by_size(message: Message, raw: bytes) -> str:
    """As `_unknown_field`, and faster for many small fields.

    A message is shorter without its unknown fields. The size of `raw` is no measure: a message may be spelled in a
    longer way than the usual one.
    """
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return "" if message.ByteSize() == size else _unknown_field(type(message).FromString(raw))


def _unknown_field(message: Message, path: str = "") -> str:
    """Path and number of the first unknown field in a message; empty when it has none. Copies no values."""
    for unknown in UnknownFieldSet(message):  # type: ignore[attr-defined]
        return f"{path}{unknown.field_number}"
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            continue
        value = getattr(message, field.name)
        if field.message_type.GetOptions().map_entry:
            inside = [(f"[{key!r}]", item) for key, item in value.items() if isinstance(item, Message)]
        elif field.is_repeated:
            inside = [(f"[{index}]", item) for index, item in enumerate(value)]
        else:
            inside = [("", value)] if message.HasField(field.name) else []
        for where, item in inside:
            found = _unknown_field(item, f"{path}{field.name}{where}.")
            if found:
                return found
    return ""


def _stream_of(method: Method) -> Callable[[AsyncIterator[bytes]], AsyncIterator[Message]]:
    parse = _parser(method)

    async def messages(raws: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        async for raw in raws:
            yield parse(raw)

    return messages
