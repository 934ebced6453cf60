"""Rules of single values: texts, integers, enums, times."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, quote

# Raises `Broken` for a value that breaks a rule.
Check = Callable[[Any], None]

# 0001-01-01 and the last second of 9999, as google.protobuf.Timestamp has it.
_FIRST_SECOND, _LAST_SECOND = -62135596800, 253402300799
# Longer than any text can be.
_ANY_LENGTH = 1 << 40


class Broken(Exception):
    """Raised where a rule is broken; each level it passes adds its own part of the path, so that success costs nothing.

    Args:
        description: What is wrong and what to do, without a final full stop.
        reason: Of the `InvalidArgument` that this becomes.
    """

    def __init__(self, description: str, reason: pb.ErrorReason.ValueType = pb.ERROR_REASON_INVALID_FIELD) -> None:
        super().__init__(description)
        self._description = description
        self._reason = reason
        self._parts: list[str] = []

    def inside(self, part: str) -> Broken:
        """Adds the next outer part of the path, such as `.name` or `[3]`."""
        self._parts.append(part)
        return self

    def to_error(self, path: str) -> InvalidArgument:
        """The error for the caller; `path` is where the outermost message is: empty, or a field's path and a dot."""
        return invalid_field(
            path + "".join(reversed(self._parts)).removeprefix("."), self._description, reason=self._reason
        )


def text_check(limits: pb.FieldLimits) -> Check:
    """For a string."""
    least = limits.min_length
    most = limits.max_length if limits.HasField("max_length") else _ANY_LENGTH
    pattern = re.compile(limits.pattern) if limits.pattern else None
    meaning = limits.pattern_meaning or limits.pattern

    def check_text(value: str | bytes) -> None:
        # What protobuf gives for a string of proto2, which it does not check when it reads bytes.
        if isinstance(value, bytes):
            raise Broken("is no UTF-8; send well-formed text")
        if not least <= len(value) <= most:
            raise Broken(f"has {len(value)} characters; {_range(least, most)} are allowed")
        if "\0" in value:
            raise Broken("holds the character U+0000; remove it")
        if pattern is not None and not pattern.fullmatch(value):
            raise Broken(f"{quote(value)} must be {meaning}")

    return check_text


def _range(least: int, most: int) -> str:
    if most == _ANY_LENGTH:
        return f"{least} or more"
    return f"{least} to {most}" if least else f"at most {most}"


def integer_check(limits: pb.FieldLimits) -> Check | None:
    """For an integer; None when it may be any."""
    least = limits.minimum if limits.HasField("minimum") else None
    most = limits.maximum if limits.HasField("maximum") else None
    if least is None and most is None:
        return None

    def check_integer(value: int) -> None:
        if least is not None and value < least:
            raise Broken(f"{value} is less than {least}; send {least} or more")
        if most is not None and value > most:
            raise Broken(f"{value} is more than {most}; send {most} or less")

    return check_integer


def enum_check(field: FieldDescriptor) -> Check:
    """For a number of an enum."""
    enum = field.enum_type
    assert enum is not None
    known = {value.number for value in enum.values}
    names = ", ".join(value.name for value in enum.values)

    def check_enum(number: int) -> None:
        if number not in known:
            raise Broken(f"{number} is no value of {enum.name}; use one of {names}")

    return check_enum


def check_timestamp(time: Timestamp) -> None:
    """For a time."""
    if not (_FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < 1_000_000_000):
        raise Broken(f"{time.seconds} s, {time.nanos} ns is no time of the years 1 to 9999; send seconds since 1970")
