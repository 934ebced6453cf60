"""Random requests that a careless or hostile caller may send."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from support.values import INT64_MAX, INT64_MIN, PAYLOAD_NAN

_TEXTS = [
    "", " ", "a", "0x1", "-1", "1.5", "9" * 18, "9" * 19, "9" * 400, "x" * 251, "x" * 600, "\x00", "a\x00b", "\x7f",
    "\r\n", "é", "e\u0301", "🚀", "\u202e", "\ufffe", "' OR 1=1 --", '"; DROP TABLE run; --', "%", "_", "\\", "%s%n",
    "{}", "${x}", "../..", "/etc/passwd", "a/b", "name =", "metrics.a > 1", "metrics.a > 1e999", "NOT NOT", "(" * 200,
    "name LIKE '%%%%%%%%%%%%'", "name DESC, name", "tags.` `", "start_time > '9999-99-99'", "name", "*", "run_id",
    "tags.a", "eyJhIjoxfQ==", "null", "NaN", "Infinity", "[1,", "STATE_RUNNING",
]  # fmt: skip
_INTEGERS = [-1, 2**31 - 1, -(2**31), 2**53, INT64_MAX, INT64_MIN]
_FLOATS = [0.0, -0.0, 1.5, 5e-324, 1.7e308, math.inf, -math.inf, math.nan, PAYLOAD_NAN]
_MOST_DEPTH = 4
# What makes sense in a text field of this name; elsewhere any short key does.
_SENSIBLE = {
    "filter": ["", "name != 'x'", "tags.a = 'b'"],
    "order_by": ["", "name", "create_time DESC"],
    "page_token": [""],
    "paths": ["name", "description", "tags"],
    "json_value": ["{}", "[1]"],
    "sha256": [""],
    "upload_id": [""],
}


class Hostile:
    """Makes messages whose fields mostly make sense and sometimes do not, always the same ones for a seed.

    Args:
        seed: Of the random choices.
        known: By field name, texts that mean something to the server, such as ids that exist.
    """

    def __init__(self, seed: str, known: Mapping[str, Sequence[str]]) -> None:
        self.dice = random.Random(seed)
        self._sensible = {**_SENSIBLE, **known}
        self._oddness = 0.0

    def message(self, message_class: type[Message]) -> Any:
        """A message of any fields."""
        self._oddness = self.dice.choice([0.0, 0.03, 0.1, 0.5])
        return self._message(message_class, 0)

    def _odd(self) -> bool:
        return self.dice.random() < self._oddness

    def _message(self, message_class: type[Message], depth: int) -> Any:
        message: Any = message_class()
        for field in cast("Sequence[FieldDescriptor]", message_class.DESCRIPTOR.fields):
            if self.dice.random() < 0.3 or (field.message_type is not None and depth >= _MOST_DEPTH):
                continue
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                self._fill_map(getattr(message, field.name), field.message_type, depth)
            elif field.is_repeated:
                count = self.dice.choice([0, 2, 3]) if self._odd() else 1
                getattr(message, field.name).extend(self._value(field, depth) for _ in range(count))
            elif field.message_type is not None:
                getattr(message, field.name).CopyFrom(self._value(field, depth))
            else:
                setattr(message, field.name, self._value(field, depth))
        return message

    def _fill_map(self, into: Any, entry: Any, depth: int) -> None:
        for _ in range(self.dice.randint(0, 3)):
            key = self._value(entry.fields_by_name["key"], depth)
            value = self._value(entry.fields_by_name["value"], depth)
            if isinstance(value, Message):
                into[key].CopyFrom(value)
            else:
                into[key] = value

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        dice, odd = self.dice, self._odd()
        if field.message_type is not None:
            return self._message(message_factory.GetMessageClass(field.message_type), depth + 1)
        if field.enum_type is not None:
            known = [value.number for value in field.enum_type.values]
            return dice.choice([99, -1, 2**31 - 1] if odd else known)
        if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
            wide = field.cpp_type == FieldDescriptor.CPPTYPE_INT64
            return dice.choice([n for n in _INTEGERS if wide or -(2**31) <= n < 2**31] if odd else [0, 1, 2, 1000])
        if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
            return dice.choice(_FLOATS)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return dice.random() < 0.5
        if field.type == FieldDescriptor.TYPE_BYTES:
            return dice.choice([b"", b"\x00", b"abc", b"\xff" * 300])
        return dice.choice(_TEXTS if odd else self._sensible.get(field.name, ["a", "b", "c"]))


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
        return dice.choice([None, True, 1.5, -1, 2**70, 1e300, "x", [], {}, [[]], {"a": None}, dice.choice(_TEXTS)])
    if isinstance(value, dict):
        return {key if dice.random() < 0.9 else "nope": hostile_json(dice, one) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile_json(dice, one) for one in value]
    return value
