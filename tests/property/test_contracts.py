"""What a model gives comes out of its typed messages as it went in, whatever its types."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from milepost.models import ModelSignature
from milepost.models.contracts import package_of
from milepost.models.contracts.layout import by_row
from milepost.models.contracts.names import field_names
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    ColumnType,
    DataType,
    MapType,
    Schema,
    Tensor,
    VectorType,
)
from milepost.models.worker.payload import Array, Payload
from milepost_server.errors import InvalidArgument
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.predicting import Answered
from milepost_server.serving.typed.typed_model import TypedModel
from support.model_strategies import NAMES, SHAPES, TYPES
from support.serving_requests import loaded

_DTYPES = ["bool", "int8", "int64", "uint16", "uint64", "float16", "float32", "float64", "datetime64[ns]"]
# Nanoseconds since 1970 reach these years, and little more.
_TIMES = st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31))
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _FINITE | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)
_SCALARS: dict[DataType, st.SearchStrategy[Any]] = {
    DataType.BOOLEAN: st.booleans(),
    DataType.INTEGER: st.integers(-(2**31), 2**31 - 1),
    DataType.LONG: st.integers(-(2**63), 2**63 - 1),
    DataType.FLOAT: st.floats(width=32),
    DataType.DOUBLE: st.floats(),
    DataType.STRING: st.text(max_size=4),
    DataType.BINARY: st.binary(max_size=4),
    DataType.DATETIME: _TIMES,
}


def values(kind: ColumnType) -> st.SearchStrategy[Any]:
    """Values of a type, as models have them inside of a column."""
    if isinstance(kind, DataType):
        return _SCALARS[kind]
    if isinstance(kind, AnyType):
        return _JSON
    if isinstance(kind, ArrayType):
        return st.lists(values(kind.items), max_size=2)
    if isinstance(kind, VectorType):
        return st.lists(st.floats(), max_size=2)
    if isinstance(kind, MapType):
        return st.dictionaries(st.text(max_size=4), values(kind.values), max_size=2)
    members = {member.name: values(member.type) for member in kind.properties}
    required = {member.name for member in kind.properties if member.required}
    return st.fixed_dictionaries(
        {name: each for name, each in members.items() if name in required},
        optional={name: each for name, each in members.items() if name not in required},
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[Schema, list[list[Any]]]:
    """Columns, and the values of each."""
    columns = st.builds(Column, TYPES, NAMES, st.booleans())
    fields = draw(st.lists(columns, min_size=1, max_size=3, unique_by=lambda column: column.name))
    count = draw(st.integers(1, 3))
    rows = [
        draw(
            st.lists(
                values(each.type) if each.required else st.none() | values(each.type), min_size=count, max_size=count
            )
        )
        for each in fields
    ]
    return Schema(tuple(fields)), rows


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Schema, list[Array]]:
    """Tensors, and an array for each."""
    built = st.builds(Tensor, st.sampled_from(_DTYPES), SHAPES, NAMES)
    schema = Schema(tuple(draw(st.lists(built, min_size=1, max_size=2, unique_by=lambda tensor: tensor.name))))
    rows = draw(st.integers(1, 3))
    arrays = []
    for tensor in schema.fields:
        assert isinstance(tensor, Tensor)
        sizes = [draw(st.integers(0, 3)) if size == -1 else size for size in tensor.shape]
        if by_row(schema):
            sizes[0] = rows
        arrays.append(draw(hnp.arrays(tensor.dtype, tuple(min(size, 9) for size in sizes), elements=_elements(tensor))))
    return schema, arrays


def _elements(tensor: Tensor) -> st.SearchStrategy[Any] | None:
    return _TIMES.map(lambda time: np.datetime64(time, "ns")) if tensor.dtype.startswith("datetime64") else None


def through_messages(schema: Schema, answer: Payload) -> dict[str, Array]:
    """An answer, written as outputs and read as inputs, which have the same fields."""
    signature = ModelSignature(schema, schema)
    typed = TypedModel("m", signature)
    response: Any = typed.write(Answered(loaded(signature=signature), answer))
    request: Any = typed.request_class()
    for output in response.outputs:
        request.inputs.add().ParseFromString(output.SerializeToString())
    return typed.read_inputs(request.inputs)


@given(tables())
def test_columns_of_every_type_keep_their_values(table: tuple[Schema, list[list[Any]]]) -> None:
    schema, columns = table
    fields: Sequence[Any] = schema.fields
    names = tuple(str(field.name) for field in fields)
    arrays = [_column(field.type, column) for field, column in zip(fields, columns, strict=True)]
    read = through_messages(schema, Payload("frame", arrays, names))
    for name, expected in zip(names, columns, strict=True):
        array = read.get(name)
        found = [None] * len(expected) if array is None else _python(array)
        assert _comparable(found) == _comparable(expected)


@given(tensors())
def test_tensors_of_every_shape_keep_their_elements(given_tensors: tuple[Schema, list[Array]]) -> None:
    schema, arrays = given_tensors
    names = schema.names
    read = through_messages(schema, Payload("arrays", arrays, names))
    contract = Contract(ModelSignature(schema))
    if all(array.size or not array.ndim or len(array) for array in arrays):
        # The contract takes them, and gives them the dtypes of the signature.
        for array, checked in zip(arrays, contract.from_tensors(read).arrays, strict=True):
            np.testing.assert_array_equal(checked, array, strict=True)


def test_more_columns_than_a_message_can_have_are_in_parts() -> None:
    names = tuple(f"column {i}" for i in range(1001))
    schema = Schema(tuple(Column(DataType.DOUBLE, name, i != 700) for i, name in enumerate(names)))
    block = np.arange(2002.0).reshape(2, 1001)
    read = through_messages(schema, Payload("frame", (block,), names, block=True))
    assert {name: array.tolist() for name, array in read.items()} == dict(zip(names, block.T.tolist(), strict=True))
    typed = TypedModel("m", ModelSignature(schema))
    request: Any = typed.request_class()
    request.inputs.add().part_1.column_0 = 1
    with pytest.raises(InvalidArgument, match=r"inputs\[0\]\.part_1\.column_1: is required"):
        typed.read_inputs(request.inputs)


@given(st.lists(st.text(max_size=6), unique=True, max_size=6))
def test_every_field_gets_names_of_its_own_that_protobuf_takes(names: list[str]) -> None:
    fields = field_names(names, "column")
    assert all(re.fullmatch("[a-z][a-z0-9_]*", field.name) for field in fields)
    assert len({field.name.replace("_", "") for field in fields}) == len(names)
    assert len({field.json_name for field in fields}) == len(names)


@given(
    st.lists(st.text(max_size=6) | st.from_regex("[ab_]{1,3}(_[0-9a-f]{8})?", fullmatch=True), unique=True, max_size=6)
)
def test_every_model_gets_a_package_of_its_own(names: list[str]) -> None:
    packages = {package_of(name) for name in names}
    assert all(re.fullmatch(r"milepost\.models\.[a-z][a-z0-9_]*", package) for package in packages)
    assert len(packages) == len(names)


def _column(kind: ColumnType, column: list[Any]) -> Array:
    if kind is DataType.DATETIME:
        return np.array([np.datetime64("NaT") if each is None else each for each in column], "datetime64[ns]")
    return np.fromiter(column, np.dtype(object), len(column))


def _python(array: Array) -> list[Any]:
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]")  # of which lists have Python's times, and None
    values: list[Any] = array.tolist()
    return values


def _comparable(value: Any) -> Any:
    """The same with NaN equal to itself, and members of objects that are None left out."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items() if item is not None}
    return "NaN" if isinstance(value, float) and math.isnan(value) else value
