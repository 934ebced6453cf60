"""What the HTTP rule of a method takes for a body."""

from __future__ import annotations

from google.api import httpbody_pb2
from google.protobuf.descriptor import Descriptor

from milepost_server.rest import refusals
from milepost_server.rest.exchange import Exchange

HTTP_BODY = httpbody_pb2.HttpBody.DESCRIPTOR.full_name


def body_type(method: str, descriptor: Descriptor, name: str) -> Descriptor:
    """The type of the message that is the body.

    Args:
        method: Name of the method, for errors.
        descriptor: Type of its request or response.
        name: The field that is the body by the rule. Empty or `*`: the whole.

    Raises:
        TypeError: There is no such field, or it is no message.
    """
    if name in ("", "*"):
        return descriptor
    field = descriptor.fields_by_name.get(name)
    if field is None:
        raise TypeError(f"the HTTP rule of {method} names {name}, which {descriptor.full_name} does not have")
    if field.message_type is None or field.is_repeated:
        raise TypeError(f"the HTTP rule of {method} has {name} as a body, which is no message")
    return field.message_type


def is_bytes(descriptor: Descriptor, name: str) -> bool:
    """Whether the field that a rule names as a body holds raw bytes."""
    field = descriptor.fields_by_name.get(name)
    return field is not None and field.message_type is not None and bool(field.message_type.full_name == HTTP_BODY)


def has_media_type(exchange: Exchange, wanted: str) -> bool:
    """Whether the body has the media type `wanted`, in UTF-8."""
    kind, _, parameters = exchange.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return kind.strip().lower() == wanted and ("charset=" not in parameters.lower() or charset == "utf-8")


def require_media_type(exchange: Exchange, wanted: str) -> None:
    """Raises `Refusal` (415) unless the body has the media type `wanted`, in UTF-8."""
    if not has_media_type(exchange, wanted):
        raise refusals.wrong_media_type("content type", exchange.headers.get("content-type", ""), wanted)
