"""JSON to messages: one function per message type, compiled from its descriptor on first use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from milepost import v1 as pb
from milepost_server.errors import quote
from milepost_server.rest import scalars, wellknown
from milepost_server.rest.json_write import inner_type, is_map
from milepost_server.rest.problem import Problem, at_field, at_index, at_key, shown

# (message, value) -> None: fills the message, which is empty.
Read = Callable[[Any, Any], None]

_readers: dict[str, Read] = {}


class _Field(NamedTuple):
    """How to read one key of an object.

    Args:
        name: Of the field, in proto spelling.
        put: Stores a value in the message.
        other_key: The other spelling of the key, when there is one.
        oneof: The oneof that the field belongs to.
        takes_null: Whether null is a value and not the absence of one.
    """

    name: str
    put: Read
    other_key: str | None
    oneof: str | None
    takes_null: bool


def reader_for(descriptor: Descriptor) -> Read:
    """The function that fills an empty message of this type; it raises `Problem`."""
    found = _readers.get(descriptor.full_name)
    if found is None:
        found = _readers[descriptor.full_name] = _make(descriptor)
    return found


def _make(descriptor: Descriptor) -> Read:
    name = descriptor.full_name
    if name in wellknown.READERS:
        return wellknown.READERS[name]
    if name in wellknown.WRAPPERS:
        return _scalar_put(descriptor.fields_by_name["value"])
    return read_any if name == wellknown.ANY else _object_reader(descriptor)


def _object_reader(descriptor: Descriptor) -> Read:
    fields: dict[str, _Field] = {}

    def read(message: Any, value: Any) -> None:
        if type(value) is not dict:
            raise Problem(f"must be an object, not {shown(value)}", value)
        if not fields:
            fields.update(_fields(descriptor))
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                raise _unknown_field(descriptor, key, item)
            name, put, other_key, oneof, takes_null = field
            if item is None and not takes_null:
                continue
            try:
                if other_key is not None and value.get(other_key) is not None:
                    raise Problem(f"is there as {quote(key)} and as {quote(other_key)}: send one of them", item)
                if oneof is not None and message.WhichOneof(oneof) is not None:
                    raise Problem(f"only one of {_members(descriptor, oneof)} may be set", item)
                put(message, item)
            except Problem as problem:
                problem.inside(at_field(name))
                raise
            except UnicodeEncodeError:
                raise _surrogate(item, at_field(name)) from None

    return read


def _fields(descriptor: Descriptor) -> dict[str, _Field]:
    """The fields of a message by both spellings."""
    found = {}
    for field in descriptor.fields:
        put, null = _put(field), _takes_null(field)
        oneof = field.containing_oneof.name if field.containing_oneof is not None else None
        # Both spellings of one field are noticed at the second, whichever that is, so one of them has to look.
        other = field.json_name if field.json_name != field.name else None
        found[field.name] = _Field(field.name, put, other, oneof, null)
        if other is not None:
            found[other] = _Field(field.name, put, field.name, oneof, null)
    return found


def _unknown_field(descriptor: Descriptor, key: str, item: Any) -> Problem:
    names = ", ".join(field.json_name for field in descriptor.fields) or "none"
    problem = Problem(f"{descriptor.name} has no such field; it has {names}", item, pb.ERROR_REASON_UNKNOWN_FIELD)
    problem.inside(f".{key[:100]}")
    return problem


def _members(descriptor: Descriptor, oneof: str) -> str:
    return ", ".join(field.name for field in descriptor.oneofs_by_name[oneof].fields)


def _surrogate(value: Any, part: str) -> Problem:
    problem = Problem("has a lone surrogate: send well-formed Unicode text", value)
    problem.inside(part)
    return problem


def _takes_null(field: FieldDescriptor) -> bool:
    if field.is_repeated:
        return False
    if field.message_type is not None:
        return bool(field.message_type.full_name == "google.protobuf.Value")
    return field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"


def _put(field: FieldDescriptor) -> Read:
    if is_map(field):
        return _map_put(field)
    if field.is_repeated:
        return _messages_put(field) if field.message_type is not None else _scalars_put(field)
    return _message_put(field) if field.message_type is not None else _scalar_put(field)


def _scalar_put(field: FieldDescriptor) -> Read:
    name, convert = field.name, _value_reader(field)
    return lambda message, value: setattr(message, name, convert(value))


def _value_reader(field: FieldDescriptor) -> scalars.Convert:
    convert = scalars.reader(field)
    if field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue":
        return lambda value: 0 if value is None else convert(value)
    return convert


def _message_put(field: FieldDescriptor) -> Read:
    name, read = field.name, reader_for(inner_type(field))

    def put(message: Any, value: Any) -> None:
        inner = getattr(message, name)
        inner.SetInParent()
        read(inner, value)

    return put


def _scalars_put(field: FieldDescriptor) -> Read:
    name, convert = field.name, _value_reader(field)
    double = field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE

    def put(message: Any, values: Any) -> None:
        _check_list(values)
        into = getattr(message, name)
        # Columns of points are long. A number beyond 64 bits was read as infinite and takes the slow way to its error.
        if double and set(map(type, values)) == {float} and math.isfinite(sum(values)):
            into.extend(values)
            return
        for index, value in enumerate(values):
            try:
                into.append(convert(value))
            except Problem as problem:
                problem.inside(at_index(index))
                raise
            except UnicodeEncodeError:
                raise _surrogate(value, at_index(index)) from None

    return put


def _messages_put(field: FieldDescriptor) -> Read:
    name, read = field.name, reader_for(inner_type(field))

    def put(message: Any, values: Any) -> None:
        _check_list(values)
        into = getattr(message, name)
        for index, value in enumerate(values):
            try:
                read(into.add(), value)
            except Problem as problem:
                problem.inside(at_index(index))
                raise

    return put


def _check_list(values: Any) -> None:
    if type(values) is not list:
        raise Problem(f"must be an array, not {shown(values)}", values)


def _map_put(field: FieldDescriptor) -> Read:
    name = field.name
    entry = inner_type(field)
    read_key, value_field = scalars.key_reader(entry.fields_by_name["key"]), entry.fields_by_name["value"]
    put_entry = _entry_put(value_field)

    def put(message: Any, values: Any) -> None:
        if type(values) is not dict:
            raise Problem(f"must be an object, not {shown(values)}", values)
        into = getattr(message, name)
        for key, value in values.items():
            try:
                parsed = read_key(key)
                if parsed in into:
                    raise Problem("is there twice, in two spellings: send it once", value)
                put_entry(into, parsed, value)
            except Problem as problem:
                problem.inside(at_key(key))
                raise
            except UnicodeEncodeError:
                raise _surrogate(value, at_key(key)) from None

    return put


def _entry_put(field: FieldDescriptor) -> Callable[[Any, Any, Any], None]:
    if field.message_type is not None:
        read = reader_for(field.message_type)
        return lambda into, key, value: read(into[key], value)
    convert = _value_reader(field)
    return lambda into, key, value: into.__setitem__(key, convert(value))


def read_any(message: Any, value: Any) -> None:
    """An object with `@type` and the fields of that type, or its own form as `value`."""
    if type(value) is not dict:
        raise Problem(f"must be an object, not {shown(value)}", value)
    if not value:
        return
    url = value.get("@type")
    try:
        if type(url) is not str or "/" not in url:
            raise KeyError(url)
        descriptor = descriptor_pool.Default().FindMessageTypeByName(url.rpartition("/")[2])
    except KeyError:
        described = f'must be the URL of a known type such as "type.googleapis.com/milepost.v1.Run", not {shown(url)}'
        problem = Problem(described, url)
        problem.inside('["@type"]')
        raise problem from None
    rest = {key: item for key, item in value.items() if key != "@type"}
    inner = message_factory.GetMessageClass(descriptor)()
    if not wellknown.has_own_form(descriptor.full_name):
        reader_for(descriptor)(inner, rest)
    elif set(rest) == {"value"}:
        reader_for(descriptor)(inner, rest["value"])
    else:
        raise Problem(f"must have @type and value and nothing else for {descriptor.full_name}", value)
    message.Pack(inner)
    message.type_url = url
