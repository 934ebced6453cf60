"""JSON to messages: one function per message type and form, compiled from its descriptor on first use."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from milepost import v1 as pb
from milepost_server.errors import quote
from milepost_server.rest import scalars, wellknown
from milepost_server.rest.json_form import JsonForm
from milepost_server.rest.json_write import inner_type, is_map, real_oneof
from milepost_server.rest.problem import Problem, at_field, at_index, at_key, shown

# The types of JSON values that are values of a field as they are.
_PLAIN_TYPES = {
    FieldDescriptor.CPPTYPE_STRING: frozenset((str,)),
    FieldDescriptor.CPPTYPE_BOOL: frozenset((bool,)),
    FieldDescriptor.CPPTYPE_INT32: frozenset((int,)),
    FieldDescriptor.CPPTYPE_INT64: frozenset((int,)),
    FieldDescriptor.CPPTYPE_UINT32: frozenset((int,)),
    FieldDescriptor.CPPTYPE_UINT64: frozenset((int,)),
    FieldDescriptor.CPPTYPE_DOUBLE: frozenset((int, float)),
}
_NO_TYPES: frozenset[type] = frozenset()

# (message, value) -> None: fills the message, which is empty.
Read = Callable[[Any, Any], None]


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


class Readers:
    """The functions that read messages in one form, made when they are asked for.

    Args:
        form: How they read.
    """

    def __init__(self, form: JsonForm) -> None:
        self._form = form
        self._made: dict[str, Read] = {}

    def of(self, descriptor: Descriptor) -> Read:
        """The function that fills an empty message of this type; it raises `Problem`."""
        found = self._made.get(descriptor.full_name)
        if found is None:
            found = self._made[descriptor.full_name] = self._make(descriptor)
        return found

    def _make(self, descriptor: Descriptor) -> Read:
        name = descriptor.full_name
        if name in wellknown.READERS:
            return wellknown.READERS[name]
        if name in wellknown.WRAPPERS:
            return self._scalar_put(descriptor.fields_by_name["value"])
        return self._read_any if name == wellknown.ANY else self._object_reader(descriptor)

    def _object_reader(self, descriptor: Descriptor) -> Read:
        fields: dict[str, _Field] = {}
        ignores_unknown = self._form.loose

        def read(message: Any, value: Any) -> None:
            if type(value) is not dict:
                raise Problem(f"must be an object, not {shown(value)}", value)
            if not fields:
                fields.update(self._fields(descriptor))
            for key, item in value.items():
                field = fields.get(key)
                if field is None:
                    if ignores_unknown:
                        continue
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

    def _fields(self, descriptor: Descriptor) -> dict[str, _Field]:
        """The fields of a message by both spellings."""
        found = {}
        for field in descriptor.fields:
            put, null = self._put(field), _takes_null(field)
            oneof = field.containing_oneof.name if field.containing_oneof is not None else None
            # Both spellings of one field are noticed at the second, whichever that is, so one of them has to look.
            other = field.json_name if field.json_name != field.name else None
            found[field.name] = _Field(field.name, put, other, oneof, null)
            if other is not None:
                found[other] = _Field(field.name, put, field.name, oneof, null)
        return found

    def _put(self, field: FieldDescriptor) -> Read:
        if is_map(field):
            return self._map_put(field)
        if field.is_repeated:
            return self._messages_put(field) if field.message_type is not None else self._scalars_put(field)
        return self._message_put(field) if field.message_type is not None else self._scalar_put(field)

    def _scalar_put(self, field: FieldDescriptor) -> Read:
        name, convert = field.name, self._value_reader(field)
        return lambda message, value: setattr(message, name, convert(value))

    def _value_reader(self, field: FieldDescriptor) -> scalars.Convert:
        convert = scalars.reader(field, self._form)
        if field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue":
            return lambda value: 0 if value is None else convert(value)
        return convert

    def _message_put(self, field: FieldDescriptor) -> Read:
        name, read = field.name, self.of(inner_type(field))

        def put(message: Any, value: Any) -> None:
            inner = getattr(message, name)
            inner.SetInParent()
            read(inner, value)

        return put

    def _scalars_put(self, field: FieldDescriptor) -> Read:
        name, convert = field.name, self._value_reader(field)
        double = field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE

        def put(message: Any, values: Any) -> None:
            _check_list(values)
            into = getattr(message, name)
            # Columns of points are long. A number beyond 64 bits was read as infinite and takes the slow way to its
            # error.
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

    def _messages_put(self, field: FieldDescriptor) -> Read:
        name, read = field.name, self.of(inner_type(field))
        add_plain = _plain_adder(inner_type(field))

        def put(message: Any, values: Any) -> None:
            _check_list(values)
            into = getattr(message, name)
            if add_plain(into, values):
                return
            for index, value in enumerate(values):
                try:
                    read(into.add(), value)
                except Problem as problem:
                    problem.inside(at_index(index))
                    raise

        return put

    def _map_put(self, field: FieldDescriptor) -> Read:
        name, entry = field.name, inner_type(field)
        read_key = scalars.key_reader(entry.fields_by_name["key"], self._form)
        put_entry = self._entry_put(entry.fields_by_name["value"])

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

    def _entry_put(self, field: FieldDescriptor) -> Callable[[Any, Any, Any], None]:
        if field.message_type is not None:
            read = self.of(field.message_type)
            return lambda into, key, value: read(into[key], value)
        convert = self._value_reader(field)
        return lambda into, key, value: into.__setitem__(key, convert(value))

    def _read_any(self, message: Any, value: Any) -> None:
        """An object with `@type` and the fields of that type, or its own form as `value`."""
        if type(value) is not dict:
            raise Problem(f"must be an object, not {shown(value)}", value)
        if not value:
            return
        url = value.get("@type")
        descriptor = _any_type(url)
        rest = {key: item for key, item in value.items() if key != "@type"}
        inner = message_factory.GetMessageClass(descriptor)()
        if not wellknown.has_own_form(descriptor.full_name):
            self.of(descriptor)(inner, rest)
        elif set(rest) == {"value"}:
            self.of(descriptor)(inner, rest["value"])
        else:
            raise Problem(f"must have @type and value and nothing else for {descriptor.full_name}", value)
        message.Pack(inner)
        message.type_url = url


def _plain_adder(descriptor: Descriptor) -> Callable[[Any, list[Any]], bool]:
    """Makes a function that adds messages to a list at one go.

    It says whether it could: when every key is a field in proto spelling, and every value goes as it is. Points of
    metrics come like that, by the thousand; checked by column they take a third of the time of reading them one by one.
    """
    if wellknown.has_own_form(descriptor.full_name):
        return lambda into, values: False
    types = {field.name: _PLAIN_TYPES[field.cpp_type] for field in descriptor.fields if _is_plain(field)}

    def is_plain(values: list[Any]) -> bool:
        if set(map(type, values)) != {dict}:
            return False
        for key in set(chain.from_iterable(set(map(tuple, values)))):
            column = [value[key] for value in values if key in value]
            plain = types.get(key, _NO_TYPES)
            if not plain.issuperset(map(type, column)):
                return False
            # Too large a number was read as infinite. A sum may overflow, and is then looked at one by one.
            if float in plain and not math.isfinite(sum(column)):
                return False
        return True

    def add_plain(into: Any, values: list[Any]) -> bool:
        if not is_plain(values):
            return False
        add = into.add
        try:
            for value in values:
                add(**value)
        except ValueError:  # out of range, or a lone surrogate
            del into[:]
            return False
        return True

    return add_plain


def _is_plain(field: FieldDescriptor) -> bool:
    if field.is_repeated or field.type == FieldDescriptor.TYPE_BYTES or real_oneof(field) is not None:
        return False
    return field.cpp_type in _PLAIN_TYPES


def _any_type(url: Any) -> Descriptor:
    try:
        if type(url) is not str or "/" not in url:
            raise KeyError(url)
        return descriptor_pool.Default().FindMessageTypeByName(url.rpartition("/")[2])
    except KeyError:
        described = f'must be the URL of a known type such as "type.googleapis.com/milepost.v1.Run", not {shown(url)}'
        problem = Problem(described, url)
        problem.inside('["@type"]')
        raise problem from None


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


def _check_list(values: Any) -> None:
    if type(values) is not list:
        raise Problem(f"must be an array, not {shown(values)}", values)
