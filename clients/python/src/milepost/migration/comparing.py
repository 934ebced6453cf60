"""Resources field by field: what is not the same on both sides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from milepost.migration.report import Report


def compare(what: str, expected: Any, found: Any, fields: Iterable[str], report: Report) -> None:
    """Adds to the report each value of some fields that differs.

    Args:
        what: Kind and id of the resource.
        expected: As the source has it.
        found: As the server has it.
        fields: Names of the fields to compare. Times that the source does not know are not compared.
        report: Takes the differences and the number of values.
    """
    for name in fields:
        field = expected.DESCRIPTOR.fields_by_name[name]
        given, stored = getattr(expected, name), getattr(found, name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _compare_maps(what, name, given, stored, report)
        elif field.is_repeated:
            _compare_lists(what, name, given, stored, report)
        elif field.message_type is None or expected.HasField(name):
            report.values_compared += 1
            if plain(given) != plain(stored):
                report.differ(what, name, _shown(field, given), _shown(field, stored))


def plain(value: Any) -> Any:
    """A value that can be compared; NaN is equal to itself then."""
    return value.SerializeToString(deterministic=True) if isinstance(value, Message) else value


def _compare_maps(what: str, name: str, given: Any, stored: Any, report: Report) -> None:
    for key in sorted({*given, *stored}):
        report.values_compared += 1
        left, right = (_entry(entries, key) for entries in (given, stored))
        if plain(left) != plain(right):
            report.differ(what, f"{name}.{key}", _text(left), _text(right))


def _compare_lists(what: str, name: str, given: Any, stored: Any, report: Report) -> None:
    """Lists whose order is the server's: compared as sets."""
    left, right = ({plain(one): one for one in entries} for entries in (given, stored))
    report.values_compared += len(left)
    for key in left.keys() - right.keys():
        report.differ(what, name, _text(left[key]), "nothing")
    for key in right.keys() - left.keys():
        report.differ(what, name, "nothing", _text(right[key]))


def _entry(entries: Any, key: str) -> Any:
    return entries[key] if key in entries else None  # noqa: SIM401  # `get` of a map of messages is no dict's


def _shown(field: FieldDescriptor, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Timestamp):
        return value.ToJsonString()
    return " ".join(str(value).split()) if isinstance(value, Message) else repr(value)
