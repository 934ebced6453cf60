"""Signatures of data and of type hints."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from milepost.errors import ModelFormatError
from milepost.models.signatures.inference import infer_signature, signature_from_hints
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    DataType,
    MapType,
    ObjectType,
    Param,
    Property,
    Schema,
    Tensor,
)

LONG, DOUBLE, STRING = DataType.LONG, DataType.DOUBLE, DataType.STRING


def columns(data: Any) -> list[tuple[str | None, Any, bool]]:
    schema = infer_signature(data).inputs
    assert schema is not None
    return [(field.name, field.type, field.required) for field in schema.fields if isinstance(field, Column)]


def test_a_pandas_frame_has_a_column_for_each_of_its_own() -> None:
    frame = pd.DataFrame({
        "long": [1, 2], "small": np.array([1, 2], "int16"), "single": np.array([1, 2], "float32"), "gap": [1.0, None],
        "text": ["a", None], "category": pd.Categorical(["a", "b"]), "flag": [True, False], "bytes": [b"a", b"b"],
        "time": pd.to_datetime(["2026-01-01", "2026-01-02"]), "masked": pd.array([1, None], "Int64"),
        "list": [[1], []], "object": [{"x": 1}, {"x": 2, "y": "a"}], "nothing": pd.Series([None, None], dtype=object),
    })  # fmt: skip
    members = ObjectType((Property("x", LONG), Property("y", STRING, False)))
    assert columns(frame) == [
        ("long", LONG, True), ("small", DataType.INTEGER, True), ("single", DataType.FLOAT, True),
        ("gap", DOUBLE, False), ("text", STRING, False), ("category", STRING, True), ("flag", DataType.BOOLEAN, True),
        ("bytes", DataType.BINARY, True), ("time", DataType.DATETIME, True), ("masked", LONG, False),
        ("list", ArrayType(LONG), True), ("object", members, True), ("nothing", AnyType(), False),
    ]  # fmt: skip


@pytest.mark.parametrize("library", [pl.DataFrame, pa.table])
def test_other_frames_have_the_same_columns(library: Any) -> None:
    frame = library({"a": [1, None], "b": ["x", "y"], "c": [[1.0], [2.0]], "d": [{"x": True}, {"x": False}]})
    members = ObjectType((Property("x", DataType.BOOLEAN),))
    assert columns(frame) == [
        ("a", LONG, False), ("b", STRING, True), ("c", ArrayType(DOUBLE), True), ("d", members, True),
    ]  # fmt: skip


def test_a_frame_without_names_and_a_series_have_columns_too() -> None:
    assert columns(pd.DataFrame(np.zeros((1, 2)))) == [(None, DOUBLE, True)] * 2
    assert columns(pd.Series([1], name="a")) == [("a", LONG, True)]


def test_arrays_are_tensors_whose_first_size_is_free() -> None:
    assert infer_signature(np.zeros((3, 4), "float32")).inputs == Schema((Tensor("float32", (-1, 4)),))
    assert infer_signature(np.array(["a", "bb"])).inputs == Schema((Tensor("str", (-1,)),))
    assert infer_signature(sparse.csr_matrix(np.eye(3))).inputs == Schema((Tensor("float64", (-1, 3)),))
    named = infer_signature({"x": np.zeros((2, 3)), "y": np.zeros(2, "int8")}).inputs
    assert named == Schema((Tensor("float64", (-1, 3), "x"), Tensor("int8", (-1,), "y")))


def test_plain_values_are_columns() -> None:
    assert columns([{"a": 1, "b": "x"}, {"a": 2}]) == [("a", LONG, True), ("b", STRING, False)]
    assert columns({"a": 1.5, "b": [1, 2]}) == [("a", DOUBLE, True), ("b", ArrayType(LONG), True)]
    assert columns(["a", "b"]) == [(None, STRING, True)]
    assert columns([[1.0], [2.0]]) == [(None, ArrayType(DOUBLE), True)]
    assert columns(np.float32(1)) == [(None, DataType.FLOAT, True)]
    assert columns(datetime(2026, 1, 1)) == [(None, DataType.DATETIME, True)]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([1, 2.5], "the list holds values of several types, long and double"),
        ([True, 1], "boolean and long"),
        ([], "the list is empty"),
        ([{"a": object()}], "column 'a'"),
        (pd.DataFrame({"a": [1, "x"]}, dtype=object), "column 'a'"),
        (pd.DataFrame({"a": np.array([1], "uint64")}), "column 'a' is UInt64"),
        (pd.DataFrame({1: [1], "b": [2]}), "the name 1"),
        (np.zeros(1, "V4"), "dtype"),
    ],
)
def test_data_without_a_type_are_refused_by_name(data: Any, place: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        infer_signature(data)
    assert place in str(caught.value)


def test_data_that_hold_themselves_are_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ModelFormatError, match="holds itself"):
        infer_signature(cycle)


def test_outputs_without_a_type_are_any() -> None:
    assert infer_signature(["a"], [1, 2.5]).outputs == Schema((Column(AnyType()),))


def test_params_have_the_types_of_their_defaults() -> None:
    signature = infer_signature(
        None, params={"t": 0.5, "n": np.int64(3), "words": ["a"], "at": datetime(2026, 1, 1), "o": {"x": 1}}
    )
    assert signature.params == (
        Param("t", DOUBLE, 0.5),
        Param("n", LONG, 3),
        Param("words", STRING, ["a"], (-1,)),
        Param("at", DataType.DATETIME, "2026-01-01T00:00:00"),
        Param("o", ObjectType((Property("x", LONG),)), {"x": 1}),
    )
    with pytest.raises(ModelFormatError, match="Param 'x'"):
        infer_signature(None, params={"x": None})


class Question(TypedDict, total=False):
    text: str


@dataclasses.dataclass
class Answer:
    text: str
    score: float | None = None


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (list[str], STRING),
        (list[dict[str, float]], MapType(DOUBLE)),
        (list[list[int]], ArrayType(LONG)),
        (str, STRING),
        (list[Question], ObjectType((Property("text", STRING, False),))),
        (list[Answer], ObjectType((Property("text", STRING), Property("score", DOUBLE, False)))),
        (list[int | str], AnyType()),
    ],
)
def test_type_hints_are_one_column_without_a_name(hint: Any, kind: Any) -> None:
    assert infer_signature(hint).inputs == Schema((Column(kind),))


def test_the_signature_of_a_function_is_in_its_hints() -> None:
    def predict(self: object, context: object, data: list[str], params: dict[str, Any]) -> list[Answer]:
        raise NotImplementedError

    def arrays(data: np.ndarray[Any, Any]) -> pd.DataFrame:
        raise NotImplementedError

    signature = signature_from_hints(predict)
    assert signature is not None
    assert signature.inputs == Schema((Column(STRING),))
    assert signature.outputs is not None
    assert signature_from_hints(arrays) is None
    with pytest.raises(ModelFormatError, match="set"):
        infer_signature(list[set])  # type: ignore[type-arg]
