"""Messages to JSON: one function per message type, compiled from its descriptor on first use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

from milepost_server.rest import scalars, wellknown
from milepost_server.rest.scalars import Convert

Write = Callable[[Any], Any]

# How a field tells that it is set: it differs from its default, likewise but -0.0 counts, or it has presence.
_BY_VALUE, _BY_BITS, _BY_PRESENCE, _MESSAGE = range(4)

_writers: dict[str, Write] = {}


class _Step(NamedTuple):
    name: str
    key: str
    convert: Convert | None
    set_by: int


# By the name of a oneof: key and conversion of each of its fields.
_Oneofs = dict[str, dict[str, tuple[str, Convert | None]]]


def writer_for(descriptor: Descriptor) -> Write:
    """The function that turns a message of this type into what orjson writes."""
    name = descriptor.full_name
    if name not in _writers:
        _writers[name] = lambda message: _writers[name](message)  # for messages that contain themselves
        _writers[name] = _make(descriptor)
    return _writers[name]


def _make(descriptor: Descriptor) -> Write:
    name = descriptor.full_name
    if name in wellknown.WRITERS:
        return wellknown.WRITERS[name]
    if name in wellknown.WRAPPERS:
        convert = scalars.writer(descriptor.fields_by_name["value"])
        return (lambda message: message.value) if convert is None else (lambda message: convert(message.value))
    if name == wellknown.ANY:
        return write_any
    steps, oneofs = _steps(descriptor), _oneofs(descriptor)
    if not steps and len(oneofs) == 1:
        return _choice_writer(*oneofs.popitem())
    if not oneofs and not any(step.set_by == _MESSAGE for step in steps):
        return _flat_writer(steps)
    return _object_writer(steps, oneofs)


# Fields are looked up one by one: for messages that are mostly full this takes two thirds of the time of `ListFields`,
# and for a message that is one oneof, half. Messages of the simpler kinds, of which there are many in one answer, have
# functions of their own, which take three quarters of the time of the one for all.


def _choice_writer(oneof: str, members: dict[str, tuple[str, Convert | None]]) -> Write:
    """For a message that is one oneof."""

    def write(message: Any) -> dict[str, Any]:
        chosen = message.WhichOneof(oneof)
        if chosen is None:
            return {}
        key, convert = members[chosen]
        value = getattr(message, chosen)
        return {key: value if convert is None else convert(value)}

    return write


def _flat_writer(steps: list[_Step]) -> Write:
    """For a message of scalars, lists and maps."""

    def write(message: Any) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, key, convert, set_by in steps:
            value = getattr(message, name)
            if value or (set_by and _is_set(message, name, value, set_by)):
                written[key] = value if convert is None else convert(value)
        return written

    return write


def _object_writer(steps: list[_Step], oneofs: _Oneofs) -> Write:
    """For any message."""

    def write(message: Any) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, key, convert, set_by in steps:
            if set_by == _MESSAGE:
                if message.HasField(name):
                    written[key] = convert(getattr(message, name))  # type: ignore[misc]
                continue
            value = getattr(message, name)
            if value or (set_by and _is_set(message, name, value, set_by)):
                written[key] = value if convert is None else convert(value)
        for oneof, members in oneofs.items():
            chosen = message.WhichOneof(oneof)
            if chosen is not None:
                value = getattr(message, chosen)
                key, convert = members[chosen]
                written[key] = value if convert is None else convert(value)
        return written

    return write


def _is_set(message: Any, name: str, value: Any, set_by: int) -> bool:
    """Whether a field at its default is set nevertheless."""
    return bool(math.copysign(1.0, value) < 0 if set_by == _BY_BITS else message.HasField(name))


def _steps(descriptor: Descriptor) -> list[_Step]:
    """The fields outside of oneofs by number."""
    fields = sorted(descriptor.fields, key=lambda field: field.number)
    return [_step(field) for field in fields if _real_oneof(field) is None]


def _oneofs(descriptor: Descriptor) -> _Oneofs:
    found: _Oneofs = {}
    for field in descriptor.fields:
        oneof = _real_oneof(field)
        if oneof is not None:
            found.setdefault(oneof.name, {})[field.name] = (field.json_name, _converter(field))
    return found


def _real_oneof(field: FieldDescriptor) -> OneofDescriptor | None:
    """The oneof of `field`, unless it is the hidden one of an `optional` field."""
    oneof = field.containing_oneof
    return None if oneof is None or (len(oneof.fields) == 1 and oneof.name == f"_{field.name}") else oneof


def _step(field: FieldDescriptor) -> _Step:
    if field.is_repeated:
        set_by = _BY_VALUE
    elif field.message_type is not None:
        set_by = _MESSAGE
    elif field.has_presence:
        set_by = _BY_PRESENCE
    else:
        is_float = field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
        set_by = _BY_BITS if is_float else _BY_VALUE
    return _Step(field.name, field.json_name, _converter(field), set_by)


def _converter(field: FieldDescriptor) -> Convert | None:
    if is_map(field):
        return _map_writer(inner_type(field))
    if field.message_type is not None:
        write = writer_for(field.message_type)
        return (lambda messages: [write(message) for message in messages]) if field.is_repeated else write
    return scalars.list_writer(field) if field.is_repeated else scalars.writer(field)


def _map_writer(entry: Descriptor) -> Write:
    key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
    convert = _converter(value_field)
    if key_field.cpp_type != FieldDescriptor.CPPTYPE_STRING:
        write_key, write = scalars.write_key, convert or (lambda value: value)
        return lambda entries: {write_key(key): write(entries[key]) for key in sorted(entries)}
    if convert is None:
        return lambda entries: dict(sorted(entries.items()))
    return lambda entries: {key: convert(entries[key]) for key in sorted(entries)}


def is_map(field: FieldDescriptor) -> bool:
    """Whether `field` is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def inner_type(field: FieldDescriptor) -> Descriptor:
    """The type of `field`, which is a message or a map (then the type of its entries)."""
    assert field.message_type is not None
    return field.message_type


def write_any(message: Any) -> dict[str, Any]:
    """The packed message with its type as `@type`. Raises `ValueError` when this server does not know the type."""
    if not message.type_url:
        return {}
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(message.TypeName())
    except KeyError:
        raise ValueError(f"google.protobuf.Any of the unknown type {message.type_url!r} has no JSON form") from None
    inner = message_factory.GetMessageClass(descriptor)()
    inner.ParseFromString(message.value)
    written = writer_for(descriptor)(inner)
    if wellknown.has_own_form(descriptor.full_name):
        return {"@type": message.type_url, "value": written}
    return {"@type": message.type_url, **written}
