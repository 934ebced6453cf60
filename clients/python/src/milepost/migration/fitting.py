"""What a server takes of a resource: the limits that the protos carry as options, applied before anything is sent.

The server refuses a whole request for one value, so what does not fit is left out here, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.migration.report import Problems
from milepost.v1 import annotations_pb2


class Unfit(Exception):
    """A resource without which nothing of it can be stored: a required field does not fit."""


def fit(message: Message, what: str, problems: Problems, required: Iterable[str] = ()) -> bool:
    """Removes from a resource what a server would refuse, and reports each.

    Args:
        message: The resource. It is changed.
        what: Its kind and id, for the report.
        problems: Where it is reported.
        required: Fields without which the resource cannot be stored, besides those that the proto calls required.

    Returns:
        Whether the rest can be stored.
    """
    try:
        _fit(message, "", what, problems, frozenset(required))
    except Unfit as unfit:
        problems.add(what, "", f"{unfit} Nothing of it is imported.")
        return False
    return True


def _fit(message: Message, path: str, what: str, problems: Problems, required: frozenset[str]) -> None:
    for field, value in message.ListFields():
        where = path + field.name
        needed = field.name in required or _required(field)
        if _is_map(field):
            _fit_map(field, value, where, what, problems)
        elif field.is_repeated:
            _fit_list(message, field, where, what, problems)
        elif field.message_type is not None:
            if not _foreign(field) and not _nested(value, where, what, problems):
                message.ClearField(field.name)
        elif (fault := _fault(field, value)) is not None:
            if needed:
                raise Unfit(f"{where} {fault}.")
            problems.add(what, where, f"{fault}; left out.")
            message.ClearField(field.name)


def _nested(value: Message, where: str, what: str, problems: Problems) -> bool:
    try:
        _fit(value, f"{where}.", what, problems, frozenset())
    except Unfit as unfit:
        problems.add(what, where, f"{unfit} Left out.")
        return False
    return True


def _fit_map(field: FieldDescriptor, values: Any, where: str, what: str, problems: Problems) -> None:
    limits = _limits(field)
    assert field.message_type is not None
    of_message = field.message_type.fields_by_name["value"].message_type is not None
    for key in sorted(values):
        fault = _text_fault(key, limits)
        if fault is not None:
            fault = f"the key {fault}"
        elif of_message:
            fault = None if _nested(values[key], f"{where}.{key}", what, problems) else ""
        elif isinstance(values[key], str):
            fault = _value_fault(values[key], limits)
        if fault is not None:
            if fault:
                problems.add(what, f"{where}.{_shown(key)}", f"{fault}; left out.")
            del values[key]
    for key in sorted(values)[limits.max_items :] if limits.HasField("max_items") else ():
        problems.add(what, f"{where}.{key}", f"is one more than the {limits.max_items} allowed; left out.")
        del values[key]


def _fit_list(message: Message, field: FieldDescriptor, where: str, what: str, problems: Problems) -> None:
    values = getattr(message, field.name)
    limits = _limits(field)
    kept: list[Any] = []
    for index, value in enumerate(values):
        place = f"{where}[{index}]"
        if limits.HasField("max_items") and len(kept) >= limits.max_items:
            problems.add(what, place, f"is one more than the {limits.max_items} allowed; left out.")
        elif isinstance(value, Message):
            if _foreign(field) or _nested(value, place, what, problems):
                kept.append(value)
        elif (fault := _fault(field, value)) is None:
            kept.append(value)
        else:
            problems.add(what, place, f"{fault}; left out.")
    if len(kept) != len(values):
        copies = [_copy(value) for value in kept]
        message.ClearField(field.name)
        getattr(message, field.name).extend(copies)


def _copy(value: Any) -> Any:
    if not isinstance(value, Message):
        return value
    made = type(value)()
    made.CopyFrom(value)
    return made


def _fault(field: FieldDescriptor, value: Any) -> str | None:
    """Why a single value does not fit, None when it does."""
    limits = _limits(field)
    if isinstance(value, str):
        return _text_fault(value, limits)
    if isinstance(value, int) and not isinstance(value, bool):
        if limits.HasField("minimum") and value < limits.minimum:
            return f"{value} is less than {limits.minimum}"
        if limits.HasField("maximum") and value > limits.maximum:
            return f"{value} is more than {limits.maximum}"
    return None


def _text_fault(text: str, limits: annotations_pb2.FieldLimits) -> str | None:
    if limits.HasField("max_length") and len(text) > limits.max_length:
        return f"has {len(text)} characters, more than the {limits.max_length} allowed"
    if len(text) < limits.min_length:
        return f"has {len(text)} characters, fewer than the {limits.min_length} needed"
    if "\0" in text:
        return "holds the character U+0000"
    if limits.pattern and not _compiled(limits.pattern).fullmatch(text):
        return f"{_shown(text)!r} is not {limits.pattern_meaning or limits.pattern}"
    return None


def _value_fault(text: str, limits: annotations_pb2.FieldLimits) -> str | None:
    if limits.HasField("max_value_length") and len(text) > limits.max_value_length:
        return f"has {len(text)} characters, more than the {limits.max_value_length} allowed"
    return "holds the character U+0000" if "\0" in text else None


def _shown(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}…"


def _limits(field: FieldDescriptor) -> annotations_pb2.FieldLimits:
    limits: annotations_pb2.FieldLimits = field.GetOptions().Extensions[annotations_pb2.limits]
    return limits


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _required(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _foreign(field: FieldDescriptor) -> bool:
    assert field.message_type is not None
    return field.message_type.file.package.startswith("google.")


def key_fault(key: str) -> str | None:
    """Why a text is no key of a metric; None when it is one."""
    return _text_fault(key, _limits(pb.MetricPoints.DESCRIPTOR.fields_by_name["key"]))
