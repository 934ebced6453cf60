"""The rules of fields that protos carry as options, compiled once for each message type.

Checked are: required fields, `(milepost.v1.limits)`, enum values that exist, timestamps that are valid, and that no
text holds U+0000, which PostgreSQL cannot store. Fields marked output-only are the server's and are not
checked, unless they have limits: then they also serve as names in requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.v1 import annotations_pb2
from milepost_server.errors import invalid_field, quote

Check = Callable[[Any, str], None]

# 0001-01-01 and the last second of 9999, as google.protobuf.Timestamp has it.
_FIRST_SECOND, _LAST_SECOND = -62135596800, 253402300799


class MessageRules:
    """The rules of one message type."""

    def __init__(self, descriptor: Descriptor) -> None:
        # A request with an update mask names what it writes: what the resource requires on create is not required here.
        self._required = [field for field in descriptor.fields if _is(field, field_behavior_pb2.REQUIRED)]
        self._partial = "update_mask" in descriptor.fields_by_name
        self._checks: dict[int, Check] = {}
        for field in descriptor.fields:
            check = _field_check(field)
            if check is not None:
                self._checks[field.number] = check

    def check(self, message: Message, path: str, *, partial: bool = False) -> None:
        """Raises `InvalidArgument` for the first field that breaks a rule.

        Args:
            message: The message.
            path: Where it is in the request: empty, or a field's path with a final dot.
            partial: Whether required fields may be missing.
        """
        if not partial:
            for field in self._required:
                if _is_missing(message, field):
                    raise invalid_field(path + field.name, "is required; set it", reason=pb.ERROR_REASON_REQUIRED_FIELD)
        partial = partial or self._partial
        for field, value in message.ListFields():
            check = self._checks.get(field.number)
            if check is None:
                continue
            if partial and not field.is_repeated and field.message_type is not None:
                nested = _rules.get(field.message_type.full_name)
                if nested is not None:
                    nested.check(value, f"{path}{field.name}.", partial=True)
                    continue
            check(value, path + field.name)


_rules: dict[str, MessageRules] = {}


def rules_for(descriptor: Any) -> MessageRules:
    """The rules of a message type, compiled on first use."""
    rules = _rules.get(descriptor.full_name)
    if rules is None:
        rules = _rules[descriptor.full_name] = MessageRules(descriptor)
    return rules


def _is(field: FieldDescriptor, behavior: int) -> bool:
    return behavior in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _is_missing(message: Message, field: FieldDescriptor) -> bool:
    if field.is_repeated:
        return not getattr(message, field.name)
    if field.has_presence:
        return not message.HasField(field.name)
    return bool(getattr(message, field.name) == field.default_value)


def _field_check(field: FieldDescriptor) -> Check | None:
    options = field.GetOptions()
    limited = options.HasExtension(annotations_pb2.limits)
    if _is(field, field_behavior_pb2.OUTPUT_ONLY) and not limited:
        return None
    limits = options.Extensions[annotations_pb2.limits]
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_check(field, limits)
    single = _value_check(field, limits)
    if not field.is_repeated:
        return single
    most = limits.max_items if limits.HasField("max_items") else None
    if most is None and single is None:
        return None

    def check_list(values: Any, path: str) -> None:
        if most is not None and len(values) > most:
            raise invalid_field(path, f"has {len(values)} entries, more than the {most} allowed; send several requests")
        if single is not None:
            for index, value in enumerate(values):
                single(value, f"{path}[{index}]")

    return check_list


def _map_check(field: FieldDescriptor, limits: pb.FieldLimits) -> Check:
    assert field.message_type is not None
    entry = field.message_type.fields_by_name
    check_key = _text_check(limits)
    value_limits = pb.FieldLimits()
    if limits.HasField("max_value_length"):
        value_limits.max_length = limits.max_value_length
    check_value = _value_check(entry["value"], value_limits)
    most = limits.max_items if limits.HasField("max_items") else None

    def check_map(values: Any, path: str) -> None:
        if most is not None and len(values) > most:
            raise invalid_field(path, f"has {len(values)} entries, more than the {most} allowed; send several requests")
        for key, value in values.items():
            where = f"{path}[{json.dumps(key, ensure_ascii=False)}]" if len(key) <= 100 else f"{path}[{quote(key)}]"
            check_key(key, where)
            if check_value is not None:
                check_value(value, where)

    return check_map


def _value_check(field: FieldDescriptor, limits: pb.FieldLimits) -> Check | None:
    """The check of one value of a field, which may be an element of a list or a value of a map."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text_check(limits)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_check(field)
    if field.message_type is not None:
        return _message_check(field.message_type)
    if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
        return _integer_check(limits)
    return None


def _message_check(descriptor: Descriptor) -> Check | None:
    if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return _check_timestamp
    if descriptor.file.package.startswith("google."):
        return None
    rules = rules_for(descriptor)
    return lambda message, path: rules.check(message, f"{path}.")


def _check_timestamp(time: Timestamp, path: str) -> None:
    if not (_FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < 1_000_000_000):
        raise invalid_field(
            path,
            f"{time.seconds} s, {time.nanos} ns is no time of the years 1 to 9999; send seconds since 1970",
        )


def _enum_check(field: FieldDescriptor) -> Check:
    enum = field.enum_type
    assert enum is not None
    known = {value.number for value in enum.values}
    names = ", ".join(value.name for value in enum.values)

    def check_enum(number: int, path: str) -> None:
        if number not in known:
            raise invalid_field(path, f"{number} is no value of {enum.name}; use one of {names}")

    return check_enum


def _integer_check(limits: pb.FieldLimits) -> Check | None:
    least = limits.minimum if limits.HasField("minimum") else None
    most = limits.maximum if limits.HasField("maximum") else None
    if least is None and most is None:
        return None

    def check_integer(value: int, path: str) -> None:
        if least is not None and value < least:
            raise invalid_field(path, f"{value} is less than {least}; send {least} or more")
        if most is not None and value > most:
            raise invalid_field(path, f"{value} is more than {most}; send {most} or less")

    return check_integer


def _text_check(limits: pb.FieldLimits) -> Check:
    least = limits.min_length
    most = limits.max_length if limits.HasField("max_length") else 1 << 40
    pattern = re.compile(limits.pattern) if limits.pattern else None
    meaning = limits.pattern_meaning or limits.pattern

    def check_text(value: str, path: str) -> None:
        if not least <= len(value) <= most:
            raise invalid_field(path, f"has {len(value)} characters; {_range(least, most)} are allowed")
        if "\0" in value:
            raise invalid_field(path, f"{quote(value)} holds the character U+0000; remove it")
        if pattern is not None and not pattern.fullmatch(value):
            raise invalid_field(path, f"{quote(value)} must be {meaning}")

    return check_text


def _range(least: int, most: int) -> str:
    return f"{least} to {most}" if least else f"at most {most}"


def compile_rules(descriptors: Iterable[Descriptor]) -> None:
    """Compiles the rules of message types ahead of their first use."""
    for descriptor in descriptors:
        rules_for(descriptor)
