"""Where columns and tensors are in the messages of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.models.contracts.layout import GROUP_SIZE, is_grouped
from milepost_server.calls.field_rules import Broken

DTYPES = {
    FieldDescriptor.TYPE_BOOL: np.dtype(np.bool_),
    FieldDescriptor.TYPE_INT32: np.dtype(np.int32),
    FieldDescriptor.TYPE_INT64: np.dtype(np.int64),
    FieldDescriptor.TYPE_UINT32: np.dtype(np.uint32),
    FieldDescriptor.TYPE_UINT64: np.dtype(np.uint64),
    FieldDescriptor.TYPE_FLOAT: np.dtype(np.float32),
    FieldDescriptor.TYPE_DOUBLE: np.dtype(np.float64),
}
"""Of arrays of fields. Others become objects."""
OBJECT = np.dtype(np.object_)


@dataclass(frozen=True, slots=True)
class Place:
    """The field of a column or tensor.

    Args:
        field: Its descriptor.
        group: Name of the field with the message that has it; empty when the row itself has it.
    """

    field: FieldDescriptor
    group: str

    @property
    def path(self) -> str:
        """How errors name it, below the row."""
        return f"{self.group}.{self.field.name}" if self.group else self.field.name

    def parent(self, row: Message) -> Message:
        """The message of a row that has the field."""
        return getattr(row, self.group) if self.group else row

    def parents(self, rows: Sequence[Message]) -> Sequence[Message]:
        """The messages of some rows that have the field."""
        return [getattr(row, self.group) for row in rows] if self.group else rows


def places(message: Descriptor, count: int) -> list[Place]:
    """The fields of so many columns or tensors, by position."""
    by_number = message.fields_by_number
    if not is_grouped(count):
        return [Place(by_number[position + 1], "") for position in range(count)]
    found = []
    for position in range(count):
        group = by_number[position // GROUP_SIZE + 1]
        assert group.message_type is not None
        found.append(Place(group.message_type.fields_by_number[position % GROUP_SIZE + 1], group.name))
    return found


def broken(description: str) -> Broken:
    """What is wrong with a value of a request, and what to do."""
    return Broken(description, pb.ERROR_REASON_BAD_MODEL_INPUT)


def absent() -> Broken:
    """The refusal of a value that is required."""
    return broken("is required; set it")
