"""From Python values of a model's answer to fields, by the types of a signature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from milepost.models._data_files import plain
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    VectorType,
)
from milepost_server.serving.codecs.times import iso_texts

# Sets a field of a message. Leaves it out for a value that is missing.
WriteField = Callable[[Message, Any], None]

_Fill = Callable[[Any, Any], None]
_EXACT = 2**53
_NUMPY_EPOCH = np.datetime64(0, "ns")


class Unfit(Exception):
    """A value of an answer is not what the signature says."""


def field_writer(kind: ColumnType, required: bool, field: FieldDescriptor) -> WriteField:
    """Writes a field that `milepost.models.contracts` made for a type.

    The writer raises `Unfit`, or `TypeError` or `ValueError` of protobuf.
    """
    name = field.name
    if required and isinstance(kind, ArrayType | VectorType | MapType):
        fill = _map_filler(kind, field) if isinstance(kind, MapType) else _list_filler(kind, field)
    elif field.message_type is None:
        return _scalar_writer(field)
    else:
        fill = _filler(kind, field.message_type)

    def write(message: Message, value: Any) -> None:
        if kind.__class__ is AnyType or not _is_missing(value):
            fill(getattr(message, name), value)

    return write


def item_converter(field: FieldDescriptor) -> Callable[[Any], Any]:
    """What makes an element of a field of scalars from one of an answer; none may be missing. Raises as writers do."""
    convert = _converter(field)

    def convert_item(value: Any) -> Any:
        converted = convert(value)
        if converted is None:
            raise Unfit
        return converted

    return convert_item


def fill_time(timestamp: Any, value: Any) -> None:
    """Sets a `google.protobuf.Timestamp`. Times without a time zone are UTC."""
    if _is_missing(value):
        raise Unfit
    if isinstance(value, np.datetime64):
        nanoseconds = int((value.astype("datetime64[ns]") - _NUMPY_EPOCH).astype(np.int64))
    elif isinstance(value, datetime):
        zoned = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        timestamp.FromDatetime(zoned)
        # What pandas' times have beside those of Python.
        timestamp.nanos += getattr(value, "nanosecond", 0)
        return
    elif isinstance(value, date):
        nanoseconds = int((np.datetime64(value, "ns") - _NUMPY_EPOCH).astype(np.int64))
    else:
        raise Unfit
    timestamp.FromNanoseconds(nanoseconds)


def fill_value(target: Any, value: Any) -> None:
    """Sets a `google.protobuf.Value`. What JSON has no type for is a text, also integers that no double equals."""
    if value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str) or (isinstance(value, int) and abs(value) > _EXACT):
        target.string_value = str(value)
    elif isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        target.number_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for key, item in value.items():
            fill_value(target.struct_value.fields[str(key)], item)
    elif isinstance(value, list | tuple):
        target.list_value.SetInParent()
        for item in value:
            fill_value(target.list_value.values.add(), item)
    else:
        fill_value(target, _json(value))


def _json(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return iso_texts(value.reshape(1))[0]
    if isinstance(value, np.ndarray) and value.dtype.kind == "M":
        return iso_texts(value)
    return plain(value)


def _scalar_writer(field: FieldDescriptor) -> WriteField:
    name, convert = field.name, _converter(field)

    def write(message: Message, value: Any) -> None:
        if value is not None:
            converted = convert(value)
            if converted is not None:
                setattr(message, name, converted)

    return write


def _converter(field: FieldDescriptor) -> Callable[[Any], Any]:
    """What makes a value of a field from one of an answer; None for a missing one."""
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return _float32 if field.type == FieldDescriptor.TYPE_FLOAT else _number
    if field.cpp_type in _INTEGERS:
        return _integer
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _boolean
    return _bytes if field.type == FieldDescriptor.TYPE_BYTES else _text


_INTEGERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
)


def _number(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise Unfit
    return float(value)


def _float32(value: Any) -> float:
    """Rounds to 24 bits, as the signature says."""
    number = _number(value)
    if math.isfinite(number) and abs(number) > _MOST_FLOAT32:
        raise Unfit
    return number


# From half of the last step beyond it, floats are infinite.
_MOST_FLOAT32 = float(np.finfo(np.float32).max)


def _integer(value: Any) -> int | None:
    if isinstance(value, float | np.floating):
        # Tables of pandas have floats where integers are missing.
        if value != value:
            return None
        if not float(value).is_integer():
            raise Unfit
        return int(value)
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise Unfit
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise Unfit
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise Unfit
    return bytes(value)


def _filler(kind: ColumnType, message: Descriptor) -> _Fill:
    """Fills the message of a single value."""
    if kind is DataType.DATETIME:
        return fill_time
    if isinstance(kind, AnyType):
        return fill_value
    if isinstance(kind, ObjectType):
        return _object_filler(kind, message)
    only = message.fields_by_number[1]
    fill = _map_filler(kind, only) if isinstance(kind, MapType) else _list_filler(kind, only)

    def fill_inside(target: Any, value: Any) -> None:
        target.SetInParent()
        fill(getattr(target, only.name), value)

    return fill_inside


def _object_filler(kind: ObjectType, message: Descriptor) -> _Fill:
    writes = {
        member.name: field_writer(member.type, member.required, message.fields_by_number[number])
        for number, member in enumerate(kind.properties, start=1)
    }

    def fill(target: Any, value: Any) -> None:
        if not isinstance(value, Mapping) or not value.keys() <= writes.keys():
            raise Unfit
        target.SetInParent()
        for name, item in value.items():
            writes[name](target, item)

    return fill


def _list_filler(kind: ColumnType, field: FieldDescriptor) -> _Fill:
    items = kind.items if isinstance(kind, ArrayType) else DataType.DOUBLE
    if field.message_type is None:
        convert = item_converter(field)
        return lambda target, value: target.extend([convert(item) for item in _items(value)])
    fill = _filler(items, field.message_type)

    def fill_all(target: Any, value: Any) -> None:
        for item in _items(value):
            fill(target.add(), item)

    return fill_all


def _map_filler(kind: MapType, field: FieldDescriptor) -> _Fill:
    assert field.message_type is not None
    of_value = field.message_type.fields_by_name["value"]
    if of_value.message_type is None:
        convert = item_converter(of_value)
        return lambda target, value: target.update({key: convert(item) for key, item in _entries(value)})
    fill = _filler(kind.values, of_value.message_type)

    def fill_all(target: Any, value: Any) -> None:
        for key, item in _entries(value):
            fill(target[key], item)

    return fill_all


def _items(value: Any) -> Any:
    if hasattr(value, "toArray"):  # a vector of Spark
        value = value.toArray()
    if not isinstance(value, list | tuple | np.ndarray):
        raise Unfit
    return value


def _entries(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise Unfit
    return value.items()


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating | np.datetime64) and bool(value != value)
