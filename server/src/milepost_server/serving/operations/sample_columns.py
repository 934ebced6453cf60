"""Columns of samples, made without pyarrow's own conversions, which import pandas: see `codecs.arrow_columns`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from milepost.models.signatures._column_values import objects
from milepost.models.signatures.schema import (
    ArrayType,
    Column,
    ColumnType,
    DataType,
    ObjectType,
    Schema,
    VectorType,
)
from milepost.models.worker.payload import Array
from milepost_server.serving.codecs.arrow_columns import to_arrow

_TYPES = {
    DataType.BOOLEAN: pa.bool_(),
    DataType.INTEGER: pa.int32(),
    DataType.LONG: pa.int64(),
    DataType.FLOAT: pa.float32(),
    DataType.DOUBLE: pa.float64(),
    DataType.STRING: pa.large_string(),
    DataType.BINARY: pa.large_binary(),
    DataType.DATETIME: pa.timestamp("ns"),
}
# What may be in a column of numbers of this kind, by the kinds that numpy finds in it.
_FITTING = {"b": "b", "i": "iu", "f": "iuf", "M": "MO"}

# Arrow's types of the columns of a schema by their names, or positions; None for a text of JSON.
Types = dict[str, pa.DataType | None]


@lru_cache(maxsize=64)
def arrow_types(schema: Schema | None) -> Types:
    """The types of the columns of a schema; empty for tensors."""
    fields = schema.fields if schema is not None else ()
    return {
        field.name if field.name is not None else str(position): _type(field.type)
        for position, field in enumerate(fields)
        if isinstance(field, Column)
    }


def arrow_column(array: Array, types: Types, name: str) -> pa.Array:
    """The array as a column of the type that the name has; else of one that arrays of other requests have too."""
    if array.dtype.kind != "O":
        return to_arrow(array)
    known = types[name] if name in types else _scalar_type(array)
    if known is not None:
        try:
            return _typed(array.tolist(), known)
        except (TypeError, ValueError, OverflowError):
            pass
    return to_arrow(array)


def repeated(text: str, count: int) -> pa.Array:
    """A column of one text."""
    value = text.encode("utf-8", "backslashreplace")
    offsets = np.arange(count + 1, dtype=np.int64) * len(value)
    return pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(value * count)])


def _type(kind: ColumnType) -> pa.DataType | None:
    if isinstance(kind, DataType):
        return _TYPES[kind]
    if isinstance(kind, VectorType):
        return pa.list_(pa.float64())
    if isinstance(kind, ArrayType):
        items = _type(kind.items)
        return None if items is None else pa.list_(items)
    if isinstance(kind, ObjectType):
        members = {member.name: _type(member.type) for member in kind.properties}
        return None if None in members.values() else pa.struct(members)
    return None


def _scalar_type(array: Array) -> pa.DataType | None:
    kinds = {type(value) for value in array.ravel() if value is not None}
    for python, kind in ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64())):
        if kinds == {python}:
            return kind
    return None


def _typed(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column of this type. Raises `TypeError`, `ValueError` or `OverflowError` for values of another."""
    present = np.fromiter((value is not None for value in values), dtype=bool, count=len(values))
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little").tobytes())
    if pa.types.is_list(kind):
        offsets = np.fromiter(accumulate((len(value or ()) for value in values), initial=0), dtype=np.int32)
        inner = _typed([item for value in values if value is not None for item in value], kind.value_type)
        return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(offsets)], children=[inner])
    if pa.types.is_struct(kind):
        children = [_typed([(value or {}).get(field.name) for value in values], field.type) for field in kind]
        return pa.Array.from_buffers(kind, len(values), [validity], children=children)
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        python = str if pa.types.is_large_string(kind) else bytes
        if not all(value is None or isinstance(value, python) for value in values):
            raise TypeError("another type")
        return to_arrow(objects(values)) if present.any() else pa.nulls(len(values), kind)
    return _numbers(values, kind, validity)


def _numbers(values: Sequence[Any], kind: pa.DataType, validity: pa.Buffer | None) -> pa.Array:
    dtype = np.dtype("datetime64[ns]" if pa.types.is_timestamp(kind) else kind.to_pandas_dtype())
    filled = [dtype.type(0) if value is None else value for value in values] if validity is not None else values
    if filled and np.array(filled).dtype.kind not in _FITTING[dtype.kind]:
        raise TypeError("another type")
    made = to_arrow(np.array(filled, dtype))
    return pa.Array.from_buffers(kind, len(values), [validity, made.buffers()[1]])
