"""Bodies of `/invocations`: each form of a batch is read alike, and answers are read by any JSON library."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from milepost import v1 as pb
from milepost.models.signatures.schema import AnyType, ArrayType, Column, DataType, ObjectType, Param, Property, Tensor
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument, Unimplemented
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs.invocations import CSV, JSON, PARQUET, read, write
from support.serving_contracts import SECRET, contract, refused

LONG, DOUBLE, TEXT = DataType.LONG, DataType.DOUBLE, DataType.STRING
TABLE = contract(Column(LONG, "age"), Column(TEXT, "name", required=False), params=[Param("k", LONG, 3)])
MATRIX = contract(Tensor("float32", (-1, 2)))
PAIR = contract(Tensor("int64", (-1,), "ids"), Tensor("float64", (-1, 2), "points"))
NOTHING = Contract(None)
FRAME = pd.DataFrame({"age": [1, 2], "name": ["Ann", None]})


def parquet(frame: pd.DataFrame, **options: Any) -> bytes:
    sink = BytesIO()
    frame.to_parquet(sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (orjson.dumps({"dataframe_split": json.loads(FRAME.to_json(orient="split"))}), JSON),
        (orjson.dumps({"dataframe_split": {"columns": ["name", "age"], "data": [["Ann", 1], [None, 2.0]]}}), JSON),
        (orjson.dumps({"dataframe_split": {"data": [[1, "Ann"], [2, None]]}}), JSON),
        (orjson.dumps({"dataframe_records": FRAME.to_dict(orient="records")}), JSON),
        (orjson.dumps({"dataframe_records": [{"age": 1, "name": "Ann"}, {"age": 2}], "params": {}}), JSON),
        (orjson.dumps({"instances": [{"age": 1, "name": "Ann"}, {"age": 2}]}), JSON),
        (orjson.dumps({"inputs": {"age": [1, 2], "name": ["Ann", None]}}), JSON),
        (FRAME.to_csv(index=False).encode(), CSV),
        (b'\xef\xbb\xbfname,age\r\n"Ann",1\r\n,2\r\n', CSV),
        (parquet(FRAME), PARQUET),
        (parquet(FRAME.astype({"name": "category", "age": "int8"}), compression="zstd", row_group_size=1), PARQUET),
    ],
)
def test_a_table_is_read_in_each_of_its_forms(body: bytes, content_type: str) -> None:
    payload, params = read(body, content_type, TABLE)
    assert payload.names == ("age", "name")
    assert [array.tolist() for array in payload.arrays] == [[1, 2], ["Ann", None]]
    assert params == {"k": 3}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"inputs": [[0.1, 2], [3, 4.5]]}', JSON),
        (b'{"instances": [[0.1, 2.0], [3.0, 4.5]]}', JSON),
        (b'{"dataframe_split": {"columns": [0, 1], "data": [[0.1, 2], [3, 4.5]]}}', JSON),
        (b'{"dataframe_split": {"columns": ["x", "y"], "data": [[0.1, 2], [3, 4.5]]}}', JSON),
        (b'{"dataframe_records": [{"x": 0.1, "y": 2}, {"x": 3, "y": 4.5}]}', JSON),
        (b"x,y\n0.1,2\n3,4.5\n", CSV),
        (parquet(pd.DataFrame({"x": [0.1, 3], "y": [2, 4.5]}, dtype="float32")), PARQUET),
    ],
)
def test_a_matrix_is_read_in_each_of_its_forms(body: bytes, content_type: str) -> None:
    payload, _ = read(body, content_type, MATRIX)
    assert payload.form == "array"
    assert payload.arrays[0].dtype == np.float32
    assert payload.arrays[0].tolist() == [[np.float32(0.1), 2.0], [3.0, 4.5]]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"ids": [1, 2], "points": [[1, 2], [3, 4]]}},
        {"instances": [{"ids": 1, "points": [1, 2]}, {"ids": 2, "points": [3, 4]}]},
        {"dataframe_split": {"columns": ["points", "ids"], "data": [[[1, 2], 1], [[3, 4], 2]]}},
        {"dataframe_records": [{"ids": 1, "points": [1, 2]}, {"ids": 2, "points": [3, 4]}]},
    ],
)
def test_named_tensors_are_read_in_each_of_their_forms(body: dict[str, Any]) -> None:
    payload, _ = read(orjson.dumps(body), JSON, PAIR)
    assert payload.names == ("ids", "points")
    assert [array.tolist() for array in payload.arrays] == [[1, 2], [[1, 2], [3, 4]]]


def test_csv_is_read_by_the_types_of_the_signature() -> None:
    kinds = contract(
        Column(DataType.BOOLEAN, "b"),
        Column(DataType.INTEGER, "i"),
        Column(DataType.FLOAT, "f"),
        Column(DOUBLE, "d", required=False),
        Column(DataType.DATETIME, "t"),
        Column(DataType.BINARY, "x"),
        Column(TEXT, "s"),
    )
    payload, _ = (
        read(b"b,i,f,d,t,x,s\ntrue,-7,0.1,,2026-01-01,AA==,007\nFalse,2,NaN,1e5,2026-01-01T01:00,AA==,\n", CSV, kinds)[
            0
        ],
        None,
    )
    b, i, f, d, t, x, s = (array.tolist() for array in payload.arrays)
    assert (b, i, x, s) == ([True, False], [-7, 2], [b"\0", b"\0"], ["007", ""])
    assert (str(f), str(d)) == (str([float(np.float32(0.1)), float("nan")]), str([float("nan"), 1e5]))
    assert t == np.array(["2026-01-01", "2026-01-01T01:00"], "M8[ns]").tolist()


def test_tables_of_a_model_without_signature_are_frames() -> None:
    for body, content_type in [
        (b"a,b\n1,x\n2,y\n", CSV),
        (parquet(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})), PARQUET),
        (b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}}', JSON),
    ]:
        payload, _ = read(body, content_type, NOTHING)
        assert (payload.form, payload.names) == ("frame", ("a", "b"))
        assert [array.tolist() for array in payload.arrays] == [[1, 2], ["x", "y"]]


def test_objects_are_values_for_a_model_that_takes_a_list_of_them() -> None:
    people = contract(Column(ObjectType((Property("age", LONG), Property("born", DataType.DATETIME)))))
    body = orjson.dumps({"dataframe_records": [{"age": 1.0, "born": "2026-01-01"}]})
    assert read(body, JSON, people)[0].value == [{"age": 1, "born": datetime(2026, 1, 1)}]


def test_anything_is_taken_by_a_model_that_takes_anything() -> None:
    anything = contract(Column(AnyType()))
    assert read(b"a,b\n1,x\n", CSV, anything)[0].names == ("a", "b")
    assert read(b'{"inputs": "why?"}', JSON, anything)[0].value == "why?"


def body_of(document: Any, of: Contract = TABLE) -> Callable[[], Any]:
    return lambda: read(orjson.dumps(document), JSON, of)


def csv_of(text: bytes, of: Contract = TABLE) -> Callable[[], Any]:
    return lambda: read(text, CSV, of)


def parquet_of(frame: pd.DataFrame, of: Contract = TABLE, **options: Any) -> Callable[[], Any]:
    return lambda: read(parquet(frame, **options), PARQUET, of)


@pytest.mark.parametrize(
    ("call", "field", "part"),
    [
        (body_of({"dataframe_records": [{"age": 1.5}]}), "age", "no equal"),
        (body_of({"dataframe_records": [{"age": 1, "x": SECRET}]}), "x", "unknown"),
        (body_of({"dataframe_records": []}), "", "no rows"),
        (body_of({"dataframe_split": {"columns": ["age", "x"], "data": [[1, SECRET]]}}), "x", "unknown"),
        (body_of({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}), "age", "more than once"),
        (body_of({"dataframe_split": {"columns": ["age"], "data": [[1, 2]]}}), "", "2 values for 1"),
        (body_of({"instances": [{"age": 1}], "params": {"k": "x"}}), "k", "no equal"),
        (body_of({"instances": [{"age": 1}], "params": {"z": SECRET}}), "z", "unknown"),
        (body_of({"instances": [{"age": 1}], "params": [1]}), "params", "object"),
        (body_of({"inputs": [[1, 2, 3]]}, MATRIX), "input", "[1, 3]"),
        (body_of({"inputs": SECRET}, MATRIX), "", "nested lists"),
        (csv_of(b"age\n1.5\n"), "age", "no integer"),
        (csv_of(b"age\n 1\n"), "age", "no integer"),
        (csv_of(b'age\n""\n'), "age", "required"),
        (csv_of(b"age,x\n1,4111111111111111\n"), "x", "unknown"),
        (csv_of(b"age,age\n1,2\n"), "age", "more than once"),
        (csv_of(b"name\nAnn\n"), "age", "required"),
        (csv_of(b"age\n"), "", "no rows"),
        (csv_of(b"x\n1e999\n", contract(Column(DOUBLE, "x"))), "x", "no number"),
        (csv_of(b"x\n1_0\n", contract(Column(DOUBLE, "x"))), "x", "no number"),
        (csv_of(b"x\n1\n", contract(Column(DataType.BOOLEAN, "x"))), "x", "neither true nor false"),
        (csv_of(b"x\n[1]\n", contract(Column(ArrayType(LONG), "x"))), "x", "no lists"),
        (parquet_of(pd.DataFrame({"age": [1.5]})), "age", "integer"),
        (parquet_of(pd.DataFrame({"age": [1, None]})), "age", "required"),
        (parquet_of(pd.DataFrame({"age": ["x"]})), "age", "str"),
        (parquet_of(pd.DataFrame({"age": [1], "x": [SECRET]})), "x", "unknown"),
        (parquet_of(pd.DataFrame({"age": pd.Series([], dtype="int64")})), "", "no rows"),
        (parquet_of(pd.DataFrame({"age": pd.to_timedelta([1])})), "age", "type is not taken"),
    ],
)
def test_data_that_do_not_fit_are_refused_by_field(call: Callable[[], Any], field: str, part: str) -> None:
    assert part in refused(call, field)


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        (b"", "", "empty"),
        (b"{", "", "no JSON"),
        (b"null", "", "must be an object"),
        (b"[1]", "", "must be an object"),
        (b"{}", "", "it has none"),
        (b'{"inputs": [1], "instances": [1]}', "", "instances and inputs"),
        (b'{"inputs": [1], "more": 1}', "", "unknown key 'more'"),
        (b'{"inputs": [1], "inputs": [2]}', None, "twice"),
        (b'{"inputs": [NaN]}', None, "no JSON"),
        (b'{"inputs": null}', "inputs", "null"),
        (b'{"instances": 1}', "instances", "list"),
        (b'{"dataframe_records": [[1]]}', "dataframe_records", "objects"),
        (b'{"dataframe_split": {"columns": ["age"]}}', "dataframe_split", "data"),
        (b'{"dataframe_split": {"data": [1]}}', "dataframe_split.data", "lists"),
        (b'{"dataframe_split": {"data": [[1]], "columns": [1]}}', "dataframe_split.columns", "texts"),
        (b'{"dataframe_split": {"data": [[1]], "index": [1, 2]}}', "dataframe_split.index", "each row"),
    ],
)
def test_bodies_of_another_form_are_malformed(body: bytes, field: str | None, part: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(body, JSON, TABLE)
    assert caught.value.reason == pb.ERROR_REASON_MALFORMED_BODY
    assert part in str(caught.value)
    assert field is None or caught.value.metadata.get("field", "") == field


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'age\n"1\n', b"age\n1,2\n", b'a"b\n"x"y\n'])
def test_malformed_csv_is_said_to_be(body: bytes) -> None:
    refused(csv_of(body), reason=pb.ERROR_REASON_MALFORMED_BODY)


def test_malformed_parquet_is_said_to_be() -> None:
    good = parquet(FRAME)
    for body in (b"", b"PAR1", good[:-9], good[:50], good[10:], good.replace(b"\x15", b"\x16")):
        refused(partial(read, body, PARQUET, TABLE), reason=pb.ERROR_REASON_MALFORMED_BODY)


def repeated(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "i4")), pa.array([text]))


def bomb(column: pa.Array, **options: Any) -> bytes:
    sink = BytesIO()
    pq.write_table(pa.table({"age": column}), sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (lambda: bomb(pa.array(np.zeros(34_000_000, np.int8))), "256 MiB"),
        (lambda: bomb(pa.array(np.zeros(34_000_000, np.int8)), use_dictionary=False, compression="zstd"), "256 MiB"),
        (lambda: bomb(repeated("x" * 2_000_000, 150)), "256 MiB"),
        (lambda: bomb(pa.ListArray.from_arrays([0, 150], repeated("x" * 2_000_000, 150))), "256 MiB"),
        (
            lambda: bomb(pa.array(["x"]), use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY"),
            "an encoding not taken",
        ),
    ],
)
def test_parquet_that_becomes_large_is_refused_before_it_does(body: Callable[[], bytes], part: str) -> None:
    data = body()
    assert len(data) < 1 << 20
    used = pa.total_allocated_bytes()
    with pytest.raises(Exception, match=part):
        read(data, PARQUET, TABLE)
    assert pa.total_allocated_bytes() <= used + len(data)


NAN = float("nan")


@pytest.mark.parametrize(
    ("answer", "predictions"),
    [
        (Payload("array", [np.array([1, 2**63 - 1])]), [1, 2**63 - 1]),
        (Payload("array", [np.array([[0.1, NAN], [np.inf, -np.inf]])]), [[0.1, "NaN"], ["Infinity", "-Infinity"]]),
        (Payload("array", [np.array([0.1, 3e38], np.float32)]), [0.1, 3e38]),
        (Payload("array", [np.array([0.1, NAN], np.float32)]), [0.1, "NaN"]),
        (Payload("array", [np.array([0.1], np.float16)]), [0.1]),
        (Payload("array", [np.array([[1, 2], [3, 4]]).T]), [[1, 3], [2, 4]]),
        (Payload("array", [np.array(0.5)]), 0.5),
        (Payload("array", [np.array([True])]), [True]),
        (Payload("array", [np.array(["a", None, b"\0", {"b": NAN}], object)]), ["a", None, "AA==", {"b": "NaN"}]),
        (Payload("arrays", [np.array([1]), np.array([0.5])], ("a", "b")), {"a": [1], "b": [0.5]}),
        (Payload("frame", [np.array([[1, 2]])], ("a", "b"), block=True), [{"a": 1, "b": 2}]),
        (
            Payload("frame", [np.array(["2026-01-01", "NaT"], "M8[ns]"), np.array([0.1, 1], "f4")], ("t", "x")),
            [{"t": "2026-01-01T00:00:00", "x": 0.1}, {"t": None, "x": 1.0}],
        ),
        (Payload("frame", [np.array([1])]), [{"0": 1}]),
        (Payload("value", value={"text": "x", "scores": [NAN]}), {"text": "x", "scores": ["NaN"]}),
        (Payload("value", value="x"), "x"),
        (Payload("value", value=[2**70, "\ud800"]), [2**70, "\ud800"]),
    ],
)
def test_answers_are_json_that_any_library_reads(answer: Payload, predictions: Any) -> None:
    assert json.loads(write(answer), parse_constant=pytest.fail) == {"predictions": predictions}


def test_an_answer_that_nests_too_deep_is_said_to_do_so() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    with pytest.raises(Unimplemented, match="too deep"):
        write(Payload("value", value=deep))
