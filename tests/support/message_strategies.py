"""Random messages of any type."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from google.protobuf import any_pb2, duration_pb2, message_factory, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from milepost import v1 as pb

_CPP = FieldDescriptor
_INTEGERS = {
    _CPP.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    _CPP.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    _CPP.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    _CPP.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}
_TEXT = st.text(max_size=20)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_MAX_DEPTH = 2


def messages(message_class: type[Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Messages that have a JSON form: only known enum values, times within the years 1 to 9999, and the like.

    Args:
        message_class: Type of the messages.
        depth: Of the message inside of others; deep ones have scalars only.
    """
    return st.deferred(lambda: _messages(message_class, depth))


@st.composite
def _object(draw: st.DrawFn, message_class: type[Any], depth: int) -> Any:
    message = message_class()
    descriptor = message_class.DESCRIPTOR
    usable = [field for field in descriptor.fields if depth < _MAX_DEPTH or field.message_type is None]
    if not usable:
        return message
    fields = draw(st.lists(st.sampled_from(usable), max_size=8, unique_by=lambda field: field.name))
    for field in fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(draw, getattr(message, field.name), field.message_type, depth)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(_values(field, depth), max_size=3)))
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(draw(_values(field, depth)))
        else:
            setattr(message, field.name, draw(_values(field, depth)))
    return message


def _fill_map(draw: st.DrawFn, into: Any, entry: Descriptor, depth: int) -> None:
    key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for key in draw(st.lists(_values(key_field, depth), max_size=3)):
        value = draw(_values(value_field, depth))
        if value_field.message_type is None:
            into[key] = value
        else:
            into[key].CopyFrom(value)


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(message_factory.GetMessageClass(field.message_type), depth + 1)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.cpp_type in _INTEGERS:
        return _INTEGERS[field.cpp_type]
    if field.cpp_type == _CPP.CPPTYPE_DOUBLE:
        return st.floats()
    if field.cpp_type == _CPP.CPPTYPE_FLOAT:
        # json_format does not read the greatest one that it writes.
        return st.floats(width=32).filter(lambda value: abs(value) < 3.4028234e38 or not math.isfinite(value))
    if field.cpp_type == _CPP.CPPTYPE_BOOL:
        return st.booleans()
    return st.binary(max_size=20) if field.type == _CPP.TYPE_BYTES else _TEXT


def _messages(message_class: type[Any], depth: int) -> st.SearchStrategy[Any]:
    own: dict[str, Callable[[type[Any]], st.SearchStrategy[Any]]] = {
        "google.protobuf.Timestamp": _timestamps,
        "google.protobuf.Duration": _durations,
        "google.protobuf.FieldMask": _field_masks,
        "google.protobuf.Struct": lambda made: _json_objects().map(lambda value: _updated(made, value)),
        "google.protobuf.ListValue": lambda made: _json_lists().map(lambda value: _extended(made, value)),
        "google.protobuf.Value": lambda made: _json_values().map(lambda value: _valued(made, value)),
        "google.protobuf.Any": lambda _: _anys(depth),
    }
    make = own.get(message_class.DESCRIPTOR.full_name)
    return make(message_class) if make is not None else _object(message_class, depth)


def _timestamps(made: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda s, n: made(seconds=s, nanos=n), st.integers(-62135596800, 253402300799), _nanos())


def _durations(made: type[Any]) -> st.SearchStrategy[Any]:
    seconds = st.integers(0, 315_576_000_000)
    return st.builds(
        lambda sign, s, n: made(seconds=sign * s, nanos=sign * n), st.sampled_from([1, -1]), seconds, _nanos()
    )


def _nanos() -> st.SearchStrategy[int]:
    whole = st.integers(0, 999)
    return st.one_of(st.integers(0, 999_999_999), whole.map(lambda n: n * 1_000_000), whole.map(lambda n: n * 1000))


def _field_masks(made: type[Any]) -> st.SearchStrategy[Any]:
    path = st.from_regex(r"[a-z]+(_[a-z]+){0,2}(\.[a-z]+(_[a-z]+)?)?", fullmatch=True)
    return st.lists(path, max_size=3).map(lambda paths: made(paths=paths))


def _json_values() -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | _FINITE | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=6,
    )


def _json_objects() -> st.SearchStrategy[Any]:
    return st.dictionaries(_TEXT, _json_values(), max_size=3)


def _json_lists() -> st.SearchStrategy[Any]:
    return st.lists(_json_values(), max_size=3)


def _updated(made: type[Any], value: Any) -> Any:
    message = made()
    message.update(value)
    return message


def _extended(made: type[Any], value: Any) -> Any:
    message = made()
    message.extend(value)
    return message


def _valued(made: type[Any], value: Any) -> Any:
    message = made()
    if value is None:
        message.null_value = 0
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, float):
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, dict):
        message.struct_value.update(value)
        message.struct_value.SetInParent()
    else:
        message.list_value.extend(value)
        message.list_value.SetInParent()
    return message


def _anys(depth: int) -> st.SearchStrategy[Any]:
    inner = st.sampled_from([pb.Run, pb.ParamValue, duration_pb2.Duration, struct_pb2.Struct]).flatmap(
        lambda made: messages(made, depth + 1)
    )
    return inner.map(_packed) | st.just(any_pb2.Any())


def _packed(message: Any) -> Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
