"""Makes data of the JSON of an input example, by what the signature says of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from milepost.models._lazy import require
from milepost.models.signatures._column_arrays import object_array
from milepost.models.signatures._exact import exact_cast
from milepost.models.signatures.schema import (
    ArrayType,
    Column,
    ColumnType,
    DataType,
    MapType,
    ObjectType,
    Schema,
    Tensor,
)

_SCALARS = (DataType.BOOLEAN, DataType.INTEGER, DataType.LONG, DataType.FLOAT, DataType.DOUBLE)


def decoded(content: Any, kind: object, schema: Schema | None) -> Any:
    """The data of an example.

    Args:
        content: What its JSON holds, without params.
        kind: The `type` that the descriptor gives.
        schema: Of the model's inputs; None when it says nothing about types.

    Raises:
        ValueError, TypeError, KeyError: The content is not of this kind.
    """
    fields = schema.fields if schema is not None else ()
    if kind == "dataframe":
        return _frame(content, [field for field in fields if isinstance(field, Column)])
    if kind == "ndarray":
        tensors = {field.name: np.dtype(field.dtype) for field in fields if isinstance(field, Tensor)}
        if isinstance(content, dict):
            return {name: _array(values, tensors.get(name)) for name, values in content.items()}
        return _array(content, tensors.get(None))
    if kind in ("sparse_matrix_csr", "sparse_matrix_csc"):
        return _sparse(content, str(kind)[-3:], fields)
    if kind == "json_object":
        return _objects(content, [field for field in fields if isinstance(field, Column)])
    raise ValueError("this kind is not known")


def _array(values: Any, dtype: np.dtype[Any] | None) -> Any:
    if dtype is None or dtype.kind == "U":
        array = np.array(values)
        return array.astype(np.float64) if array.dtype.kind == "O" else array
    if dtype.kind == "S":
        return np.array(_walk(values, base64.b64decode))
    if dtype.kind in "biu":
        return exact_cast(np.array(values), dtype, "", f"The example ({dtype})")
    # Decimal digits are read in the precision of the tensor; None, for a missing number, becomes NaN.
    return np.array(values, dtype=dtype)


def _walk(values: Any, change: Any) -> Any:
    return [_walk(item, change) for item in values] if isinstance(values, list) else change(values)


def _sparse(parts: Mapping[str, Any], layout: str, fields: Any) -> Any:
    sparse = require("scipy.sparse", "models")
    dtype = np.dtype(fields[0].dtype) if fields and isinstance(fields[0], Tensor) else None
    make = sparse.csc_matrix if layout == "csc" else sparse.csr_matrix
    arrays = (_array(parts["data"], dtype), np.array(parts["indices"]), np.array(parts["indptr"]))
    return make(arrays, shape=tuple(parts["shape"]))


def _frame(content: Any, columns: list[Column]) -> Any:
    pandas = require("pandas", "pandas")
    rows = content["data"] if isinstance(content, dict) else content
    names = content.get("columns") if isinstance(content, dict) else None
    frame = pandas.DataFrame(rows, columns=names, dtype=object)
    types = {column.name if column.name is not None else i: column.type for i, column in enumerate(columns)}
    made = {name: _column(pandas, frame[name], types.get(name)) for name in frame.columns}
    return pandas.DataFrame(made, columns=frame.columns)


def _column(pandas: Any, values: Any, kind: ColumnType | None) -> Any:
    """A column in the type of the signature, by way of Python's own values, so that none is changed."""
    if kind is None:
        return values.infer_objects()
    if kind in _SCALARS:
        optional = Column(kind, str(values.name), required=False)
        return pandas.Series(object_array(values.to_numpy(), optional, f"Column {values.name!r}"), index=values.index)
    if kind is DataType.DATETIME:
        return pandas.to_datetime(values, format="ISO8601")
    decoded_values = [None if value is None else _value(value, kind) for value in values.tolist()]
    series = pandas.Series(decoded_values, index=values.index, dtype=object)
    return series.infer_objects() if kind is DataType.STRING else series


def _objects(content: Any, columns: list[Column]) -> Any:
    """Plain values, with bytes and times in place of their texts."""
    kinds = {column.name: column.type for column in columns}
    if isinstance(content, list):
        return [
            _objects(item, columns) if isinstance(item, dict) else _value(item, kinds.get(None)) for item in content
        ]
    if isinstance(content, dict) and None not in kinds:
        return {name: _value(value, kinds.get(name)) for name, value in content.items()}
    return _value(content, kinds.get(None))


def _value(value: Any, kind: ColumnType | None) -> Any:
    if isinstance(value, str) and kind is DataType.BINARY:
        return base64.b64decode(value)
    if isinstance(value, str) and kind is DataType.DATETIME:
        return datetime.fromisoformat(value)
    if isinstance(value, list) and isinstance(kind, ArrayType):
        return [_value(item, kind.items) for item in value]
    if isinstance(value, dict) and isinstance(kind, MapType):
        return {name: _value(item, kind.values) for name, item in value.items()}
    if isinstance(value, dict) and isinstance(kind, ObjectType):
        kinds = {member.name: member.type for member in kind.properties}
        return {name: _value(item, kinds.get(name)) for name, item in value.items()}
    return value
