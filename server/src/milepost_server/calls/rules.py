"""The rules of fields that protos carry as options, compiled once for each message type.

Checked are: required fields, `(milepost.v1.limits)`, enum values that exist, timestamps that are valid, and that no
text holds U+0000, which PostgreSQL cannot store. Fields marked output-only are the server's and are not
checked, unless they have limits: then they also serve as names in requests. A field may say that they are given by
clients where it is (`check_output_only`): then all fields below it are checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost.v1 import annotations_pb2
from milepost_server.calls.field_rules import Broken, Check, check_timestamp, enum_check, integer_check, text_check
from milepost_server.errors import quote

_FEW = 8


class _Column(NamedTuple):
    """A field of many messages.

    Args:
        get: Reads it.
        is_set: Whether it is set. What has no presence is when it is not zero.
        check: For its values.
        required: Whether it must be set.
    """

    get: Callable[[Any], Any]
    is_set: Callable[[Any], bool]
    check: Check | None
    required: bool


class MessageRules:
    """The rules of one message type.

    Args:
        descriptor: The message type.
        whole: Whether output-only fields are checked too.
    """

    def __init__(self, descriptor: Descriptor, whole: bool = False) -> None:
        required = [field for field in descriptor.fields if _is(field, field_behavior_pb2.REQUIRED)]
        self._required = [(field.name, _has_presence(field)) for field in required]
        # A request with an update mask names what it writes: what the resource requires on create is not required here.
        self._partial = "update_mask" in descriptor.fields_by_name
        self._checks: dict[int, Check] = {}
        for field in descriptor.fields:
            check = _field_check(field, whole)
            if check is not None:
                self._checks[field.number] = check
        self._columns = self._flat_columns(descriptor) if not self._partial else None

    def _flat_columns(self, descriptor: Descriptor) -> list[_Column] | None:
        """What to look at in many messages; None where they hold lists or messages."""
        if any(field.message_type is not None or field.is_repeated for field in descriptor.fields):
            return None
        required = {name for name, _ in self._required}
        return [
            _Column(
                attrgetter(field.name),
                methodcaller("HasField", field.name) if field.has_presence else attrgetter(field.name),
                self._checks.get(field.number),
                field.name in required,
            )
            for field in descriptor.fields
            if field.number in self._checks or field.name in required
        ]

    def check(self, message: Message, path: str) -> None:
        """Raises `InvalidArgument` for the first field that breaks a rule.

        Args:
            message: The message.
            path: Where it is in the request: empty, or a field's path with a final dot.
        """
        try:
            self.check_within(message)
        except Broken as broken:
            raise broken.to_error(path) from None

    def check_within(self, message: Message, *, partial: bool = False) -> None:
        """Raises `Broken` for the first field that breaks a rule; with `partial`, required fields may be missing."""
        if not partial:
            for name, has_presence in self._required:
                # What has no presence and is required is a text, a number or a list, and missing when empty or 0.
                if not (message.HasField(name) if has_presence else getattr(message, name)):
                    raise Broken("is required; set it", pb.ERROR_REASON_REQUIRED_FIELD).inside(f".{name}")
        partial = partial or self._partial
        checks = self._checks
        for field, value in message.ListFields():
            check = checks.get(field.number)
            if check is None:
                continue
            try:
                nested = _partial_rules(field) if partial else None
                if nested is None:
                    check(value)
                else:
                    nested.check_within(value, partial=True)
            except Broken as broken:
                broken.inside(f".{field.name}")
                raise

    def all_keep(self, messages: Sequence[Message]) -> bool:
        """Whether many messages surely keep the rules: quicker than to check them one by one, where they are flat.

        Points come in thousands, with few different keys. False when they may keep them nevertheless.
        """
        if self._columns is None:
            return False
        messages = list(messages)  # each look at one in a message makes it anew
        try:
            for column in self._columns:
                values = set(map(column.get, messages))
                # What is not set reads as zero: only when some do, they are asked.
                if column.required and not all(values) and not all(map(column.is_set, messages)):
                    return False
                if column.check is not None:
                    for value in values:
                        column.check(value)
        except Broken:
            return False
        return True


_rules: dict[tuple[str, bool], MessageRules] = {}


def rules_for(descriptor: Any, *, whole: bool = False) -> MessageRules:
    """The rules of a message type, compiled on first use; `whole` as in `MessageRules`."""
    key = descriptor.full_name, whole
    rules = _rules.get(key)
    if rules is None:
        rules = _rules[key] = MessageRules(descriptor, whole)
    return rules


def compile_rules(descriptors: Iterable[Descriptor]) -> None:
    """Compiles the rules of message types ahead of their first use."""
    for descriptor in descriptors:
        rules_for(descriptor)


def _partial_rules(field: FieldDescriptor) -> MessageRules | None:
    """The rules of the message that `field` holds; None for other fields."""
    if field.is_repeated or field.message_type is None:
        return None
    return _rules.get((field.message_type.full_name, False))


def _is(field: FieldDescriptor, behavior: int) -> bool:
    return behavior in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _has_presence(field: FieldDescriptor) -> bool:
    return not field.is_repeated and field.has_presence


def _field_check(field: FieldDescriptor, whole: bool) -> Check | None:
    options = field.GetOptions()
    limited = options.HasExtension(annotations_pb2.limits)
    if _is(field, field_behavior_pb2.OUTPUT_ONLY) and not limited and not whole:
        return None
    limits = options.Extensions[annotations_pb2.limits]
    whole = whole or limits.check_output_only
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_check(field, limits, whole)
    single = _value_check(field, limits, whole)
    if not field.is_repeated:
        return single
    rules = _message_rules(field, whole)
    return _list_check(single, rules.all_keep if rules is not None else None, limits)


def _list_check(
    single: Check | None, all_keep: Callable[[Sequence[Any]], bool] | None, limits: pb.FieldLimits
) -> Check | None:
    most = limits.max_items if limits.HasField("max_items") else None
    if most is None and single is None:
        return None

    def check_list(values: Any) -> None:
        if most is not None and len(values) > most:
            raise _too_many(len(values), most)
        if single is not None and not (all_keep is not None and len(values) > _FEW and all_keep(values)):
            index = 0
            try:
                for value in values:
                    single(value)
                    index += 1
            except Broken as broken:
                broken.inside(f"[{index}]")
                raise

    return check_list


def _map_check(field: FieldDescriptor, limits: pb.FieldLimits, whole: bool) -> Check:
    assert field.message_type is not None
    entry = field.message_type.fields_by_name
    check_key = text_check(limits)
    value_limits = pb.FieldLimits()
    if limits.HasField("max_value_length"):
        value_limits.max_length = limits.max_value_length
    check_value = _value_check(entry["value"], value_limits, whole)
    most = limits.max_items if limits.HasField("max_items") else None

    def check_map(values: Any) -> None:
        if most is not None and len(values) > most:
            raise _too_many(len(values), most)
        for key, value in values.items():
            try:
                check_key(key)
                if check_value is not None:
                    check_value(value)
            except Broken as broken:
                shown = json.dumps(key, ensure_ascii=False) if len(key) <= 100 else quote(key)
                broken.inside(f"[{shown}]")
                raise

    return check_map


def _too_many(count: int, most: int) -> Broken:
    return Broken(f"has {count} entries, more than the {most} allowed; send several requests")


def _value_check(field: FieldDescriptor, limits: pb.FieldLimits, whole: bool) -> Check | None:
    """The check of one value of a field, which may be an element of a list or a value of a map."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return text_check(limits)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_check(field)
    if field.message_type is not None:
        if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            return check_timestamp
        rules = _message_rules(field, whole)
        return None if rules is None else rules.check_within
    if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
        return integer_check(limits)
    return None


def _message_rules(field: FieldDescriptor, whole: bool) -> MessageRules | None:
    """The rules of the messages that `field` holds, if it holds messages that may have some."""
    message = field.message_type
    if message is None or message.file.package.startswith("google."):
        return None
    return rules_for(message, whole=whole)
