"""Data pass when the signature can say each of their values exactly, and are refused by field and value otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from milepost.errors import ModelFormatError, SchemaMismatch
from milepost.models.signatures.enforcement import compile_inputs, compile_params
from milepost.models.signatures.inference import infer_signature
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    DataType,
    MapType,
    ObjectType,
    Property,
    Schema,
    Tensor,
    VectorType,
)
from milepost.models.signatures.signature import ModelSignature

LONG, DOUBLE, SINGLE, STRING = DataType.LONG, DataType.DOUBLE, DataType.FLOAT, DataType.STRING
NUMBERS = [DataType.INTEGER, LONG, SINGLE, DOUBLE]
WAYS: list[Callable[[list[Any]], Any]] = [
    lambda values: pd.DataFrame({"a": values}),
    lambda values: pd.DataFrame({"a": pd.Series(values, dtype=object)}),
    lambda values: pl.DataFrame({"a": values}),
    lambda values: pa.table({"a": values}),
    lambda values: np.array(values).reshape(-1, 1),
    lambda values: np.array(values),
    lambda values: [{"a": value} for value in values],
    lambda values: {"a": values},
    lambda values: [[value] for value in values],
]


def check(*fields: Column | Tensor) -> Callable[[Any], Any]:
    return compile_inputs(ModelSignature(inputs=Schema(fields)))  # type: ignore[arg-type]


def values_of(data: Any) -> list[Any]:
    """The values of one column, as Python has them."""
    if isinstance(data, np.ndarray):
        return list(data.ravel().tolist())
    if isinstance(data, pa.Table):
        return list(data["a"].to_pylist())
    return list(data["a"].to_list())


@pytest.mark.parametrize("make", WAYS)
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (LONG, [1.0, 1.5]),
        (LONG, [True, False]),
        (LONG, ["1"]),
        (LONG, [1e19]),
        (DataType.INTEGER, [2**31]),
        (DOUBLE, [2**53 + 1]),
        (DOUBLE, [True]),
        (DOUBLE, ["1.5"]),
        (SINGLE, [0.1]),
        (SINGLE, [1e39]),
        (SINGLE, [2**24 + 1]),
        (DataType.BOOLEAN, [0, 1]),
        (STRING, [1]),
        (DataType.DATETIME, ["2026-01-01"]),
        (DataType.BINARY, ["a"]),
    ],
)
def test_values_without_an_equal_are_refused_however_they_come(
    kind: DataType, values: list[Any], make: Callable[[list[Any]], Any]
) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        check(Column(kind, "a"))(make(values))
    assert caught.value.field == "a"
    assert f"Column 'a' ({kind.value})" in str(caught.value)


@pytest.mark.parametrize("make", WAYS)
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (LONG, [2.0, -(2.0**63)]),
        (LONG, [2**63 - 1, 0]),
        (DataType.INTEGER, [2**31 - 1]),
        (DOUBLE, [2**53, 1]),
        (DOUBLE, [0.1, float("inf")]),
        (SINGLE, [0.5, 2.0**100]),
        (DataType.BOOLEAN, [True]),
        (STRING, ["a", ""]),
        (DataType.DATETIME, [datetime(2026, 1, 1, 12)]),
    ],
)
def test_values_with_an_equal_pass_however_they_come(
    kind: DataType, values: list[Any], make: Callable[[list[Any]], Any]
) -> None:
    assert values_of(check(Column(kind, "a"))(make(values))) == values


def exact(value: Any) -> Fraction | str:
    number = float(value) if isinstance(value, np.floating) else value
    return str(number) if number != number or number in (float("inf"), float("-inf")) else Fraction(number)


@settings(deadline=None)
@given(
    arrays.arrays(
        st.one_of(
            arrays.integer_dtypes(), arrays.unsigned_integer_dtypes(), arrays.floating_dtypes(sizes=(16, 32, 64))
        ),
        st.integers(1, 4),
    ),
    st.sampled_from(NUMBERS),
    st.booleans(),
)
def test_no_number_of_an_array_is_ever_altered(array: np.ndarray[Any, Any], kind: DataType, as_tensor: bool) -> None:
    dtype = {DataType.INTEGER: "int32", LONG: "int64", SINGLE: "float32", DOUBLE: "float64"}[kind]
    field = Tensor(dtype, (-1,)) if as_tensor else Column(kind)
    possible = all(_has_equal(exact(value), dtype) for value in array.tolist())
    try:
        checked = check(field)(array)
    except SchemaMismatch:
        assert not possible
    else:
        assert possible
        assert checked.dtype == dtype
        assert [exact(value) for value in checked.tolist()] == [exact(value) for value in array.tolist()]


@settings(deadline=None)
@given(
    st.lists(st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=2), min_size=1, max_size=4),
    st.sampled_from(NUMBERS),
    st.sampled_from(["rows", "columns", "objects", "tensor"]),
)
def test_no_number_of_python_is_ever_altered(values: list[Any], kind: DataType, way: str) -> None:
    dtype = {DataType.INTEGER: "int32", LONG: "int64", SINGLE: "float32", DOUBLE: "float64"}[kind]
    given_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    possible = given_numbers and all(_has_equal(exact(value), dtype) for value in values)
    data: Any = values
    if way == "rows":
        data = [{"a": value} for value in values]
    elif way != "tensor":
        data = {"a": values} if way == "columns" else pd.DataFrame({"a": pd.Series(values, dtype=object)})
    try:
        checked = check(Tensor(dtype, (-1,)) if way == "tensor" else Column(kind, "a"))(data)
    except SchemaMismatch:
        assert not possible
    else:
        assert possible
        found = checked if way == "tensor" else checked["a"].to_numpy()
        assert found.dtype == dtype
        assert [exact(value) for value in found.tolist()] == [exact(value) for value in values]


def _has_equal(value: Fraction | str, dtype: str) -> bool:
    """Whether a dtype has a value, by Python's own numbers."""
    if np.dtype(dtype).kind == "i":
        limits = np.iinfo(dtype)
        return not isinstance(value, str) and value.denominator == 1 and limits.min <= value <= limits.max
    if isinstance(value, str):
        return True
    digits, smallest, greatest = (24, -149, 128) if dtype == "float32" else (53, -1074, 1024)
    if value == 0:
        return True
    numerator = abs(value.numerator)
    trailing = (numerator & -numerator).bit_length() - 1
    power_of_two = value.denominator & (value.denominator - 1) == 0
    exponent = trailing - (value.denominator.bit_length() - 1)
    return (
        power_of_two
        and (numerator >> trailing).bit_length() <= digits
        and exponent >= smallest
        and abs(value) < Fraction(2) ** greatest
    )


def test_data_that_fit_are_handed_on_as_they_are() -> None:
    frame = pd.DataFrame({"a": [0.5], "s": ["x"], "t": pd.to_datetime(["2026-01-01"])})
    whole = check(Column(DOUBLE, "a"), Column(STRING, "s"), Column(DataType.DATETIME, "t"))
    for data in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        assert whole(data) is data
    array, matrix = np.zeros((2, 2)), sparse.csr_matrix(np.eye(2))
    assert check(Column(DOUBLE, "a"), Column(DOUBLE, "b"))(array) is array
    assert check(Column(DOUBLE, "a"), Column(DOUBLE, "b"))(matrix) is matrix
    assert check(Tensor("float64", (-1, 2)))(array) is array
    assert check(Tensor("float64", (-1, 2)))(matrix) is matrix
    assert compile_inputs(None)(array) is array
    assert compile_inputs(ModelSignature())(array) is array


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_are_found_by_their_names(library: Any) -> None:
    two = check(Column(LONG, "a"), Column(STRING, "b", required=False))
    reordered = two(library({"b": ["x"], "a": [1]}))
    assert (reordered.column_names if library is pa.table else list(reordered.columns)) == ["a", "b"]
    alone = library({"a": [1]})
    assert two(alone) is alone
    with pytest.raises(SchemaMismatch, match=r"no columns \['a'\]") as missing:
        two(library({"b": ["x"]}))
    assert missing.value.field == "a"
    with pytest.raises(SchemaMismatch, match=r"columns \['z'\], which the model does not know") as extra:
        two(library({"a": [1], "z": [1]}))
    assert extra.value.field == "z"


def test_a_frame_whose_values_are_elsewhere_is_checked_by_its_types() -> None:
    two = check(Column(LONG, "a"), Column(ArrayType(DOUBLE), "b"))
    frame = pl.DataFrame({"a": [1], "b": [[0.5]]}).lazy()
    assert infer_signature(frame).inputs == Schema((Column(LONG, "a"), Column(ArrayType(DOUBLE), "b")))
    assert two(frame) is frame
    assert two(frame.select("b", "a")).collect_schema().names() == ["a", "b"]
    with pytest.raises(SchemaMismatch, match="Column 'a'"):
        two(frame.with_columns(a=pl.lit(1.0)))


def test_any_value_passes_where_nothing_is_known() -> None:
    frame = pd.DataFrame({"a": [1]})
    assert check(Column(AnyType()))(frame) is frame


def test_a_column_that_comes_twice_is_refused() -> None:
    with pytest.raises(SchemaMismatch, match="'a' more than once"):
        check(Column(LONG, "a"))(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("values", [[1, None], ["x", None], [datetime(2026, 1, 1), None]])
def test_missing_values_need_a_column_that_is_not_required(library: Any, values: list[Any]) -> None:
    signature = infer_signature(library({"a": values[:1]}))
    assert signature.inputs is not None
    (column,) = signature.inputs.fields
    assert isinstance(column, Column)
    with pytest.raises(SchemaMismatch, match=r"missing|required"):
        check(column)(library({"a": values}))
    data = library({"a": values})
    assert check(Column(column.type, "a", required=False))(data) is data


def test_missing_numbers_of_rows_become_nan_where_they_may_be_missing() -> None:
    optional = check(Column(LONG, "a", required=False), Column(DOUBLE, "b", required=False))
    frame = optional([{"a": 1, "b": None}, {"a": None}])
    assert frame["a"].tolist()[0] == 1
    assert frame.isna().to_numpy().tolist() == [[False, True], [True, True]]
    with pytest.raises(SchemaMismatch, match="become float64"):
        optional([{"a": 2**53 + 1}, {"a": None}])


def test_a_nan_is_a_float_but_no_integer() -> None:
    assert np.isnan(check(Column(DOUBLE, "a"))(np.array([[np.nan]]))).all()
    with pytest.raises(SchemaMismatch, match="nan where a value is required at row 0"):
        check(Column(LONG, "a"))(np.array([[np.nan]]))


def test_arrays_are_taken_by_position() -> None:
    three = check(Column(DOUBLE, "a"), Column(LONG, "b"), Column(SINGLE, "c"))
    array = np.array([[0.1, 1.0, 0.5]])
    assert three(array) is array
    for wrong, field in ((np.zeros((1, 2)), ""), (np.zeros(3), ""), (np.array([[0.1, 1.5, 0.5]]), "b")):
        with pytest.raises(SchemaMismatch) as caught:
            three(wrong)
        assert caught.value.field == field
    with pytest.raises(SchemaMismatch, match="masked"):
        three(np.ma.masked_array(np.zeros((1, 3)), mask=True))


def test_sparse_matrices_are_taken_by_position() -> None:
    two = check(Column(DOUBLE, "a"), Column(DOUBLE, "b"))
    made = two(sparse.csc_matrix(np.eye(2, dtype="int64")))
    assert (made.dtype, made.toarray().tolist()) == (np.dtype("float64"), [[1.0, 0.0], [0.0, 1.0]])
    for wrong, place in (
        (sparse.csr_matrix(np.eye(3)), "shape (3, 3)"),
        (sparse.csr_matrix(np.full((1, 2), 2**53 + 1)), "9007199254740993"),
    ):
        with pytest.raises(SchemaMismatch) as caught:
            two(wrong)
        assert place in str(caught.value)
    with pytest.raises(SchemaMismatch, match="not numbers of one type"):
        check(Column(DOUBLE, "a"), Column(LONG, "b"))(sparse.csr_matrix(np.eye(2)))


def test_a_missing_time_in_an_array_is_refused() -> None:
    times = np.array(["2026-01-01", "NaT"], "datetime64[s]")
    with pytest.raises(SchemaMismatch, match="a time is missing"):
        check(Column(DataType.DATETIME, "a"))(times)
    assert check(Column(DataType.DATETIME, "a", required=False))(times) is times


def test_a_series_is_a_column() -> None:
    series = pd.Series([1, 2])
    assert check(Column(LONG, "a"))(series) is series
    assert check(Column(DOUBLE, "a"))(series).tolist() == [1.0, 2.0]
    assert check(Tensor("float32", (-1,)))(series).dtype == "float32"


class Foreign:
    """A tensor, or a vector, of another library."""

    def __init__(self, dtype: str, values: list[float]) -> None:
        self.dtype = dtype
        self.shape = (len(values),)
        self._values = values

    def toArray(self) -> Any:  # noqa: N802 - as Spark's vectors have it
        return np.array(self._values)


def test_tensors_of_other_libraries_pass_with_the_exact_dtype() -> None:
    single = check(Tensor("float32", (-1,)))
    tensor = Foreign("torch.float32", [0.1])
    assert single(tensor) is tensor
    with pytest.raises(SchemaMismatch, match="Foreign of float64, which is not converted"):
        single(Foreign("torch.float64", [0.1]))


def test_vectors_of_spark_stay_what_they_are() -> None:
    vectors = check(Column(VectorType()))
    vector = Foreign("double", [0.1])
    assert vectors([vector, [1, 2]]) == [vector, [1.0, 2.0]]
    with pytest.raises(SchemaMismatch):
        vectors([["a"]])


def test_rows_and_columns_of_python_become_a_frame() -> None:
    two = check(Column(DOUBLE, "a"), Column(ArrayType(LONG), "b"))
    expected = pd.DataFrame({"a": [0.5], "b": [[1, 2]]})
    for data in ([{"b": [1, 2], "a": 0.5}], {"a": 0.5, "b": [1, 2]}, {"a": [0.5], "b": [[1, 2]]}, [(0.5, [1, 2])]):
        pd.testing.assert_frame_equal(two(data), expected)
    pd.testing.assert_frame_equal(check(Column(DOUBLE), Column(LONG))([[1, 2]]), pd.DataFrame({0: [1.0], 1: [2]}))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([], "no rows"),
        ([{"a": 1.0}], "Row 0 has no value for the columns ['b']"),
        ([{"a": 1.0, "b": 1, "z": 1}], "Row 0 has the unknown columns ['z']"),
        ([{"a": 1.0, "b": 1}, [1.0, 1]], "dict, list"),
        ([[1.0]], "Row 0 has 1 values for 2 columns"),
        ({"a": [1.0], "b": [1, 2]}, "different lengths"),
        ({"a": [1.0], "b": 1}, "Column 'b'"),
        (5, "5 (int) is given for 2 columns"),
        (None, "None (NoneType) is given"),
        (pd.Series([1.0]), "Series is given for 2 columns"),
    ],
)
def test_data_of_another_form_are_refused(data: Any, place: str) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        check(Column(DOUBLE, "a"), Column(LONG, "b"))(data)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "good", "bad", "place"),
    [
        (ArrayType(LONG), [1, 2.0], [1.5], "[0]: 1.5"),
        (ArrayType(ArrayType(STRING)), [["a"], []], ["a"], "[0]: 'a'"),
        (MapType(DOUBLE), {"x": 1}, {"x": "1"}, "['x']: '1'"),
        (ObjectType((Property("x", LONG), Property("y", STRING, False))), {"x": 1}, {"y": "a"}, "no member 'x'"),
        (ObjectType((Property("x", LONG),)), {"x": 1}, {"x": 1, "z": 1}, "unknown members ['z']"),
        (AnyType(), object(), None, ""),
    ],
)
def test_compound_values_are_checked_to_the_leaves(kind: Any, good: Any, bad: Any, place: str) -> None:
    one = check(Column(kind))
    assert one([good]) == [good]
    if place:
        with pytest.raises(SchemaMismatch) as caught:
            one([bad])
        assert place in str(caught.value)


def test_a_batch_of_values_stays_one() -> None:
    texts = check(Column(STRING))
    assert (texts(["a", "b"]), texts("a")) == (["a", "b"], "a")
    with pytest.raises(SchemaMismatch, match="row 1: 1"):
        texts(["a", 1])


@pytest.mark.parametrize(
    ("tensor", "data", "place"),
    [
        (Tensor("int8", (-1,)), np.array([300]), "300 does not fit into int8"),
        (Tensor("int8", (-1,)), [300], "300 does not fit into int8"),
        (Tensor("float32", (-1, 2)), np.zeros((1, 3), "float32"), "got the shape [1, 3]"),
        (Tensor("float32", (-1, 2)), np.zeros(2, "float32"), "got the shape [2]"),
        (Tensor("float32", (-1, 2)), [[0.1, 0.5]], "0.1 has no equal in float32 at [0, 0]"),
        (Tensor("float32", (-1, 2)), [[1, 2], [3]], "different lengths"),
        (Tensor("float32", (-1, 2)), [[True, 1.0]], "True (bool)"),
        (Tensor("float64", (-1,)), [2**53 + 1, 0.5], "9007199254740993"),
        (Tensor("float64", (-1,)), [2**63 - 1, 2**63, -1], "9223372036854775807"),
        (Tensor("int64", (-1,)), [None], "None"),
        (Tensor("str", (-1,)), ["a", 1], "1 (int)"),
        (Tensor("bytes", (-1,)), [b"a\0"], "null character"),
        (Tensor("int64", (-1,)), {"a": 1}, "dict"),
        (Tensor("int64", (-1, 1)), pd.DataFrame({"a": ["x"]}), "column 'a'"),
        (Tensor("float64", (-1, 1)), pl.DataFrame({"a": [None, 1.0]}), "missing"),
    ],
)
def test_tensors_are_checked_by_dtype_and_shape(tensor: Tensor, data: Any, place: str) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        check(tensor)(data)
    assert place in str(caught.value)


def test_tensors_are_made_of_lists_and_frames() -> None:
    single = check(Tensor("float32", (-1, 2)))
    for data in ([[1, 0.5]], pd.DataFrame({"a": [1], "b": [0.5]}), pa.table({"a": [1], "b": [0.5]})):
        made = single(data)
        assert (made.dtype, made.tolist()) == (np.dtype("float32"), [[1.0, 0.5]])


def test_named_tensors_are_a_mapping() -> None:
    two = check(Tensor("int64", (-1,), "x"), Tensor("str", (-1,), "y"))
    made = two({"y": ["a"], "x": [1]})
    assert (list(made), made["x"].tolist()) == (["x", "y"], [1])
    for wrong, place in (
        ({"x": [1]}, "['y'] are missing"),
        ({"x": 1, "y": "", "z": 1}, "['z'] are unknown"),
        ([1], "mapping"),
    ):
        with pytest.raises(SchemaMismatch) as caught:
            two(wrong)
        assert place in str(caught.value)


def test_params_have_their_defaults_and_types() -> None:
    signature = infer_signature(None, params={"t": 0.5, "words": ["a"], "at": datetime(2026, 1, 1)})
    params = compile_params(signature)
    assert params(None) == {"t": 0.5, "words": ["a"], "at": datetime(2026, 1, 1)}
    assert params({"t": 1})["t"] == 1.0
    for wrong, place in (
        ({"x": 1}, "['x'] are unknown; the model has t, words, at"), ({"t": "1"}, "Param 't'"),
        ({"t": None}, "Param 't'"),        ({"words": "a"}, "a list is required"), ({"words": [1]}, "Param 'words'[0]"),
    ):  # fmt: skip
        with pytest.raises(SchemaMismatch) as caught:
            params(wrong)
        assert place in str(caught.value)
    assert compile_params(None)({"any": 1}) == {"any": 1}
    assert compile_params(ModelSignature(params=()))(None) == {}
    with pytest.raises(ModelFormatError):
        infer_signature(None, params={"x": object()})
