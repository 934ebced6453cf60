"""Tensors of event files, against numpy's numbers of the same types."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.proto.types_pb2 import DataType

from milepost.migration.tensorboard.tensors import number, text

LISTS = {
    "float32": (DataType.DT_FLOAT, "float_val"),
    "float64": (DataType.DT_DOUBLE, "double_val"),
    "float16": (DataType.DT_HALF, "half_val"),
    "int8": (DataType.DT_INT8, "int_val"),
    "uint8": (DataType.DT_UINT8, "int_val"),
    "int16": (DataType.DT_INT16, "int_val"),
    "uint16": (DataType.DT_UINT16, "int_val"),
    "int32": (DataType.DT_INT32, "int_val"),
    "int64": (DataType.DT_INT64, "int64_val"),
    "bool": (DataType.DT_BOOL, "bool_val"),
}


def double(value: float) -> float | None:
    """A number as a double; None for a whole number that is none."""
    return None if isinstance(value, int) and int(float(value)) != value else float(value)


@pytest.mark.parametrize("name", LISTS)
@given(data=st.data())
def test_a_number_is_read_exactly_however_it_is_kept(name: str, data: Any) -> None:
    value = numpy.array([data.draw(arrays.from_dtype(numpy.dtype(name)))], name)
    kind, field = LISTS[name]
    element = int(value.view("u2")[0]) if name == "float16" else value[0].item()
    expected = double(value[0].item())
    for tensor in (
        TensorProto(dtype=kind, tensor_content=value.tobytes()),
        TensorProto(dtype=kind, **{field: [element]}),
    ):
        found = number(tensor)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert numpy.array(found).tobytes() == numpy.array(expected).tobytes() or numpy.isnan(expected)


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(),
        TensorProto(dtype=DataType.DT_FLOAT),
        TensorProto(dtype=DataType.DT_FLOAT, float_val=[1, 2]),
        TensorProto(dtype=DataType.DT_FLOAT, tensor_content=b"abc"),
        TensorProto(dtype=DataType.DT_DOUBLE, float_val=[1]),
        TensorProto(dtype=DataType.DT_STRING, string_val=[b"1"]),
        TensorProto(dtype=DataType.DT_INT64, int64_val=[2**53 + 1]),
    ],
)
def test_what_is_no_number_gives_none(tensor: TensorProto) -> None:
    assert number(tensor) is None


def test_texts_are_joined_and_other_tensors_are_no_text() -> None:
    lines = [b"one", b"caf\xe9"]
    assert text(TensorProto(dtype=DataType.DT_STRING, string_val=lines)) == "one\ncaf\N{REPLACEMENT CHARACTER}"
    assert text(TensorProto(dtype=DataType.DT_FLOAT, string_val=lines)) is None
