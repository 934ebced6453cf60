"""From an answer to the outputs of a typed response."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.rpc import code_pb2

from milepost import v1 as pb
from milepost.models.contracts.layout import TensorForm, by_row, item_shape, tensor_form
from milepost.models.signatures.schema import Column, DataType, Schema, Tensor
from milepost.models.worker.payload import Array, Payload
from milepost_server.errors import DomainError
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.checks.specs import specs
from milepost_server.serving.codecs.native import rows_of
from milepost_server.serving.typed.fields import Place, places
from milepost_server.serving.typed.writing_values import Unfit, field_writer, fill_time, fill_value, item_converter

_log = logging.getLogger(__name__)

# Sets a field of all outputs.
_Write = Callable[[Array, Sequence[Message]], None]

_FLOATS = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)
_INTEGERS = frozenset(
    (
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
    )
)
_TEXTS = {FieldDescriptor.TYPE_BOOL: "b", FieldDescriptor.TYPE_STRING: "U", FieldDescriptor.TYPE_BYTES: "S"}


class OutputWriter:
    """Writes answers of a model that says what it gives.

    Args:
        schema: What it says.
        message: The contract's `Output`.
    """

    def __init__(self, schema: Schema, message: Descriptor) -> None:
        self._rows = by_row(schema)
        self._places = places(message, len(schema.fields))
        fields: Sequence[Column | Tensor] = schema.fields
        self._writers = [self._writer(field, place) for field, place in zip(fields, self._places, strict=True)]
        self._names = schema.names
        self._required = {spec.name for spec in specs(schema, "output") if spec.required}

    def __call__(self, contract: Contract, answer: Payload, outputs: Any) -> None:
        """Adds the answer to a list of messages.

        Raises:
            DomainError: `MODEL_FAILED`: the answer is not what the signature says.
        """
        arrays = self._in_order(contract.named(answer), answer.names is not None)
        count = _count(arrays) if self._rows else 1
        added = [outputs.add() for _ in range(count)]
        for array, place, write in zip(arrays, self._places, self._writers, strict=True):
            if array is None:
                continue
            try:
                write(array, place.parents(added))
            except (Unfit, TypeError, ValueError, OverflowError):
                raise unfit(f"outputs.{place.path} is of another type or shape") from None

    def _writer(self, field: Column | Tensor, place: Place) -> _Write:
        if isinstance(field, Tensor):
            return _TensorWriter(place, item_shape(field, self._rows), self._rows)
        return _ColumnWriter(field, place)

    def _in_order(self, named: Sequence[tuple[str, Array]], has_names: bool) -> list[Array | None]:
        """The arrays in the order of the schema: by name where both have names, else by position. None where absent."""
        if self._names is None or not has_names:
            if len(named) != len(self._writers):
                raise unfit(f"it has {len(named)} parts, not {len(self._writers)}")
            return [array for _, array in named]
        arrays = dict(named)
        if not self._required <= arrays.keys() <= set(self._names):
            raise unfit("its parts have other names")
        return [arrays.get(name) for name in self._names]


def write_values(answer: Payload, outputs: Any) -> None:
    """Adds an answer of which the signature says nothing to a list of messages: a value for each row or item."""
    for item in rows_of(answer):
        fill_value(outputs.add().value, item)


def unfit(why: str) -> DomainError:
    """The refusal of an answer that the contract cannot carry."""
    error_id = secrets.token_hex(8)
    _log.error("answer does not fit the model's typed contract", extra={"error_id": error_id, "why": why})
    return _UnfitAnswer(
        f"The model's answer is not what its signature says: {why}. Save the model with the right signature, or ask it "
        "through another interface of this server.",
        metadata={"errorKind": "SchemaMismatch", "errorId": error_id},
    )


class _UnfitAnswer(DomainError):
    code, reason = code_pb2.UNKNOWN, pb.ERROR_REASON_MODEL_FAILED


class _ColumnWriter:
    """Writes a column."""

    def __init__(self, column: Column, place: Place) -> None:
        self._name = place.field.name
        self._field = place.field
        self._write = field_writer(column.type, column.required, place.field)
        self._is_scalar = isinstance(column.type, DataType)

    def __call__(self, array: Array, messages: Sequence[Message]) -> None:
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]  # a table of one column
        if self._is_scalar and array.ndim != 1:
            raise Unfit
        values = _scalars(array, self._field) if self._is_scalar else None
        if values is not None:
            name = self._name
            for message, value in zip(messages, values, strict=True):
                setattr(message, name, value)
            return
        write = self._write
        # Iterated, so that times stay numpy's: lists of them would be integers.
        for message, value in zip(messages, array, strict=True):
            write(message, value)


class _TensorWriter:
    """Writes a tensor.

    Args:
        place: Its field.
        shape: What one message has of it.
        rows: Whether there is a message for each row.
    """

    def __init__(self, place: Place, shape: tuple[int, ...], rows: bool) -> None:
        self._name = place.field.name
        self._shape = shape
        self._rows = rows
        self._form = tensor_form(shape)
        self._field = place.field
        if self._form is TensorForm.SHAPED:
            assert place.field.message_type is not None
            self._field = place.field.message_type.fields_by_number[1]
        message = self._field.message_type
        self._convert = item_converter(self._field)
        self._fill = None if message is None else fill_time if message.name == "Timestamp" else fill_value

    def __call__(self, array: Array, messages: Sequence[Message]) -> None:
        if not self._rows:
            array = array[np.newaxis]
        shape = array.shape[1:]
        wanted = zip(shape, self._shape, strict=True)
        if len(array) != len(messages) or any(size not in (given, -1) for given, size in wanted):
            raise Unfit
        if self._form is TensorForm.SINGLE:
            self._write_singles(array, messages)
            return
        flat = array.reshape(len(array), -1)
        for message, elements in zip(messages, flat, strict=True):
            target: Any = getattr(message, self._name)
            if self._form is TensorForm.SHAPED:
                target.SetInParent()
                target.shape.extend(shape)
                target = target.elements
            if self._fill is None:
                target.extend(self._plain(elements))
            else:
                for element in elements:
                    self._fill(target.add(), element)

    def _write_singles(self, array: Array, messages: Sequence[Message]) -> None:
        if self._fill is None:
            for message, value in zip(messages, self._plain(array), strict=True):
                setattr(message, self._name, value)
            return
        for message, value in zip(messages, array, strict=True):
            self._fill(getattr(message, self._name), value)

    def _plain(self, array: Array) -> list[Any]:
        values = _scalars(array, self._field)
        if values is not None:
            return values
        if array.dtype.kind != "O":
            raise Unfit
        return [self._convert(value) for value in array]


def _scalars(array: Array, field: FieldDescriptor) -> list[Any] | None:
    """Values of an array as a field takes them; None where they must be looked at one by one."""
    kind = array.dtype.kind
    if field.type in _FLOATS:
        if kind not in "iuf":
            return None
        if field.type == FieldDescriptor.TYPE_FLOAT and array.dtype.itemsize > 4:
            with np.errstate(over="ignore"):
                narrow = array.astype(np.float32)
            if (np.isinf(narrow) & np.isfinite(array)).any():
                raise Unfit
        return _listed(array)
    if field.type in _INTEGERS:
        if kind in "iu":
            return _listed(array)
        whole = kind == "f" and bool((np.isfinite(array) & (np.trunc(array) == array)).all())
        if not whole:
            return None
        return [int(value) for value in _listed(array)]
    return _listed(array) if kind == _TEXTS.get(field.type) else None


def _listed(array: Array) -> list[Any]:
    values: list[Any] = array.tolist()
    return values


def _count(arrays: Sequence[Array | None]) -> int:
    """Number of rows that all arrays have."""
    counts = {len(array) if array.ndim else -1 for array in arrays if array is not None}
    if len(counts) != 1 or -1 in counts:
        raise unfit("its parts have different numbers of rows, or none")
    return counts.pop()
