"""Schemas from data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from milepost.errors import ModelFormatError
from milepost.models._lazy import require
from milepost.models.signatures._shown import shown
from milepost.models.signatures._value_checks import is_missing
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    ColumnType,
    DataType,
    ObjectType,
    Param,
    Property,
    Schema,
    Tensor,
    VectorType,
)

_MAX_DEPTH = 32
_FRAMES = {"pandas", "polars", "pyarrow", "pyspark"}


def data_schema(data: Any) -> Schema:
    """The schema of an example; see `infer_signature`."""
    if _is_frame(data):
        return _frame_schema(data)
    if hasattr(data, "shape") and hasattr(data, "dtype") and not isinstance(data, np.generic):
        return Schema((_tensor(data),))
    if isinstance(data, Mapping):
        if data and all(isinstance(value, np.ndarray) for value in data.values()):
            return Schema(tuple(_tensor(value, _text(name)) for name, value in data.items()))
        return _rows_schema([data])
    if isinstance(data, list | tuple):
        if data and all(isinstance(row, Mapping) for row in data):
            return _rows_schema(data)
        return Schema((Column(_items_type(data, "the list", 0)),))
    return Schema((Column(_value_type(data)),))


def param(name: str, value: Any) -> Param:
    """A param with its default, from which the type follows."""
    where = f"Param {name!r}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        kind, shape = _items_type(value, where, 0), (-1,)
        default: Any = [_json(item) for item in value]
    else:
        kind, shape, default = _value_type(value, where), None, _json(value)
    if not isinstance(kind, DataType | ObjectType):
        raise ModelFormatError(f"{where}: {shown(value)} has no type that params can have. Give a default of one.")
    return Param(name, kind, default, shape)


def _json(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, date):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _is_frame(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] in _FRAMES


def _tensor(array: Any, name: str | None = None) -> Tensor:
    dtype = getattr(array.dtype, "name", None) or str(array.dtype).rpartition(".")[2]
    if isinstance(array.dtype, np.dtype) and array.dtype.kind in "US":
        dtype = "str" if array.dtype.kind == "U" else "bytes"  # without the width
    shape = tuple(array.shape)
    return Tensor(dtype, (-1, *shape[1:]) if shape else (), name)


def _frame_schema(data: Any) -> Schema:
    nw = require("narwhals.stable.v2", "models")
    native = nw.from_native(data, allow_series=True, pass_through=True)
    if isinstance(native, nw.Series):
        return Schema((_column(native, native.name),))
    if isinstance(native, nw.LazyFrame):
        return Schema(tuple(_lazy_column(data, name, dtype) for name, dtype in native.collect_schema().items()))
    if not isinstance(native, nw.DataFrame):
        raise ModelFormatError(f"a {type(data).__name__} is no data frame.")
    names = list(native.columns)
    if names == list(range(len(names))):
        return Schema(tuple(_column(native.get_column(name), None) for name in names))
    return Schema(tuple(_column(native.get_column(name), _text(name)) for name in names))


def _column(series: Any, name: Any) -> Column:
    where = f"column {series.name!r:.100}"
    if isinstance(getattr(series.to_native(), "dtype", None), np.dtype) and series.to_native().dtype.kind == "O":
        values = series.to_list()
        kind = _items_type(values, where, 0) if values else AnyType()
        missing = any(map(is_missing, values))
    else:
        kind = _dtype_type(series.dtype, where)
        missing = bool(series.null_count()) or (series.dtype.is_float() and bool(series.is_nan().any()))
    # Columns without names are told apart by position, so each must be there.
    text = None if name is None else _text(name)
    return Column(kind, text, required=text is None or not (missing or isinstance(kind, AnyType)))


def _lazy_column(data: Any, name: str, dtype: Any) -> Column:
    """A column of a frame whose values are elsewhere; taken for required, since nothing is read."""
    if type(dtype).__name__ == "Unknown" and data.schema[name].dataType.simpleString() == "vector":
        return Column(VectorType(), name)
    return Column(_dtype_type(dtype, f"column {name!r:.100}"), name)


def _dtype_type(dtype: Any, where: str) -> ColumnType:
    nw = require("narwhals.stable.v2", "models")
    if isinstance(dtype, nw.List | nw.Array):
        return ArrayType(_dtype_type(dtype.inner() if isinstance(dtype.inner, type) else dtype.inner, where))
    if isinstance(dtype, nw.Struct):
        return ObjectType(tuple(Property(field.name, _dtype_type(_made(field.dtype), where)) for field in dtype.fields))
    for kind, names in _DTYPES.items():
        if type(dtype).__name__ in names:
            return kind
    raise ModelFormatError(f"{where} is {dtype}, for which there is no type. Convert it, to int64, float64 or a text.")


_DTYPES = {
    DataType.BOOLEAN: {"Boolean"},
    DataType.INTEGER: {"Int8", "Int16", "Int32", "UInt8", "UInt16"},
    DataType.LONG: {"Int64", "UInt32"},
    DataType.FLOAT: {"Float16", "Float32"},
    DataType.DOUBLE: {"Float64"},
    DataType.STRING: {"String", "Categorical", "Enum"},
    DataType.BINARY: {"Binary"},
    DataType.DATETIME: {"Datetime", "Date"},
}

_NUMPY = {name.lower(): kind for kind, names in _DTYPES.items() for name in names} | {"bool": DataType.BOOLEAN}


def _made(dtype: Any) -> Any:
    return dtype() if isinstance(dtype, type) else dtype


def _rows_schema(rows: Sequence[Mapping[Any, Any]]) -> Schema:
    """A column for each key of the rows, in the order in which they first come."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = []
    for name in names:
        values = [row.get(name) for row in rows]
        kind = _items_type(values, f"column {name!r:.100}", 0)
        required = not isinstance(kind, AnyType) and not any(map(is_missing, values))
        columns.append(Column(kind, _text(name), required))
    return Schema(tuple(columns))


def _items_type(values: Iterable[Any], where: str, depth: int) -> ColumnType:
    """The one type of all values; missing ones say nothing."""
    merged: ColumnType = AnyType()
    empty = True
    for value in values:
        empty = False
        merged = _merge(merged, _value_type(value, where, depth + 1), where)
    if empty and not depth:
        raise ModelFormatError(f"{where} is empty, so that nothing says what it holds. Give an example with a value.")
    return merged


def _value_type(value: Any, where: str = "the value", depth: int = 0) -> ColumnType:
    if depth > _MAX_DEPTH:
        raise ModelFormatError(f"{where} nests deeper than {_MAX_DEPTH} levels, or holds itself.")
    # NaN is a missing value for whether a column is required, but it is a float all the same.
    if isinstance(value, float | np.floating) or not is_missing(value):
        if isinstance(value, Mapping):
            return _object_type(value, where, depth)
        if isinstance(value, list | tuple | np.ndarray):
            return ArrayType(_items_type(value, where, depth + 1))
        return _scalar_type(value, where)
    return AnyType()


def _object_type(value: Mapping[Any, Any], where: str, depth: int) -> ColumnType:
    if not value:
        return AnyType()
    members = []
    for name, inner in value.items():
        kind = _value_type(inner, where, depth + 1)
        members.append(Property(_text(name), kind, not isinstance(kind, AnyType)))
    return ObjectType(tuple(members))


def _scalar_type(value: Any, where: str) -> DataType:
    if isinstance(value, np.generic) and value.dtype.name in _NUMPY:
        return _NUMPY[value.dtype.name]
    for python, kind in _PYTHON:
        if isinstance(value, python):
            return kind
    raise ModelFormatError(f"{where} holds {shown(value)}, for which there is no type.")


_PYTHON: tuple[tuple[Any, DataType], ...] = (
    (bool, DataType.BOOLEAN),
    (int, DataType.LONG),
    (float, DataType.DOUBLE),
    (str, DataType.STRING),
    (bytes | bytearray | memoryview, DataType.BINARY),
    (date | np.datetime64, DataType.DATETIME),
)


def _merge(one: ColumnType, other: ColumnType, where: str) -> ColumnType:
    if one == other or isinstance(other, AnyType):
        return one
    if isinstance(one, AnyType):
        return other
    if isinstance(one, ArrayType) and isinstance(other, ArrayType):
        return ArrayType(_merge(one.items, other.items, where))
    if isinstance(one, ObjectType) and isinstance(other, ObjectType):
        return _merge_objects(one, other, where)
    raise ModelFormatError(
        f"{where} holds values of several types, {_name(one)} and {_name(other)}. Convert them to one."
    )


def _merge_objects(one: ObjectType, other: ObjectType, where: str) -> ObjectType:
    """All members of both; one that either lacks is not required."""
    ours = {member.name: member for member in one.properties}
    theirs = {member.name: member for member in other.properties}
    members = []
    for name in ours.keys() | theirs.keys():
        mine, its = ours.get(name), theirs.get(name)
        if mine is not None and its is not None:
            kind = _merge(mine.type, its.type, where)
            members.append(Property(name, kind, mine.required and its.required))
        else:
            alone = mine or its
            members.append(Property(name, alone.type, required=False))  # type: ignore[union-attr]  # one is there
    return ObjectType(tuple(members))


def _name(kind: ColumnType) -> str:
    return kind.value if isinstance(kind, DataType) else type(kind).__name__.removesuffix("Type").lower()


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise ModelFormatError(f"the name {name!r:.100} is a {type(name).__name__}, not a text. Rename the column.")
    return name
