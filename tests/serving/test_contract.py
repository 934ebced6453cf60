"""A contract makes payloads of what callers send, changes no value, and names no value when it refuses one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pytest

from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    DataType,
    MapType,
    ObjectType,
    Param,
    Property,
    Tensor,
)
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument
from milepost_server.serving.checks.contract import Contract, TensorSpec
from support.serving_contracts import SECRET, contract, refused

LONG, DOUBLE, SINGLE, TEXT, TIME = DataType.LONG, DataType.DOUBLE, DataType.FLOAT, DataType.STRING, DataType.DATETIME
NUMBERS = contract(Column(DOUBLE, "a"), Column(DOUBLE, "b"))
PEOPLE = contract(Column(LONG, "age"), Column(TEXT, "name"), Column(TIME, "since", required=False))
MATRIX = contract(Tensor("float64", (-1, 3)))
PAIR = contract(Tensor("int32", (-1,), "ids"), Tensor("float32", (-1, 2), "points"))
NOTHING = Contract(None)


def columns(payload: Payload) -> dict[str, list[Any]]:
    assert payload.form == "frame"
    arrays = list(payload.arrays[0].T) if payload.block else payload.arrays
    return {name: array.tolist() for name, array in zip(payload.names or (), arrays, strict=True)}


@pytest.mark.parametrize(
    "make",
    [
        lambda: NUMBERS.from_tensors({"b": np.array([2.0, 4.0]), "a": np.array([[1.0], [3.0]])}),
        lambda: NUMBERS.from_tensors({"b": np.array([2, 4]), "a": np.array([1.0, 3.0], dtype=np.float32)}),
        lambda: NUMBERS.from_tensors({"": np.array([[1.0, 2.0], [3.0, 4.0]])}),
        lambda: NUMBERS.from_tensors({"input": np.array([[1, 2], [3, 4]])}),
        lambda: NUMBERS.from_columns({"b": np.array([2, 4], dtype=object), "a": np.array([1.0, 3.0])}),
        lambda: NUMBERS.from_rows([{"b": 2.0, "a": 1.0}, {"a": 3.0, "b": 4.0}]),
        lambda: NUMBERS.from_rows([[1, 2.0], [3.0, 4]]),
        lambda: NUMBERS.from_table(["b", "a"], [[2.0, 1.0], [4.0, 3.0]]),
        lambda: NUMBERS.from_table(None, [[1.0, 2.0], [3.0, 4.0]]),
        lambda: NUMBERS.from_inputs({"b": [2.0, 4.0], "a": [1.0, 3.0]}),
        lambda: NUMBERS.from_inputs([[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_columns_of_one_type_are_one_block_in_the_order_of_the_signature(make: Callable[[], Payload]) -> None:
    payload = make()
    assert (payload.form, payload.block, payload.names) == ("frame", True, ("a", "b"))
    assert payload.arrays[0].dtype == np.float64
    assert payload.arrays[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_columns_of_several_types_are_arrays_and_absent_ones_stay_absent() -> None:
    payload = PEOPLE.from_rows([{"name": "Ann", "age": 3}, {"age": 4.0, "name": "Bob"}])
    assert not payload.block
    assert columns(payload) == {"age": [3, 4], "name": ["Ann", "Bob"]}
    assert [array.dtype for array in payload.arrays] == [np.dtype(np.int64), np.dtype(object)]


def test_a_missing_value_of_an_optional_column_is_kept() -> None:
    payload = PEOPLE.from_rows([{"name": "Ann", "age": 3, "since": "2026-01-02T03:04:05.000000006"}, {**ANN}])
    assert payload.arrays[2].dtype == "datetime64[ns]"
    assert payload.arrays[2].tolist() == np.array(["2026-01-02T03:04:05.000000006", "NaT"], "M8[ns]").tolist()


ANN = {"name": "Ann", "age": 3}


def test_times_with_an_offset_become_utc() -> None:
    payload = PEOPLE.from_rows([{**ANN, "since": "2026-01-01T01:30:00+02:00"}, {**ANN, "since": "2026-01-01T01:30Z"}])
    assert payload.arrays[2].tolist() == np.array(["2025-12-31T23:30", "2026-01-01T01:30"], "M8[ns]").tolist()


def test_json_has_bytes_in_base64_and_decimals_in_the_precision_of_the_column() -> None:
    both = contract(Column(DataType.BINARY, "raw"), Column(SINGLE, "x"), Column(ArrayType(SINGLE), "v"))
    payload = both.from_rows([{"raw": "AP8=", "x": 0.1, "v": [0.1, "NaN", 16777216]}])
    assert payload.arrays[0].tolist() == [b"\x00\xff"]
    assert payload.arrays[1].tolist() == [np.float32(0.1)]
    assert str(payload.arrays[2].tolist()) == str([[float(np.float32(0.1)), float("nan"), 16777216.0]])
    refused(lambda: both.from_rows([{"raw": "AP8=", "x": 16777217, "v": []}]), "x")
    refused(lambda: both.from_rows([{"raw": "AP8", "x": 1.0, "v": []}]), "raw")


def test_tensors_have_a_precision_of_their_own() -> None:
    refused(lambda: contract(Column(SINGLE, "x")).from_tensors({"x": np.array([0.1])}), "x")


def objects(*items: Any) -> np.ndarray[Any, Any]:
    return np.fromiter(items, dtype=object, count=len(items))


def test_tensors_come_in_the_order_of_the_signature() -> None:
    payload = PAIR.from_tensors({"points": np.ones((2, 2), np.float32), "ids": np.array([1, 2])})
    assert (payload.form, payload.names) == ("arrays", ("ids", "points"))
    assert [array.dtype for array in payload.arrays] == [np.dtype(np.int32), np.dtype(np.float32)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: PAIR.from_rows([{"ids": 1, "points": [0.1, 2]}, {"points": [3.5, "Infinity"], "ids": 2}]),
        lambda: PAIR.from_inputs({"ids": [1, 2], "points": [[0.1, 2], [3.5, "Infinity"]]}),
        lambda: PAIR.from_table(["ids", "points"], [[1, [0.1, 2]], [2, [3.5, "Infinity"]]]),
    ],
)
def test_named_tensors_of_json_are_read_by_rows_and_by_names(make: Callable[[], Payload]) -> None:
    payload = make()
    assert payload.arrays[0].tolist() == [1, 2]
    assert payload.arrays[1].tolist() == [[np.float32(0.1), 2.0], [3.5, np.inf]]


def test_texts_of_a_tensor_are_objects_whatever_their_lengths() -> None:
    payload = contract(Tensor("str", (-1,))).from_inputs(["a", "b" * 10])
    assert payload.arrays[0].dtype == object
    assert payload.arrays[0].tolist() == ["a", "b" * 10]


def test_a_table_is_taken_for_a_matrix_by_position() -> None:
    payload = MATRIX.from_columns({"x": np.array([1, 2]), "y": np.array([0.5, 1.5]), "z": np.array([3, 4])})
    assert payload.form == "array"
    assert payload.arrays[0].tolist() == [[1.0, 0.5, 3.0], [2.0, 1.5, 4.0]]


def test_one_column_without_a_name_is_a_list_of_values() -> None:
    texts = contract(Column(TEXT))
    for payload in (
        texts.from_rows(["a", "b"]),
        texts.from_inputs(["a", "b"]),
        texts.from_tensors({"0": objects("a", "b")}),
    ):
        assert (payload.form, payload.value) == ("value", ["a", "b"])


def test_data_of_a_model_without_signature_are_what_they_look_like() -> None:
    one = NOTHING.from_tensors({"x": np.array([1.0])})
    assert (one.form, one.arrays[0].tolist()) == ("array", [1.0])
    assert NOTHING.from_tensors({"x": np.array([1.0]), "y": np.array([2])}).form == "arrays"
    assert columns(NOTHING.from_rows([{"a": 1, "b": "x"}, {"a": None, "b": "y"}])) == {
        "a": [1.0, pytest.approx(np.nan, nan_ok=True)],
        "b": ["x", "y"],
    }
    assert NOTHING.from_rows([[1, 2], [3, 4]]).arrays[0].tolist() == [[1, 2], [3, 4]]
    assert NOTHING.from_rows(["a", [1]]).value == ["a", [1]]
    assert NOTHING.from_inputs({"question": "why?"}).value == {"question": "why?"}
    assert NOTHING.from_rows([2**53 + 1, 0.5]).value == [2**53 + 1, 0.5]


@pytest.mark.parametrize(
    ("call", "field", "part"),
    [
        (lambda: PEOPLE.from_rows([{**ANN, "age": 1.5}]), "age", "float has no equal in long"),
        (lambda: PEOPLE.from_rows([{**ANN, "age": SECRET}]), "age", "str has no equal"),
        (lambda: PEOPLE.from_rows([{**ANN, "age": None}]), "age", "None where a value is required"),
        (lambda: PEOPLE.from_rows([{**ANN, "age": "NaN"}]), "age", "no equal"),
        (lambda: PEOPLE.from_tensors({"name": objects("a"), "age": np.array([np.nan])}), "age", "required"),
        (lambda: PEOPLE.from_tensors({"name": objects("a"), "age": np.array([4111111111111111.5])}), "age", "integer"),
        (lambda: PEOPLE.from_tensors({"name": objects("a"), "age": np.zeros((1, 2), int)}), "age", "[1, 2]"),
        (lambda: PEOPLE.from_tensors({"name": objects("a"), "age": np.array(["1"])}), "age", "not converted"),
        (lambda: PEOPLE.from_tensors({"name": objects("a", "b"), "age": np.array([1])}), "", "different lengths"),
        (lambda: PEOPLE.from_rows([{**ANN, "since": SECRET}]), "since", "ISO 8601"),
        (lambda: PEOPLE.from_rows([{**ANN, "since": "3000-01-01"}]), "since", "1678"),
        (lambda: PEOPLE.from_rows([{"age": 1}]), "name", "required"),
        (lambda: PEOPLE.from_rows([{**ANN, "more": SECRET}]), "more", "unknown"),
        (lambda: PEOPLE.from_rows([[1, SECRET]]), "", "2 values for 3 columns"),
        (lambda: PEOPLE.from_rows([SECRET]), "", "mappings"),
        (lambda: PEOPLE.from_table(["age", "age"], [[1, 2]]), "age", "more than once"),
        (lambda: PEOPLE.from_inputs({"age": [1, 2], "name": "x"}), "name", "list"),
        (lambda: NUMBERS.from_rows([{"a": 2**53 + 1, "b": 1.0}]), "a", "no equal in double"),
        (lambda: NUMBERS.from_rows([{"a": True, "b": 1.0}]), "a", "bool"),
        (lambda: NUMBERS.from_tensors({"input": np.zeros((1, 3))}), "input", "3 columns"),
        (lambda: NUMBERS.params({"threshold": 0.5}), "threshold", "no params"),
        (lambda: MATRIX.from_tensors({"input": np.zeros((1, 2))}), "input", "[1, 2]"),
        (lambda: MATRIX.from_tensors({"inputs": np.zeros((1, 3))}), "", "'input'"),
        (lambda: MATRIX.from_inputs([[1.0, 2.0, SECRET]]), "input", "no number"),
        (lambda: MATRIX.from_inputs([[1.0, 2.0], [1.0]]), "input", "different lengths"),
        (lambda: MATRIX.from_inputs({"x": 1}), "", "nested lists"),
        (lambda: PAIR.from_inputs({"ids": [1]}), "points", "missing"),
        (lambda: PAIR.from_rows([{"ids": 1, "points": [1, 2], "z": SECRET}]), "z", "unknown"),
        (lambda: PAIR.from_rows([{"ids": 1, "points": [1e39, 2]}]), "points", "too large"),
        (lambda: PAIR.from_rows([{"ids": 1.5, "points": [1, 2]}]), "ids", "integer"),
        (lambda: NOTHING.from_inputs(None), "", "required"),
    ],
)
def test_data_that_do_not_fit_are_refused_by_field_and_without_values(
    call: Callable[[], Any], field: str, part: str
) -> None:
    assert part in refused(call, field)


@pytest.mark.parametrize(
    "call",
    [
        lambda: NUMBERS.from_rows([]),
        lambda: NUMBERS.from_table(["a", "b"], []),
        lambda: NUMBERS.from_inputs({"a": [], "b": []}),
        lambda: NUMBERS.from_tensors({"a": np.empty(0), "b": np.empty(0)}),
        lambda: NUMBERS.from_columns({"a": np.empty(0, dtype=object), "b": np.empty((0,))}),
        lambda: MATRIX.from_tensors({"input": np.empty((0, 3))}),
        lambda: MATRIX.from_rows([]),
        lambda: contract(Column(TEXT)).from_rows([]),
        lambda: NOTHING.from_rows([]),
        lambda: NOTHING.from_tensors({"x": np.empty((0, 3))}),
    ],
)
def test_a_batch_without_rows_is_refused(call: Callable[[], Any]) -> None:
    assert "no rows" in refused(call)


@pytest.mark.parametrize(
    "call",
    [
        lambda optional: optional.from_tensors({}),
        lambda optional: optional.from_rows([{}, {}]),
        lambda optional: optional.from_inputs({}),
    ],
)
def test_rows_without_any_column_are_refused_also_where_all_may_be_absent(call: Callable[[Contract], Any]) -> None:
    with pytest.raises(InvalidArgument, match="none of the model's columns"):
        call(contract(Column(DOUBLE, "a", required=False), Column(TEXT, "b", required=False)))


def test_names_that_the_caller_made_up_are_cut_and_only_the_first_is_told() -> None:
    message = refused(lambda: NUMBERS.from_rows([{"x" * 500: 1, SECRET: 2, "a": 1, "b": 1}]), "x" * 100)
    assert len(message) < 300


def test_keys_inside_of_values_are_not_repeated() -> None:
    keys = contract(Column(MapType(LONG), "m"), Column(ObjectType((Property("k", LONG),)), "o", required=False))
    refused(lambda: keys.from_rows([{"m": {SECRET: "x"}}]), "m")
    assert "'other'" in refused(lambda: keys.from_rows([{"m": {}, "o": {"k": 1, "other": SECRET, SECRET: 1}}]), "o")


def test_values_of_any_type_that_nest_too_deep_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [1, deep]
    refused(lambda: contract(Column(AnyType(), "a"), Column(LONG, "b")).from_rows([{"a": deep, "b": 1}]), "a")
    refused(lambda: NOTHING.from_rows(["x", deep]))


def test_params_are_checked_and_those_not_given_have_their_defaults() -> None:
    settings = contract(
        Column(TEXT),
        params=[Param("k", LONG, 3), Param("since", TIME), Param("weights", SINGLE, [1.0], (-1,))],
    )
    assert settings.params(None) == {"k": 3, "since": None, "weights": [1.0]}
    given = settings.params({"k": 2.0, "since": "2026-01-02", "weights": [0.1]})
    assert given == {"k": 2, "since": np.datetime64("2026-01-02"), "weights": [np.float32(0.1)]}
    refused(lambda: settings.params({"k": 1.5}), "k")
    refused(lambda: settings.params({"k": None}), "k")
    assert SECRET not in refused(lambda: settings.params({"z": SECRET}), "z")


def test_params_of_a_model_that_says_nothing_about_them_pass() -> None:
    assert NOTHING.params({"a": 1}) == {"a": 1}
    assert NOTHING.params({}) is None


def test_fields_are_described_as_tensors() -> None:
    assert PEOPLE.inputs == (
        TensorSpec("age", "int64", (-1,)),
        TensorSpec("name", "str", (-1,)),
        TensorSpec("since", "datetime64[ns]", (-1,), required=False),
    )
    unnamed = contract(Tensor("float32", (-1, 2)), outputs=[Column(AnyType())])
    assert unnamed.inputs == (TensorSpec("input", "float32", (-1, 2)),)
    assert unnamed.outputs == (TensorSpec("0", "object", (-1,)),)


@pytest.mark.parametrize(
    ("answer", "outputs", "named"),
    [
        (Payload("array", [np.array([1])]), [], {"output": [1]}),
        (Payload("array", [np.array([1])]), [Tensor("int64", (-1,), "label")], {"label": [1]}),
        (Payload("arrays", [np.array([1]), np.array([2])], ("b", "a")), [], {"b": [1], "a": [2]}),
        (Payload("frame", [np.array([[1, 2]])], ("x", "y"), block=True), [], {"x": [1], "y": [2]}),
        (Payload("frame", [np.array([1]), np.array([2])]), [], {"0": [1], "1": [2]}),
        (Payload("frame", [np.array([1])]), [Column(LONG, "label")], {"label": [1]}),
        (Payload("value", value=["a", None]), [], {"output": ["a", None]}),
        (Payload("value", value=[[1, 2], [3, 4]]), [], {"output": [[1, 2], [3, 4]]}),
        (Payload("value", value={"a": 1}), [], {"output": [{"a": 1}]}),
        (Payload("value", value=[1, 2**70]), [], {"output": [1, 2**70]}),
    ],
)
def test_answers_are_tensors_with_names(answer: Payload, outputs: list[Any], named: dict[str, list[Any]]) -> None:
    found = contract(Column(TEXT), outputs=outputs).named(answer)
    assert {name: array.tolist() for name, array in found} == named


def test_no_data_frame_library_is_imported() -> None:
    code = (
        "import sys, numpy as np\n"
        "from milepost.models.signatures.schema import *\n"
        "from support.serving_contracts import contract\n"
        "from milepost_server.serving.codecs import invocations, native, v2_json, v2_messages, arrow_tables\n"
        "assert 'pyarrow' not in sys.modules\n"
        "table = contract(Column(DataType.LONG, 'a'), Column(DataType.STRING, 'b'), Column(DataType.DATETIME, 't'))\n"
        "columns = [('a', np.array([1])), ('b', np.array(['x'], object)), ('t', np.array(['2026'], 'M8[ns]'))]\n"
        "arrow_tables.read(arrow_tables.write(columns), table)\n"
        "table.from_rows([{'a': 1, 'b': 'x', 't': '2026-01-01'}])\n"
        "assert 'pandas' not in sys.modules\n"
    )
    done = run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
