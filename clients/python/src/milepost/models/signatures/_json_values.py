"""What JSON has no types for: bytes, times, single precision, and numbers that are not finite."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

from milepost.errors import SchemaMismatch
from milepost.models.signatures.schema import ArrayType, ColumnType, DataType, MapType, ObjectType, VectorType

Decode = Callable[[Any, str], Any]
"""Takes a value as JSON has it and its place; gives what the check takes, and leaves what it cannot read."""

NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_MAX_DEPTH = 100
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?) ?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


def compile_decode(column_type: ColumnType, field: str, *, inner: bool = False) -> Decode | None:
    """The function that reads values of a type out of JSON; None for types that JSON has.

    | type | in JSON |
    |---|---|
    | float, double, vector | also the texts `NaN`, `Infinity` and `-Infinity`; decimals are rounded to the type |
    | binary | base64 |
    | datetime | ISO 8601 with at most nine decimals; times with an offset become UTC |
    | any | anything with at most 100 levels |

    Args:
        column_type: What the value must become.
        field: Column or param that errors name.
        inner: Whether the value is inside of a list or a mapping.
    """
    if isinstance(column_type, DataType):
        scalar = _inner_datetime if inner and column_type is DataType.DATETIME else _SCALARS.get(column_type)
        return None if scalar is None else lambda value, where: scalar(value, where, field)
    if isinstance(column_type, ArrayType):
        return _compile_items(compile_decode(column_type.items, field, inner=True))
    if isinstance(column_type, VectorType):
        return _compile_items(compile_decode(DataType.DOUBLE, field))
    if isinstance(column_type, MapType):
        return _compile_map(compile_decode(column_type.values, field, inner=True))
    if isinstance(column_type, ObjectType):
        return _compile_object(column_type, field)
    return lambda value, where: check_depth(value, where, field)


def single(value: float) -> float:
    """The number of single precision next to a decimal one; the number itself where only an infinity is."""
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value))
    return value if np.isinf(rounded) else rounded


def time_of(text: str, where: str, field: str) -> np.datetime64:
    """The time, in nanoseconds, that a text of ISO 8601 says; in UTC when it has an offset.

    Raises:
        SchemaMismatch: The text is none, or nanoseconds since 1970 do not reach it: they do from 1678 to 2261.
    """
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        time = np.datetime64(found[1].replace(" ", "T"), "ns")
        year = int(text[:4])
        if not 1678 <= year <= 2261:
            raise SchemaMismatch(f"{where}: a time is not between 1678 and 2261.", field)
        return time + _to_utc(found[2]) if found[2] else time
    except ValueError:
        raise SchemaMismatch(
            f"{where}: a text is no time of ISO 8601, such as 2026-01-31T12:30:00.5, with at most 9 decimals.", field
        ) from None


def bytes_of(text: str, where: str, field: str) -> bytes:
    """The bytes that a text of base64 says.

    Raises:
        SchemaMismatch: The text is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SchemaMismatch(f"{where}: a text is no base64, in which JSON has bytes.", field) from None


def check_depth(value: Any, where: str, field: str = "") -> Any:
    """The value, unless it nests so deeply that a recursive function could not walk it.

    Raises:
        SchemaMismatch: It has more than 100 levels.
    """
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        containers = [item for item in level if type(item) in (dict, list, tuple)]
        if not containers:
            return value
        level = [inner for item in containers for inner in (item.values() if type(item) is dict else item)]
    raise SchemaMismatch(f"{where}: nests deeper than {_MAX_DEPTH} levels.", field)


def _to_utc(text: str) -> np.timedelta64:
    """What leads from a local time with this offset to UTC."""
    if text == "Z":
        return np.timedelta64(0, "m")
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return np.timedelta64((hours * 60 + minutes) * (1 if text[0] == "-" else -1), "m")


def _double(value: Any, where: str, field: str) -> Any:
    return NOT_FINITE.get(value, value) if type(value) is str else value


def _single(value: Any, where: str, field: str) -> Any:
    return single(value) if type(value) is float else _double(value, where, field)


def _binary(value: Any, where: str, field: str) -> Any:
    return bytes_of(value, where, field) if isinstance(value, str) else value


def _datetime(value: Any, where: str, field: str) -> Any:
    return time_of(value, where, field) if isinstance(value, str) else value


_SCALARS: dict[DataType, Callable[[Any, str, str], Any]] = {
    DataType.FLOAT: _single,
    DataType.DOUBLE: _double,
    DataType.BINARY: _binary,
    DataType.DATETIME: _datetime,
}


def _inner_datetime(value: Any, where: str, field: str) -> Any:
    """Inside of lists and mappings times are Python's, which have microseconds."""
    if not isinstance(value, str):
        return value
    time = time_of(value, where, field)
    rounded = time.astype("datetime64[us]")
    if rounded != time:
        raise SchemaMismatch(f"{where}: a time inside of a value has at most 6 decimals.", field)
    return rounded.astype(datetime)


def _compile_items(decode: Decode | None) -> Decode | None:
    if decode is None:
        return None

    def decode_items(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            return value
        return [decode(item, f"{where}[{i}]") for i, item in enumerate(value)]

    return decode_items


def _compile_map(decode: Decode | None) -> Decode | None:
    if decode is None:
        return None

    def decode_values(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: decode(item, f"{where}[…]") for key, item in value.items()}

    return decode_values


def _compile_object(column_type: ObjectType, field: str) -> Decode | None:
    members = {member.name: compile_decode(member.type, field, inner=True) for member in column_type.properties}
    decodes = {name: decode for name, decode in members.items() if decode is not None}
    if not decodes:
        return None

    def decode_members(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            return value
        made = dict(value)
        for name, decode in decodes.items():
            if name in made:
                made[name] = decode(made[name], f"{where}[{name!r:.50}]")
        return made

    return decode_members
