"""Single values of fields: how each proto type is written to JSON and read from it."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from milepost_server.errors import quote
from milepost_server.rest.json_form import JsonForm
from milepost_server.rest.json_text import BareConstant
from milepost_server.rest.problem import Problem, shown

Convert = Callable[[Any], Any]

_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TO_STANDARD = str.maketrans("-_", "+/")

_INT32 = (-(2**31), 2**31 - 1)
_UINT32 = (0, 2**32 - 1)
_INT64 = (-(2**63), 2**63 - 1)
_UINT64 = (0, 2**64 - 1)
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_UINT32: _UINT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT64: _UINT64,
}


def writer(field: FieldDescriptor, form: JsonForm) -> Convert | None:
    """Converts a value of `field`, which is no message, to what orjson writes. None where it is that already."""
    kind = field.cpp_type
    if kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64):
        return None if form.wide_numbers else str
    if kind == FieldDescriptor.CPPTYPE_DOUBLE:
        return write_double
    if kind == FieldDescriptor.CPPTYPE_FLOAT:
        return _write_float
    if field.type == FieldDescriptor.TYPE_BYTES:
        return write_bytes
    if field.enum_type is not None:
        return _enum_writer(field.enum_type)
    return None


def list_writer(field: FieldDescriptor, form: JsonForm) -> Convert:
    """Converts the values of the repeated field `field`, which holds no messages."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _write_doubles
    convert = writer(field, form)
    if convert is None:
        return list
    return lambda values: list(map(convert, values))


def write_double(value: float) -> float | str:
    """A double as a number, or as a string where JSON has no number for it."""
    return value if math.isfinite(value) else _name(value)


def write_bytes(value: bytes) -> str:
    """Bytes as padded standard base64."""
    return base64.b64encode(value).decode("ascii")


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _write_doubles(values: Any) -> list[float | str]:
    # A sum that is finite has finite parts only; the other way round it may overflow, which costs time alone.
    return list(values) if math.isfinite(sum(values)) else list(map(write_double, values))


def _write_float(value: float) -> float | str:
    """The shortest decimal that reads back as the same 32 bits."""
    if not math.isfinite(value):
        return _name(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if _as_float(short) == value:
            return short
    return float(f"{value:.9g}")


def _enum_writer(enum: EnumDescriptor) -> Convert:
    if enum.full_name == "google.protobuf.NullValue":
        return lambda _: None
    # The first of several names for one number is the one that counts.
    names = {value.number: value.name for value in reversed(enum.values)}
    return lambda number: names.get(number, number)


def reader(field: FieldDescriptor, form: JsonForm) -> Convert:
    """Converts what orjson read to a value of `field`, which is no message; raises `Problem` when it does not fit."""
    kind = field.cpp_type
    if kind in _RANGES:
        return _integer_reader(*_RANGES[kind])
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        read = _read_loose_double if form.loose else read_double
        return read if kind == FieldDescriptor.CPPTYPE_DOUBLE else _float_reader(read)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return read_bool
    if field.enum_type is not None:
        return _enum_reader(field.enum_type, form)
    return read_bytes if field.type == FieldDescriptor.TYPE_BYTES else read_string


def _integer_reader(least: int, greatest: int) -> Convert:
    def read(value: Any) -> int:
        if type(value) is int:
            number = value
        elif (type(value) is str and _INTEGER.fullmatch(value)) or (type(value) is float and value.is_integer()):
            number = int(value)
        else:
            raise Problem(f"must be a whole number, not {shown(value)}", value)
        if not least <= number <= greatest:
            raise Problem(f"must be between {least} and {greatest}, not {quote(value)}", value)
        return number

    return read


def read_double(value: Any) -> float:
    """A double from a number, or from a string with a number or one of `NaN`, `Infinity`, `-Infinity`."""
    if type(value) is float or type(value) is int:
        number = float(value)
    elif type(value) is str and value in _SPECIAL:
        return _SPECIAL[value]
    elif type(value) is str and _NUMBER.fullmatch(value):
        number = float(value)
    elif isinstance(value, BareConstant):
        raise Problem(f'JSON has no bare {value}: send "{value}" as a string', value)
    else:
        raise Problem(
            f'must be a number or one of the strings "NaN", "Infinity" and "-Infinity", not {shown(value)}', value
        )
    if math.isinf(number):
        raise Problem(f'{quote(value)} is beyond 64 bits: send a smaller number, or "Infinity"', value)
    return number


def _read_loose_double(value: Any) -> float:
    return _SPECIAL[value.text] if type(value) is BareConstant else read_double(value)


def _float_reader(read_double: Convert) -> Convert:
    def read(value: Any) -> float:
        number = read_double(value)
        rounded = _as_float(number)
        if math.isinf(rounded) and not math.isinf(number):
            raise Problem(f'{quote(value)} is beyond 32 bits: send a smaller number, or "Infinity"', value)
        return rounded

    return read


def _as_float(value: float) -> float:
    """`value` rounded to 32 bits; infinite when it is too large for them."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def read_bool(value: Any) -> bool:
    """`true` or `false`, nothing else."""
    if value is True or value is False:
        return bool(value)
    raise Problem(f"must be true or false, not {shown(value)}", value)


def read_string(value: Any) -> str:
    """Text. Lone surrogates are left to protobuf, which refuses them."""
    if type(value) is str:
        return value
    raise Problem(f"must be a string, not {shown(value)}", value)


def read_bytes(value: Any) -> bytes:
    """Bytes from standard or URL-safe base64, padded or not."""
    if type(value) is str:
        text = value.translate(_TO_STANDARD).rstrip("=")
        try:
            return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        except ValueError:
            pass
    raise Problem(f"must be a string in base64, not {shown(value)}", value)


def _enum_reader(enum: EnumDescriptor, form: JsonForm) -> Convert:
    numbers = {value.name: value.number for value in enum.values}
    known = set(numbers.values())
    some = ", ".join(list(numbers)[:20])
    if form.loose:
        numbers |= {str(number): number for number in known}

    def read(value: Any) -> int:
        if type(value) is str and value in numbers:
            return numbers[value]
        if type(value) is int and value in known:
            return value
        raise Problem(f"must be one of {some}, not {shown(value)}", value)

    return read


def key_reader(field: FieldDescriptor, form: JsonForm) -> Convert:
    """Converts a key of a JSON object to a key of the map whose key field is `field`."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _read_bool_key
    return reader(field, form)


def _read_bool_key(value: str) -> bool:
    if value in ("true", "false"):
        return value == "true"
    raise Problem(f"must be true or false, not {shown(value)}", value)


def write_key(key: Any) -> str:
    """A key of a map as a key of a JSON object."""
    if key is True or key is False:
        return "true" if key else "false"
    return str(key)
