"""Where the parts of a signature are in the messages of its contract. Whoever reads the messages goes by positions."""

from __future__ import annotations

import math
from enum import Enum

from milepost.models.signatures.schema import Schema, Tensor

VERSION_NUMBER = 3
"""Number of the field of requests that says which version is asked. The same in all contracts."""
GROUP_SIZE = 500
"""Most fields of one message. Python's protobuf has at most 64 KiB for the fields of one, Java as much for a method."""


class TensorForm(Enum):
    """How the elements of a tensor that one `Input` or `Output` has are written."""

    SINGLE = "single"
    """One value."""
    LIST = "list"
    """All elements, row-major; at most one dimension is not fixed, which follows from their number."""
    SHAPED = "shaped"
    """A message with the elements and the shape."""


def is_grouped(fields: int) -> bool:
    """Whether so many fields are in messages of `GROUP_SIZE` each, instead of in one."""
    return fields > GROUP_SIZE


def by_row(schema: Schema) -> bool:
    """Whether each message has one row. One has all where a tensor does not begin with a dimension of any size."""
    return not any(isinstance(field, Tensor) and field.shape[:1] != (-1,) for field in schema.fields)


def item_shape(tensor: Tensor, rows: bool) -> tuple[int, ...]:
    """The shape of what one message has of the tensor; `rows` as `by_row` says."""
    return tensor.shape[1:] if rows else tensor.shape


def tensor_form(shape: tuple[int, ...]) -> TensorForm:
    """How elements of such a shape are written."""
    if not shape:
        return TensorForm.SINGLE
    free = shape.count(-1)
    # Beside a dimension of size 0, the number of elements says nothing.
    if free > 1 or (free == 1 and 0 in shape):
        return TensorForm.SHAPED
    return TensorForm.LIST


def fixed_size(shape: tuple[int, ...]) -> int:
    """Product of the sizes that are fixed."""
    return math.prod(size for size in shape if size != -1)
