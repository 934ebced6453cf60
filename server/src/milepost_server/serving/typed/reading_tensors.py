"""Tensors of a typed request."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import Message

from milepost.models.contracts.layout import TensorForm, fixed_size, tensor_form
from milepost.models.signatures._column_values import objects
from milepost.models.worker.payload import Array
from milepost_server.calls.field_rules import Broken
from milepost_server.serving.typed.fields import DTYPES, OBJECT, Place, absent, broken
from milepost_server.serving.typed.reading_values import from_value, nanoseconds

_Shape = tuple[int, ...]


class TensorReader:
    """Reads a tensor.

    Args:
        place: Its field.
        shape: What one message has of it.
        rows: Whether there is a message for each row.
    """

    def __init__(self, place: Place, shape: _Shape, rows: bool) -> None:
        self._place = place
        self._shape = shape
        self._rows = rows
        self._form = tensor_form(shape)
        field = place.field
        if self._form is TensorForm.SHAPED:
            assert field.message_type is not None
            field = field.message_type.fields_by_number[1]
        self._dtype = DTYPES.get(field.type, OBJECT)
        self._convert: Callable[[Any], Any] | None = None
        if field.message_type is not None:
            is_time = field.message_type.name == "Timestamp"
            self._convert = nanoseconds if is_time else from_value
            self._dtype = np.dtype(np.int64) if is_time else OBJECT
        self._is_time = self._convert is nanoseconds

    def __call__(self, inputs: Sequence[Message]) -> Sequence[Array]:
        """The tensor, as the only array. Raises `Broken`, with the path below the list of inputs."""
        elements: list[Any] = []
        shapes = []
        for row, parent in enumerate(self._place.parents(inputs)):
            try:
                shapes.append(self._take(parent, elements))
                if shapes[-1] != shapes[0]:
                    raise broken(f"has the shape {list(shapes[-1])}, the first row {list(shapes[0])}: make them equal")
            except Broken as wrong:
                wrong.inside(f"[{row}].{self._place.path}")
                raise
        array = objects(elements) if self._dtype is OBJECT else np.array(elements, self._dtype)
        array = array.reshape((len(inputs), *shapes[0]) if self._rows else shapes[0])
        return [array.view("datetime64[ns]") if self._is_time else array]

    def _take(self, message: Message, elements: list[Any]) -> _Shape:
        """Adds the elements of a message to others, and says which shape they have."""
        name = self._place.field.name
        if self._form is TensorForm.SINGLE:
            if not message.HasField(name):
                raise absent()
            given: list[Any] = [getattr(message, name)]
            shape: _Shape = ()
        elif self._form is TensorForm.LIST:
            given = getattr(message, name)[:]
            shape = self._shape_of(len(given))
        else:
            if not message.HasField(name):
                raise absent()
            tensor = getattr(message, name)
            given, shape = tensor.elements[:], self._checked(tuple(tensor.shape), len(tensor.elements))
        elements.extend(given if self._convert is None else map(self._convert, given))
        return shape

    def _shape_of(self, count: int) -> _Shape:
        size = fixed_size(self._shape)
        if -1 not in self._shape:
            if count != size:
                raise broken(f"has {count} elements; {list(self._shape)} takes {size}")
            return self._shape
        if count % size:
            raise broken(f"has {count} elements; {list(self._shape)} takes a multiple of {size}")
        return tuple(count // size if each == -1 else each for each in self._shape)

    def _checked(self, shape: _Shape, count: int) -> _Shape:
        fits = len(shape) == len(self._shape) and all(
            size >= 0 and wanted in (-1, size) for size, wanted in zip(shape, self._shape, strict=True)
        )
        if not fits:
            raise broken(f"must have the shape {list(self._shape)}, with any size for -1").inside(".shape")
        if math.prod(shape) != count:
            raise broken(f"has {count} values where the shape says {math.prod(shape)}").inside(".elements")
        return shape
