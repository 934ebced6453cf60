"""Messages to JSON: one function per message type and form, compiled from its descriptor on first use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

from milepost_server.rest import scalars, wellknown
from milepost_server.rest.json_form import JsonForm
from milepost_server.rest.scalars import Convert

Write = Callable[[Any], Any]

# How a field tells that it is set: it differs from zero, likewise but -0.0 counts, likewise or it has presence, or by
# presence alone, as messages do and what has another default than zero.
_BY_VALUE, _BY_BITS, _BY_VALUE_OR_PRESENCE, _BY_PRESENCE = range(4)


_FEW_FIELDS = 4


class _Step(NamedTuple):
    name: str
    key: str
    convert: Convert | None
    set_by: int


# By the name of a oneof: key and conversion of each of its fields.
_Oneofs = dict[str, dict[str, tuple[str, Convert | None]]]


class Writers:
    """The functions that write messages in one form, made when they are asked for.

    Args:
        form: How they write.
    """

    def __init__(self, form: JsonForm) -> None:
        self._form = form
        self._made: dict[str, Write] = {}

    def of(self, descriptor: Descriptor) -> Write:
        """The function that turns a message of this type into what orjson writes."""
        name = descriptor.full_name
        if name not in self._made:
            self._made[name] = lambda message: self._made[name](message)  # for messages that contain themselves
            self._made[name] = self._make(descriptor)
        return self._made[name]

    def _make(self, descriptor: Descriptor) -> Write:
        name = descriptor.full_name
        if name in wellknown.WRITERS:
            return wellknown.WRITERS[name]
        if name in wellknown.WRAPPERS:
            convert = scalars.writer(descriptor.fields_by_name["value"], self._form)
            return (lambda message: message.value) if convert is None else (lambda message: convert(message.value))
        if name == wellknown.ANY:
            return self._write_any
        if _is_sparse(descriptor):
            return self._sparse_writer(descriptor)
        steps, oneofs = self._steps(descriptor), self._oneofs(descriptor)
        if not steps and len(oneofs) == 1:
            return _choice_writer(*oneofs.popitem())
        if not oneofs and not any(step.set_by == _BY_PRESENCE for step in steps):
            return _flat_writer(steps)
        return _object_writer(steps, oneofs)

    def _sparse_writer(self, descriptor: Descriptor) -> Write:
        """For a message of many fields that tell whether they are set: those that are not cost nothing."""
        known = {field: (self._form.key(field), self._converter(field)) for field in descriptor.fields}

        def write(message: Any) -> dict[str, Any]:
            written: dict[str, Any] = {}
            for field, value in message.ListFields():
                key, convert = known[field]
                written[key] = value if convert is None else convert(value)
            return written

        return write

    def _steps(self, descriptor: Descriptor) -> list[_Step]:
        """The fields outside of oneofs by number."""
        fields = sorted(descriptor.fields, key=lambda field: field.number)
        return [
            _Step(field.name, self._form.key(field), self._converter(field), _set_by(field))
            for field in fields
            if real_oneof(field) is None
        ]

    def _oneofs(self, descriptor: Descriptor) -> _Oneofs:
        found: _Oneofs = {}
        for field in descriptor.fields:
            oneof = real_oneof(field)
            if oneof is not None:
                found.setdefault(oneof.name, {})[field.name] = (self._form.key(field), self._converter(field))
        return found

    def _converter(self, field: FieldDescriptor) -> Convert | None:
        if is_map(field):
            return self._map_writer(inner_type(field))
        if field.message_type is not None:
            write = self.of(field.message_type)
            return (lambda messages: [write(message) for message in messages]) if field.is_repeated else write
        return scalars.list_writer(field, self._form) if field.is_repeated else scalars.writer(field, self._form)

    def _map_writer(self, entry: Descriptor) -> Write:
        key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
        convert = self._converter(value_field)
        if key_field.cpp_type != FieldDescriptor.CPPTYPE_STRING:
            write_key, write = scalars.write_key, convert or (lambda value: value)
            return lambda entries: {write_key(key): write(entries[key]) for key in sorted(entries)}
        if convert is None:
            return lambda entries: dict(sorted(entries.items()))
        return lambda entries: {key: convert(entries[key]) for key in sorted(entries)}

    def _write_any(self, message: Any) -> dict[str, Any]:
        """The packed message with its type as `@type`. Raises `ValueError` when this server does not know the type."""
        if not message.type_url:
            return {}
        try:
            descriptor = descriptor_pool.Default().FindMessageTypeByName(message.TypeName())
        except KeyError:
            raise ValueError(f"google.protobuf.Any of the unknown type {message.type_url!r} has no JSON form") from None
        inner = message_factory.GetMessageClass(descriptor)()
        inner.ParseFromString(message.value)
        written = self.of(descriptor)(inner)
        if wellknown.has_own_form(descriptor.full_name):
            return {"@type": message.type_url, "value": written}
        return {"@type": message.type_url, **written}


def _is_sparse(descriptor: Descriptor) -> bool:
    fields = descriptor.fields
    return len(fields) > _FEW_FIELDS and all(
        (field.is_repeated or field.has_presence) and real_oneof(field) is None for field in fields
    )


# Fields of other messages are looked up one by one: for messages that are mostly full this takes two thirds of the time
# of `ListFields`, and for a message that is one oneof, half. Messages of the simpler kinds, of which there are many in
# one answer, have functions of their own, which take three quarters of the time of the one for all.


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
            if value or (set_by and (_is_negative(value) if set_by == _BY_BITS else message.HasField(name))):
                written[key] = value if convert is None else convert(value)
        return written

    return write


def _object_writer(steps: list[_Step], oneofs: _Oneofs) -> Write:
    """For any message."""

    def write(message: Any) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, key, convert, set_by in steps:
            if set_by == _BY_PRESENCE:
                if message.HasField(name):
                    value = getattr(message, name)
                    written[key] = value if convert is None else convert(value)
                continue
            value = getattr(message, name)
            if value or (set_by and (_is_negative(value) if set_by == _BY_BITS else message.HasField(name))):
                written[key] = value if convert is None else convert(value)
        for oneof, members in oneofs.items():
            chosen = message.WhichOneof(oneof)
            if chosen is not None:
                value = getattr(message, chosen)
                key, convert = members[chosen]
                written[key] = value if convert is None else convert(value)
        return written

    return write


def _is_negative(zero: float) -> bool:
    return math.copysign(1.0, zero) < 0


def real_oneof(field: FieldDescriptor) -> OneofDescriptor | None:
    """The oneof of `field`, unless it is the hidden one of an `optional` field."""
    oneof = field.containing_oneof
    return None if oneof is None or (len(oneof.fields) == 1 and oneof.name == f"_{field.name}") else oneof


def _set_by(field: FieldDescriptor) -> int:
    if field.is_repeated:
        return _BY_VALUE
    if field.message_type is not None or (field.has_presence and field.default_value):
        return _BY_PRESENCE
    if field.has_presence:
        return _BY_VALUE_OR_PRESENCE
    is_float = field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
    return _BY_BITS if is_float else _BY_VALUE


def is_map(field: FieldDescriptor) -> bool:
    """Whether `field` is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def inner_type(field: FieldDescriptor) -> Descriptor:
    """The type of `field`, which is a message or a map (then the type of its entries)."""
    assert field.message_type is not None
    return field.message_type
