"""The handler table: every method that the server answers, found by walking the descriptors of its services."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.v1 import annotations_pb2

# (request, call) -> response. The request is an async iterator of messages for a method that streams them up; the
# response is awaited, or iterated for a method that streams it down.
Handler = Callable[[Any, Any], Awaitable[Message] | AsyncIterator[Message]]


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of the table.

    Args:
        name: As gRPC spells it, without the leading slash: `milepost.v1.TrackingService/GetRun`.
        descriptor: Its descriptor, with HTTP rules and other options.
        request_class: Class of its request messages.
        response_class: Class of its response messages.
        handler: What answers it.
        permission: What the caller must be allowed to do.
        cacheable: Whether its answer follows from the request and the database alone.
        checks_messages: Whether its handler checks the messages of a request stream.
        watches: Whether it waits for changes for as long as it is read: its messages say where another call goes on.
    """

    name: str
    descriptor: MethodDescriptor
    request_class: type[Message]
    response_class: type[Message]
    handler: Handler
    permission: pb.Permission.ValueType
    cacheable: bool
    checks_messages: bool
    watches: bool

    @property
    def client_streaming(self) -> bool:
        """Whether the request is a stream of messages."""
        return self.descriptor.client_streaming

    @property
    def server_streaming(self) -> bool:
        """Whether the response is a stream of messages."""
        return self.descriptor.server_streaming


class HandlerTable:
    """All methods of the server by name.

    Args:
        servicers: Each service with the object that has a coroutine or async generator per method, named as the
            method in snake_case, taking `(request, call)`.

    Raises:
        TypeError: A method has no handler, one of the wrong kind, or no permission. The server must not start.
    """

    def __init__(self, servicers: Iterable[tuple[ServiceDescriptor, object]]) -> None:
        self._methods: dict[str, Method] = {}
        self.services: list[ServiceDescriptor] = []
        for service, servicer in servicers:
            self.services.append(service)
            for descriptor in service.methods:
                method = _method(descriptor, servicer)
                self._methods[method.name] = method

    def __iter__(self) -> Iterator[Method]:
        return iter(self._methods.values())

    def __getitem__(self, name: str) -> Method:
        return self._methods[name]


def snake_case(name: str) -> str:
    """`GetRun` as `get_run`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _method(descriptor: MethodDescriptor, servicer: object) -> Method:
    name = f"{descriptor.containing_service.full_name}/{descriptor.name}"
    handler = getattr(servicer, snake_case(descriptor.name), None)
    if handler is None:
        raise TypeError(f"{type(servicer).__name__} has no {snake_case(descriptor.name)}, so nothing answers {name}")
    if inspect.isasyncgenfunction(handler) != descriptor.server_streaming:
        kind = "an async generator" if descriptor.server_streaming else "a coroutine"
        raise TypeError(f"the handler of {name} must be {kind}")
    permission = descriptor.GetOptions().Extensions[annotations_pb2.permission]
    if permission == pb.PERMISSION_UNSPECIFIED:
        raise TypeError(f"{name} has no (milepost.v1.permission) option, so nobody may call it")
    return Method(
        name=name,
        descriptor=descriptor,
        request_class=message_factory.GetMessageClass(descriptor.input_type),
        response_class=message_factory.GetMessageClass(descriptor.output_type),
        handler=handler,
        permission=permission,
        cacheable=descriptor.GetOptions().Extensions[annotations_pb2.cacheable],
        checks_messages=descriptor.GetOptions().Extensions[annotations_pb2.checks_messages],
        watches="resume_token" in descriptor.output_type.fields_by_name,
    )
