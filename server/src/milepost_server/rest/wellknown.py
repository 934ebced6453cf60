"""The types of `google.protobuf` that have a JSON form of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from milepost_server.errors import quote
from milepost_server.rest.problem import Problem, at_index, at_key, shown
from milepost_server.rest.scalars import read_string

Write = Callable[[Any], Any]
Read = Callable[[Any, Any], None]

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_MIN_SECONDS = (datetime.min - _EPOCH) // _SECOND
_MAX_SECONDS = (datetime.max - _EPOCH) // _SECOND
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))", re.ASCII)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_MAX_DURATION_SECONDS = 315_576_000_000
_CAPITAL = re.compile(r"[A-Z]")
_UNDERSCORED = re.compile(r"_([a-z])")


def write_timestamp(message: Any) -> str:
    """RFC 3339 in UTC with 0, 3, 6 or 9 digits of the second.

    Raises:
        ValueError: Before the year 1 or after 9999: no JSON form exists.
    """
    nanos = message.nanos
    try:
        text = (_EPOCH + timedelta(0, message.seconds)).isoformat()
    except OverflowError:
        raise ValueError(f"timestamp of {message.seconds} s has no JSON form") from None
    if not nanos:
        return f"{text}Z"
    if nanos < 0 or nanos >= 1_000_000_000:
        raise ValueError(f"timestamp with {nanos} ns has no JSON form")
    return f"{text}{_fraction(nanos)}Z"


def read_timestamp(message: Any, value: Any) -> None:
    """Reads what `write_timestamp` writes, with any number of digits up to 9 and any offset."""
    match = _TIMESTAMP.fullmatch(value) if type(value) is str else None
    if match is None:
        raise Problem(f'must be a time such as "2026-01-31T13:30:00.125Z", not {shown(value)}', value)
    text, fraction, sign, hours, minutes = match.groups()
    try:
        seconds = (datetime.fromisoformat(text) - _EPOCH) // _SECOND
    except ValueError:
        raise Problem(f"{quote(value)} is no time that exists", value) from None
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        raise Problem(f"must be within the years 1 to 9999, not {quote(value)}", value)
    message.seconds = seconds
    message.nanos = int(fraction.ljust(9, "0")) if fraction else 0


def write_duration(message: Any) -> str:
    """Seconds with 0, 3, 6 or 9 decimals and the letter `s`. Raises `ValueError` past 10,000 years."""
    seconds, nanos = message.seconds, message.nanos
    fits = abs(seconds) <= _MAX_DURATION_SECONDS and abs(nanos) < 1_000_000_000 and seconds * nanos >= 0
    if not fits:
        raise ValueError(f"duration of {seconds} s and {nanos} ns has no JSON form")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def read_duration(message: Any, value: Any) -> None:
    """Reads what `write_duration` writes, with any number of decimals up to 9."""
    match = _DURATION.fullmatch(value) if type(value) is str else None
    if match is None or int(match[2]) > _MAX_DURATION_SECONDS:
        raise Problem(f'must be seconds such as "1.5s", at most 10,000 years, not {shown(value)}', value)
    sign = -1 if match[1] else 1
    message.seconds = sign * int(match[2])
    message.nanos = sign * int((match[3] or "").ljust(9, "0"))


def _fraction(nanos: int) -> str:
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03d}" if nanos else ""
    return f".{nanos // 1000:06d}" if nanos % 1000 == 0 else f".{nanos:09d}"


def write_field_mask(message: Any) -> str:
    """Paths in camelCase, separated by commas. Raises `ValueError` for a path that would not read back the same."""
    paths = []
    for path in message.paths:
        camel = _UNDERSCORED.sub(lambda match: match[1].upper(), path)
        if _snake(camel) != path:
            raise ValueError(f"field mask path {path!r} has no JSON form")
        paths.append(camel)
    return ",".join(paths)


def read_field_mask(message: Any, value: Any) -> None:
    """Reads comma-separated paths in camelCase or, which JSON's mapping forbids and people write, in proto spelling."""
    text = read_string(value)
    for path in text.split(",") if text else ():
        if not path:
            raise Problem("has an empty path: separate paths by one comma each", value)
        message.paths.append(_snake(path))


def _snake(path: str) -> str:
    return _CAPITAL.sub(lambda match: f"_{match[0].lower()}", path)


def write_value(message: Any) -> Any:
    """Any JSON. Raises `ValueError` for a number that JSON does not have and for a value without a kind."""
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return write_struct(message.struct_value)
    if kind == "list_value":
        return write_list(message.list_value)
    if kind == "null_value":
        return None
    if kind is None:
        raise ValueError("google.protobuf.Value without a kind has no JSON form")
    value = getattr(message, kind)
    if kind == "number_value" and not math.isfinite(value):
        raise ValueError("google.protobuf.Value cannot hold NaN or an infinity in JSON")
    return value


def write_struct(message: Any) -> dict[str, Any]:
    """A JSON object with sorted keys."""
    fields = message.fields
    return {key: write_value(fields[key]) for key in sorted(fields)}


def write_list(message: Any) -> list[Any]:
    """A JSON array."""
    return [write_value(value) for value in message.values]


def read_value(message: Any, value: Any) -> None:
    """Any JSON."""
    if value is None:
        message.null_value = 0
    elif value is True or value is False:
        message.bool_value = value
    elif type(value) is str:
        message.string_value = value
    elif type(value) is dict:
        message.struct_value.SetInParent()
        read_struct(message.struct_value, value)
    elif type(value) is list:
        message.list_value.SetInParent()
        read_list(message.list_value, value)
    elif (type(value) is int or type(value) is float) and math.isfinite(value):
        message.number_value = value
    else:
        raise Problem(f"JSON has no number {quote(value)}: send it as a string", value)


def read_struct(message: Any, value: Any) -> None:
    """A JSON object."""
    if type(value) is not dict:
        raise Problem(f"must be an object, not {shown(value)}", value)
    fields = message.fields
    for key, item in value.items():
        try:
            read_value(fields[key], item)
        except Problem as problem:
            problem.inside(at_key(key))
            raise


def read_list(message: Any, value: Any) -> None:
    """A JSON array."""
    if type(value) is not list:
        raise Problem(f"must be an array, not {shown(value)}", value)
    values = message.values
    for index, item in enumerate(value):
        try:
            read_value(values.add(), item)
        except Problem as problem:
            problem.inside(at_index(index))
            raise


WRITERS: dict[str, Write] = {
    "google.protobuf.Timestamp": write_timestamp,
    "google.protobuf.Duration": write_duration,
    "google.protobuf.FieldMask": write_field_mask,
    "google.protobuf.Value": write_value,
    "google.protobuf.Struct": write_struct,
    "google.protobuf.ListValue": write_list,
}
READERS: dict[str, Read] = {
    "google.protobuf.Timestamp": read_timestamp,
    "google.protobuf.Duration": read_duration,
    "google.protobuf.FieldMask": read_field_mask,
    "google.protobuf.Value": read_value,
    "google.protobuf.Struct": read_struct,
    "google.protobuf.ListValue": read_list,
}
WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
ANY = "google.protobuf.Any"


def has_own_form(full_name: str) -> bool:
    """Whether a message of this type is written otherwise than as an object of its fields; `Any` then has `value`."""
    return full_name in WRITERS or full_name in WRAPPERS or full_name == ANY
