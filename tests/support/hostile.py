"""Random requests that a careless or hostile caller may send."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from support.values import INT64_MAX, INT64_MIN, PAYLOAD_NAN

_TEXTS = [
    "", " ", "a", "0x1", "-1", "1.5", "9" * 18, "9" * 19, "9" * 400, "x" * 251, "x" * 600, "\x00", "a\x00b", "\x7f", "\r\n", "é", "e\u0301",
    "🚀", "\u202e", "\ufffe", "' OR 1=1 --", '"; DROP TABLE run; --', "%", "_", "\\", "%s%n", "{}", "${x}", "../..", "/etc/passwd", "a/b",
    "name =", "metrics.a > 1", "metrics.a > 1e999", "NOT NOT", "(" * 200, "name LIKE '%%%%%%%%%%%%'", "name DESC, name", "tags.` `",
    "start_time > '9999-99-99'", "name", "*", "run_id", "tags.a", "eyJhIjoxfQ==", "null", "NaN", "Infinity", "[1,", "STATE_RUNNING",
]  # fmt: skip
_INTEGERS = [0, 1, -1, 2, 100, 2**31 - 1, -(2**31), 2**53, INT64_MAX, INT64_MIN]
_FLOATS = [0.0, -0.0, 1.5, 5e-324, 1.7e308, math.inf, -math.inf, math.nan, PAYLOAD_NAN]
_MOST_DEPTH = 4


def hostile_message(dice: random.Random, message_class: type[Message], texts: Sequence[str]) -> Message:
    """A message of any fields with odd values; `texts` are values that make sense, such as ids that exist."""
    return _message(dice, message_class, [*texts] * 8 + _TEXTS, 0)


def hostile_bytes(dice: random.Random, valid: bytes) -> bytes:
    """`valid` with a few bytes changed, removed, doubled or added."""
    content = bytearray(valid)
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(content))
        piece = bytes(dice.choices([0, 1, 0x0A, 0x22, 0x7F, 0x80, 0xC0, 0xFF], k=dice.randint(0, 3)))
        content[at : at + dice.randint(0, 3)] = piece + (content[at : at + 4] if dice.random() < 0.3 else b"")
    return bytes(content)


def hostile_json(dice: random.Random, value: Any) -> Any:
    """A JSON value with some of its parts replaced by values of other kinds."""
    if dice.random() < 0.15:
        return dice.choice([None, True, 1.5, -1, 2**70, 1e300, "", "x", [], {}, [[]], {"a": None}, dice.choice(_TEXTS)])
    if isinstance(value, dict):
        return {
            dice.choice([key, key, key, key.upper(), "nope"]): hostile_json(dice, one) for key, one in value.items()
        }
    if isinstance(value, list):
        return [hostile_json(dice, one) for one in value]
    return value


def json_bytes(value: Any) -> bytes:
    """JSON with what Python adds to it: lone surrogates and huge integers as they are."""
    return json.dumps(value).encode()


def _message(dice: random.Random, message_class: type[Message], texts: Sequence[str], depth: int) -> Message:
    message: Any = message_class()
    for field in message_class.DESCRIPTOR.fields:
        if dice.random() < 0.4 or (field.message_type is not None and depth >= _MOST_DEPTH):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(dice, getattr(message, field.name), field, texts, depth)
        elif field.is_repeated:
            _fill_list(dice, getattr(message, field.name), field, texts, depth)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(_value(dice, field, texts, depth))
        else:
            setattr(message, field.name, _value(dice, field, texts, depth))
    return message


def _fill_map(dice: random.Random, into: Any, field: FieldDescriptor, texts: Sequence[str], depth: int) -> None:
    entry = field.message_type
    for _ in range(dice.randint(0, 3)):
        key = _value(dice, entry.fields_by_name["key"], texts, depth)
        value = _value(dice, entry.fields_by_name["value"], texts, depth)
        if isinstance(value, Message):
            into[key].CopyFrom(value)
        else:
            into[key] = value


def _fill_list(dice: random.Random, into: Any, field: FieldDescriptor, texts: Sequence[str], depth: int) -> None:
    into.extend(_value(dice, field, texts, depth) for _ in range(dice.choice([0, 1, 1, 2, 3])))


def _value(dice: random.Random, field: FieldDescriptor, texts: Sequence[str], depth: int) -> Any:
    if field.message_type is not None:
        return _message(dice, message_factory.GetMessageClass(field.message_type), texts, depth + 1)
    if field.enum_type is not None:
        return dice.choice([*(value.number for value in field.enum_type.values), 99, -1, 2**31 - 1])
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
        return dice.choice([number for number in _INTEGERS if -(2**31) <= number < 2**31])
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT64:
        return dice.choice(_INTEGERS)
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return dice.choice(_FLOATS)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if field.type == FieldDescriptor.TYPE_BYTES:
        return dice.choice([b"", b"\x00", b"abc", b"\xff" * 300])
    return dice.choice(texts)
