"""From the rows of a typed request to arrays, one for each column or tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from milepost.models.contracts.layout import TensorForm, by_row, fixed_size, item_shape, tensor_form
from milepost.models.signatures.schema import ArrayType, Column, DataType, Param, Schema, Tensor
from milepost.models.worker.payload import Array
from milepost_server.calls.field_rules import Broken
from milepost_server.serving._specs import specs
from milepost_server.serving.typed.fields import Place, absent, broken, places
from milepost_server.serving.typed.reading_values import ABSENT, field_reader, from_value, nanoseconds

# Makes an array of a field of all rows; None where no row has it.
_Read = Callable[[Sequence[Message]], Array | None]
_Shape = tuple[int, ...]

_DTYPES = {
    FieldDescriptor.TYPE_BOOL: np.dtype(np.bool_),
    FieldDescriptor.TYPE_INT32: np.dtype(np.int32),
    FieldDescriptor.TYPE_INT64: np.dtype(np.int64),
    FieldDescriptor.TYPE_UINT32: np.dtype(np.uint32),
    FieldDescriptor.TYPE_UINT64: np.dtype(np.uint64),
    FieldDescriptor.TYPE_FLOAT: np.dtype(np.float32),
    FieldDescriptor.TYPE_DOUBLE: np.dtype(np.float64),
}
_OBJECT = np.dtype(np.object_)
_NOT_A_TIME = np.iinfo(np.int64).min


class InputReader:
    """Reads the inputs of requests.

    Args:
        schema: What the model takes.
        message: The contract's `Input`.
    """

    def __init__(self, schema: Schema, message: Descriptor) -> None:
        self._rows = by_row(schema)
        names = [spec.name for spec in specs(schema, "input")]
        fields: Sequence[Column | Tensor] = schema.fields
        reads = [self._reader(field, place) for field, place in zip(fields, places(message, len(names)), strict=True)]
        self._reads = list(zip(names, reads, strict=True))

    def __call__(self, inputs: Sequence[Message]) -> dict[str, Array]:
        """The arrays, by the names that `Contract.from_tensors` knows. Columns that no row has are left out.

        Raises:
            InvalidArgument: `BAD_MODEL_INPUT`, with the path of the field.
        """
        try:
            if not inputs:
                raise absent()
            if not self._rows and len(inputs) > 1:
                raise broken(f"has {len(inputs)} messages; the model takes everything in one")
            arrays = {}
            for name, read in self._reads:
                array = read(inputs)
                if array is not None:
                    arrays[name] = array
            return arrays
        except Broken as wrong:
            raise wrong.inside("inputs").to_error("") from None

    def _reader(self, field: Column | Tensor, place: Place) -> _Read:
        if isinstance(field, Tensor):
            return _TensorReader(place, item_shape(field, self._rows), self._rows)
        if field.type is DataType.DATETIME:
            return _TimeColumn(place, field.required)
        if isinstance(field.type, DataType):
            return _ScalarColumn(place, field.required)
        return _ObjectColumn(field, place)


class ParamsReader:
    """Reads the params of requests.

    Args:
        params: Those of the signature.
        message: The contract's `Params`.
    """

    def __init__(self, params: Sequence[Param], message: Descriptor) -> None:
        self._members = [
            (param.name, field_reader(ArrayType(param.type) if param.shape else param.type, False, field))
            for param, field in zip(params, message.fields, strict=True)
        ]

    def __call__(self, params: Message) -> Mapping[str, Any]:
        """Those that are given. Raises as `InputReader` does."""
        try:
            found = {name: read(params) for name, read in self._members}
        except Broken as wrong:
            raise wrong.inside("params").to_error("") from None
        return {name: _param(value) for name, value in found.items() if value is not ABSENT}


def _param(value: Any) -> Any:
    """A param's value as the checks know it, for which a time is numpy's."""
    return np.datetime64(value, "ns") if isinstance(value, datetime) else value


class _ScalarColumn:
    """Reads a column of single values."""

    def __init__(self, place: Place, required: bool) -> None:
        self._place = place
        self._get = place.get
        self._required = required
        self._dtype = _DTYPES.get(place.field.type, _OBJECT)

    def __call__(self, rows: Sequence[Message]) -> Array | None:
        values: list[Any] = list(map(self._get, rows))
        # What is absent reads as zero: only when some do, they are asked.
        if not all(values):
            name = self._place.field.name
            parents = self._place.parents(rows)
            missing = [i for i, value in enumerate(values) if not value and not parents[i].HasField(name)]
            if missing:
                return self._with_missing(values, missing)
        return _objects(values) if self._dtype is _OBJECT else np.array(values, self._dtype)

    def _with_missing(self, values: list[Any], missing: Sequence[int]) -> Array | None:
        if self._required:
            raise absent().inside(f"[{missing[0]}].{self._place.path}")
        if len(missing) == len(values):
            return None
        for row in missing:
            values[row] = None
        return _objects(values)


class _TimeColumn:
    """Reads a column of times."""

    def __init__(self, place: Place, required: bool) -> None:
        self._place = place
        self._required = required

    def __call__(self, rows: Sequence[Message]) -> Array | None:
        name = self._place.field.name
        times = np.empty(len(rows), np.int64)
        some = False
        for row, parent in enumerate(self._place.parents(rows)):
            try:
                if parent.HasField(name):
                    times[row], some = nanoseconds(getattr(parent, name)), True
                elif self._required:
                    raise absent()
                else:
                    times[row] = _NOT_A_TIME
            except Broken as wrong:
                wrong.inside(f"[{row}].{self._place.path}")
                raise
        return times.view("datetime64[ns]") if some else None


class _ObjectColumn:
    """Reads a column of lists, objects, maps or any values."""

    def __init__(self, column: Column, place: Place) -> None:
        self._place = place
        self._read = field_reader(column.type, column.required, place.field)

    def __call__(self, rows: Sequence[Message]) -> Array | None:
        values = []
        for row, parent in enumerate(self._place.parents(rows)):
            try:
                values.append(self._read(parent))
            except Broken as wrong:
                wrong.inside(f"[{row}].{self._place.group}" if self._place.group else f"[{row}]")
                raise
        if all(value is ABSENT for value in values):
            return None
        return _objects([None if value is ABSENT else value for value in values])


class _TensorReader:
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
        self._dtype = _DTYPES.get(field.type, _OBJECT)
        self._convert: Callable[[Any], Any] | None = None
        if field.message_type is not None:
            is_time = field.message_type.name == "Timestamp"
            self._convert = nanoseconds if is_time else from_value
            self._dtype = np.dtype(np.int64) if is_time else _OBJECT
        self._is_time = self._convert is nanoseconds

    def __call__(self, inputs: Sequence[Message]) -> Array:
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
        array = _objects(elements) if self._dtype is _OBJECT else np.array(elements, self._dtype)
        array = array.reshape((len(inputs), *shapes[0]) if self._rows else shapes[0])
        return array.view("datetime64[ns]") if self._is_time else array

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


def _objects(values: Sequence[Any]) -> Array:
    return np.fromiter(values, _OBJECT, len(values))
