"""What differs between the ways in which messages are written as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor


@dataclass(frozen=True, slots=True, eq=False)
class JsonForm:
    """A mapping of messages to JSON. Whatever it does not say is as in the standard mapping of proto3.

    Args:
        proto_names: Whether fields are written in proto spelling and not in camelCase. Either is read.
        wide_numbers: Whether integers of 64 bits are written as numbers and not as strings. Either is read.
        loose: Whether it reads what writers of no strict JSON send: fields that are not known (which are ignored), the
            bare constants `NaN`, `Infinity` and `-Infinity` as doubles, and numbers of enum values as text.
    """

    proto_names: bool
    wide_numbers: bool
    loose: bool

    def key(self, field: FieldDescriptor) -> str:
        """The key under which a field is written."""
        return field.name if self.proto_names else field.json_name


STANDARD_FORM = JsonForm(proto_names=False, wide_numbers=False, loose=False)
