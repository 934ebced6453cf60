"""From fields to Python values, by the types of a signature."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    VectorType,
)
from milepost_server.calls.field_rules import Broken
from milepost_server.serving.typed.fields import absent, broken

# Takes a message, and gives the value of its field; `ABSENT` where it is not there and need not be.
ReadField = Callable[[Message], Any]
ABSENT = object()

_ReadItem = Callable[[Any], Any]
_NANOSECONDS = 1_000_000_000
# Nanoseconds since 1970 in 64 bits reach a little further.
_FIRST, _LAST = (int(np.datetime64(year, "ns").astype(np.int64)) for year in ("1678", "2262"))
_LAST -= 1
_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1)


def field_reader(kind: ColumnType, required: bool, field: FieldDescriptor) -> ReadField:
    """Reads a field that `milepost.models.contracts` made for a type.

    The reader raises `Broken`, with the path below the message.
    """
    name = field.name
    if required and isinstance(kind, ArrayType | VectorType):
        read_items = _items_reader(kind, field)
        return lambda message: _within(f".{name}", read_items, getattr(message, name))
    if required and isinstance(kind, MapType):
        read_entries = _entries_reader(kind, field)
        return lambda message: _within(f".{name}", read_entries, getattr(message, name))
    read = _item_reader(kind, field.message_type)

    def read_single(message: Message) -> Any:
        if message.HasField(name):
            return _within(f".{name}", read, getattr(message, name))
        if required:
            raise absent().inside(f".{name}")
        return ABSENT

    return read_single


def nanoseconds(timestamp: Any) -> int:
    """A `google.protobuf.Timestamp` as nanoseconds since 1970, which fit into 64 bits."""
    nanos = timestamp.nanos
    whole: int = timestamp.seconds * _NANOSECONDS + nanos
    if not 0 <= nanos < _NANOSECONDS:
        raise broken("is no time: nanos must be from 0 to 999,999,999")
    if not _FIRST <= whole <= _LAST:
        raise broken("must be a time from 1678 to 2261")
    return whole


def from_value(value: Any) -> Any:
    """A `google.protobuf.Value` in Python's types. Numbers without a fraction are integers, as in JSON."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if math.isfinite(number) and number.is_integer() and abs(number) <= _EXACT else number
    if kind == "list_value":
        return [_within(f".list_value.values[{i}]", from_value, each) for i, each in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        return {key: _within(".struct_value.fields[...]", from_value, each) for key, each in fields.items()}
    if kind == "null_value":
        return None
    if kind is None:
        raise broken("has no value; set null_value where none is meant")
    return getattr(value, kind)


def _item_reader(kind: ColumnType, message: Descriptor | None) -> _ReadItem:
    """Reads a single value: a scalar, or a message."""
    if kind is DataType.DATETIME:
        return _time
    if isinstance(kind, DataType):
        return _same
    if isinstance(kind, AnyType):
        return from_value
    assert message is not None
    if isinstance(kind, ObjectType):
        return _object_reader(kind, message)
    only = message.fields_by_number[1]
    read = _entries_reader(kind, only) if isinstance(kind, MapType) else _items_reader(kind, only)
    return lambda value: _within(f".{only.name}", read, getattr(value, only.name))


def _time(timestamp: Any) -> datetime:
    """Times inside of values are Python's."""
    microseconds, rest = divmod(nanoseconds(timestamp), 1000)
    if rest:
        raise broken("must be a time of whole microseconds, as all are that are inside of a value")
    return _EPOCH + timedelta(microseconds=microseconds)


def _items_reader(kind: ArrayType | VectorType, field: FieldDescriptor) -> _ReadItem:
    read = _item_reader(kind.items if isinstance(kind, ArrayType) else DataType.DOUBLE, field.message_type)
    if read is _same:
        return list
    return lambda items: [_within(f"[{i}]", read, item) for i, item in enumerate(items)]


def _entries_reader(kind: MapType, field: FieldDescriptor) -> _ReadItem:
    assert field.message_type is not None
    read = _item_reader(kind.values, field.message_type.fields_by_name["value"].message_type)
    if read is _same:
        return dict
    return lambda entries: {key: _within("[...]", read, item) for key, item in entries.items()}


def _object_reader(kind: ObjectType, message: Descriptor) -> _ReadItem:
    members: Sequence[tuple[str, ReadField]] = [
        (member.name, field_reader(member.type, member.required, message.fields_by_number[number]))
        for number, member in enumerate(kind.properties, start=1)
    ]

    def read(value: Message) -> dict[str, Any]:
        found = {name: read_member(value) for name, read_member in members}
        return {name: member for name, member in found.items() if member is not ABSENT}

    return read


def _same(value: Any) -> Any:
    return value


def _within(part: str, read: _ReadItem, value: Any) -> Any:
    try:
        return read(value)
    except Broken as wrong:
        wrong.inside(part)
        raise
