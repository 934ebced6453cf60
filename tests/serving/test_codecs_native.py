"""`PredictInput` in each of its forms, and answers in the form of the input."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from google.protobuf import json_format

from milepost import v1 as pb
from milepost.models.signatures.schema import ArrayType, Column, DataType, MapType, Param, Tensor
from milepost.models.worker.payload import Payload
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import arrow_tables, native
from support.serving_contracts import SECRET, contract, refused

LONG, DOUBLE, TEXT, TIME = DataType.LONG, DataType.DOUBLE, DataType.STRING, DataType.DATETIME
MATRIX = contract(Tensor("float64", (-1, 2)))
TABLE = contract(
    Column(LONG, "age"), Column(TEXT, "name", required=False), Column(TIME, "since", required=False),
    params=[Param("k", LONG, 3), Param("x", DOUBLE, 0.5)],
)  # fmt: skip
NOTHING = Contract(None)
TIMES = np.array(["2026-01-01", "2026-01-02T00:00:00.000000001"], "M8[ns]")


def tensors(*given: pb.Tensor) -> pb.PredictInput:
    return pb.PredictInput(tensors=pb.Tensors(tensors=given))


def rows(*given: Any, params: dict[str, Any] | None = None) -> pb.PredictInput:
    message = pb.PredictInput()
    message.rows.extend(given)
    if params is not None:
        message.params.update(params)
    return message


def stream(table: Any, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


FRAME = pd.DataFrame({"age": [1, 2], "name": ["Ann", None], "since": TIMES})


@pytest.mark.parametrize(
    "message",
    [
        tensors(
            pb.Tensor(name="since", dtype="datetime64[ns]", shape=[2, 1], data=TIMES.tobytes()),
            pb.Tensor(name="age", dtype="int8", shape=[2], data=b"\1\2"),
        ),
        pb.PredictInput(arrow=stream(pa.Table.from_pandas(FRAME))),
        pb.PredictInput(arrow=stream(pa.Table.from_pandas(FRAME), compression="zstd")),
        pb.PredictInput(arrow=stream(pa.Table.from_pandas(FRAME.astype({"name": "category"})), compression="lz4")),
        pb.PredictInput(arrow=stream(pl.DataFrame(FRAME).to_arrow(compat_level=pl.CompatLevel.oldest()))),
        pb.PredictInput(
            arrow=stream(pa.concat_tables([pa.Table.from_pandas(FRAME[:1]), pa.Table.from_pandas(FRAME[1:])]))
        ),
        rows({"age": 1, "name": "Ann", "since": "2026-01-01"}, {"age": 2, "since": "2026-01-02T00:00:00.000000001Z"}),
    ],
)
def test_a_table_is_read_in_each_of_its_forms(message: pb.PredictInput) -> None:
    payload, params = native.read(message, TABLE)
    assert payload.form == "frame"
    found = dict(zip(payload.names or (), payload.arrays, strict=True))
    assert found["age"].tolist() == [1, 2]
    assert found["since"].tolist() == TIMES.tolist()
    assert "name" not in found or found["name"].tolist() == ["Ann", None]
    assert params == {"k": 3, "x": 0.5}


@pytest.mark.parametrize(
    "message",
    [
        tensors(pb.Tensor(dtype="float32", shape=[1, 2], data=np.array([0.5, 2], "f4").tobytes())),
        tensors(pb.Tensor(name="input", dtype="uint8", shape=[1, 2], data=b"\0\2")),
        rows([0.5, 2]),
        pb.PredictInput(arrow=stream(pa.table({"x": [0.5], "y": [2]}))),
    ],
)
def test_a_matrix_is_read_in_each_of_its_forms(message: pb.PredictInput) -> None:
    payload, _ = native.read(message, MATRIX)
    assert payload.form == "array"
    assert payload.arrays[0].dtype == np.float64
    assert payload.arrays[0].tolist()[0][1] == 2.0


def test_values_of_arrow_are_those_of_the_column() -> None:
    nested = contract(
        Column(ArrayType(DOUBLE), "v"),
        Column(MapType(LONG), "m"),
        Column(DataType.BINARY, "x"),
        Column(DataType.BOOLEAN, "b"),
        Column(LONG, "n", required=False),
        Column(TIME, "d"),
    )
    table = pa.table(
        {
            "v": pa.array([[1.0], [2.0, 3.0]], pa.list_(pa.float64())),
            "m": pa.array([{"a": 1}, {}], pa.map_(pa.string(), pa.int64())),
            "x": pa.array([b"\0", b""], pa.large_binary()),
            "b": [True, False],
            "n": pa.array([None, 2**53 - 1], pa.int64()),
            "d": pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2)], pa.timestamp("s", "Europe/Vienna")),
        }
    ).slice(0)
    payload, _ = native.read(pb.PredictInput(arrow=stream(table)), nested)
    v, m, x, b, n, d = (array.tolist() for array in payload.arrays)
    assert (v, m, x, b) == ([[1.0], [2.0, 3.0]], [{"a": 1}, {}], [b"\0", b""], [True, False])
    assert str(n) == str([float("nan"), float(2**53 - 1)])
    assert d == np.array(["2026-01-01", "2026-01-02"], "M8[ns]").tolist()


def test_a_slice_of_a_table_is_read_from_where_it_begins() -> None:
    table = pa.table(
        {"b": [True, False, True, True], "n": [1, None, 3, 4], "t": pa.array([1, 2, None, 4], pa.date32())}
    )
    kinds = contract(Column(DataType.BOOLEAN, "b"), Column(LONG, "n", False), Column(TIME, "t", False))
    batch = table.slice(1, 3).to_batches()[0]
    payload, _ = native.read(pb.PredictInput(arrow=stream(pa.Table.from_batches([batch]))), kinds)
    assert payload.arrays[0].tolist() == [False, True, True]
    assert str(payload.arrays[1].tolist()) == "[nan, 3.0, 4.0]"
    assert payload.arrays[2].astype("M8[D]").astype(str).tolist() == ["1970-01-03", "NaT", "1970-01-05"]


def test_integral_numbers_of_params_are_integers() -> None:
    assert native.read(rows({"age": 1}, params={"k": 5, "x": 2}), TABLE)[1] == {"k": 5, "x": 2.0}
    assert native.read(rows([1], params={"any": [5, {"a": 0.5}]}), NOTHING)[1] == {"any": [5, {"a": 0.5}]}


def arrow(values: Any, kind: Any = None, of: Contract = TABLE) -> Callable[[], Any]:
    table = pa.table({"age": pa.array(values, kind)})
    return lambda: native.read(pb.PredictInput(arrow=stream(table)), of)


def one(**fields: Any) -> Callable[[], Any]:
    return lambda: native.read(tensors(pb.Tensor(**fields)), MATRIX)


@pytest.mark.parametrize(
    ("call", "field", "part"),
    [
        (one(name="input", dtype="float64", shape=[1, 2], data=b"0" * 15), "input", "15 bytes"),
        (one(name="input", dtype="float64", shape=[-1, -2], data=b"0" * 16), "input", "negative"),
        (one(name="input", dtype="float64", shape=[1, 2], texts=["a", "b"]), "input", "has texts"),
        (one(name="input", dtype="str", shape=[1, 2], texts=["a"]), "input", "1 elements"),
        (one(name="input", dtype="str", shape=[1, 2], texts=["a", SECRET]), "input", "texts are given"),
        (one(name="input", dtype="object", shape=[1, 2]), "input", "dtype is none of"),
        (one(name="input", dtype="bool", shape=[1, 2], data=b"\0\2"), "input", "neither 0 nor 1"),
        (one(name="x", dtype="float64", shape=[1, 2], data=b"0" * 16), "", "'input'"),
        (lambda: native.read(tensors(pb.Tensor(), pb.Tensor(dtype="str")), MATRIX), "", "dtype is none of"),
        (lambda: native.read(rows({"age": 1.5}), TABLE), "age", "no equal"),
        (lambda: native.read(rows({"age": 2**53 + 2}), TABLE), "age", "2^53"),
        (lambda: native.read(rows({"age": 1, "more": SECRET}), TABLE), "more", "unknown"),
        (lambda: native.read(rows({"age": 1}, params={"k": 0.5}), TABLE), "k", "no equal"),
        (lambda: native.read(rows([2**60]), contract(Column(ArrayType(LONG)))), "", "2^53"),
        (arrow([1.5]), "age", "integer"),
        (arrow([1, None]), "age", "required"),
        (arrow([SECRET]), "age", "str"),
        (arrow([], pa.int64()), "", "no rows"),
        (arrow([None], pa.null()), "age", "required"),
        (arrow([1], pa.decimal128(10)), "age", "type is not taken"),
        (arrow([[]], pa.list_(pa.null())), "age", "type is not taken"),
        (arrow([{}], pa.struct([])), "age", "type is not taken"),
        (arrow([datetime(3000, 1, 1)], pa.timestamp("us")), "age", "1678"),
        (lambda: native.read(pb.PredictInput(arrow=stream(pa.table({}))), TABLE), "", "no columns"),
        (
            lambda: native.read(
                pb.PredictInput(arrow=stream(pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]))), TABLE
            ),
            "a",
            "more than once",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused_by_field(call: Callable[[], Any], field: str, part: str) -> None:
    assert part in refused(call, field)


def test_an_input_without_data_is_refused() -> None:
    refused(lambda: native.read(pb.PredictInput(), TABLE), "data", pb.ERROR_REASON_REQUIRED_FIELD)


def test_malformed_streams_are_said_to_be() -> None:
    good = stream(pa.Table.from_pandas(FRAME))
    for body in (b"x", good[:-30], good[:40], good[8:], good.replace(b"Ann", b"A\xff\xff"), b"\xff\xff\xff\xff" * 100):
        refused(partial(native.read, pb.PredictInput(arrow=body), TABLE), reason=pb.ERROR_REASON_MALFORMED_BODY)


@pytest.mark.parametrize(
    ("column", "options"),
    [
        (pa.array(np.zeros(40_000_000)), {"compression": "zstd"}),
        (
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(300, "i4")), pa.array(["x" * 1_000_000])),
            {"compression": "lz4"},
        ),
    ],
)
def test_streams_that_become_large_are_refused_before_they_do(column: Any, options: dict[str, Any]) -> None:
    body = stream(pa.table({"age": column}), **options)
    assert len(body) < 1 << 20
    with pytest.raises(Exception, match="256 MiB"):
        native.read(pb.PredictInput(arrow=body), TABLE)


ANSWER = Payload(
    "frame",
    [np.array([0.5, np.nan]), np.array(["a", None], object), TIMES, np.array([2**60, 1])],
    ("score", "label", "time", "count"),
)


def test_answers_to_tensors_are_tensors() -> None:
    output = native.write(tensors(), ANSWER, MATRIX, version=3)
    assert output.version == 3
    score, label, time, count = output.tensors.tensors
    assert (score.name, score.dtype, score.shape[:], score.data) == (
        "score",
        "float64",
        [2],
        ANSWER.arrays[0].tobytes(),
    )
    assert (label.dtype, label.texts[:]) == ("str", ["a", "null"])
    assert (time.dtype, time.data) == ("datetime64[ns]", TIMES.tobytes())
    assert np.frombuffer(count.data, count.dtype).tolist() == [2**60, 1]
    blobs = native.write(tensors(), Payload("array", [np.array([b"\xff"], object)]), MATRIX, version=3)
    assert (blobs.tensors.tensors[0].name, blobs.tensors.tensors[0].blobs[:]) == ("output", [b"\xff"])


def test_answers_to_arrow_are_arrow() -> None:
    request = pb.PredictInput(id="7", arrow=b"x")
    output = native.write(request, ANSWER, MATRIX, version=3)
    assert output.id == "7"
    table = pa.ipc.open_stream(output.arrow).read_all()
    table.validate(full=True)
    assert table.schema.names == ["score", "label", "time", "count"]
    assert str(table["score"].to_pylist()) == "[0.5, nan]"
    assert table["label"].to_pylist() == ["a", None]
    assert table["time"].to_numpy().tolist() == TIMES.tolist()
    matrix = native.write(request, Payload("array", [np.arange(12).reshape(2, 3, 2)]), MATRIX, version=3)
    read = pa.ipc.open_stream(matrix.arrow).read_all()
    assert read["output"].to_pylist() == np.arange(12).reshape(2, 3, 2).tolist()
    uneven = Payload("arrays", [np.array([1]), np.array([1, 2])], ("a", "b"))
    refused(lambda: native.write(request, uneven, MATRIX, version=3))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            ANSWER,
            [
                {"score": 0.5, "label": "a", "time": "2026-01-01T00:00:00.000000000", "count": str(2**60)},
                {"score": "NaN", "label": None, "time": "2026-01-02T00:00:00.000000001", "count": 1},
            ],
        ),
        (Payload("array", [np.array([[1, 2]])]), [[1, 2]]),
        (
            Payload("arrays", [np.array([1, 2]), np.array([[3], [4]])], ("a", "b")),
            [{"a": 1, "b": [3]}, {"a": 2, "b": [4]}],
        ),
        (Payload("value", value={"a": True}), [{"a": True}]),
        (Payload("value", value=[]), []),
    ],
)
def test_answers_to_rows_are_rows(answer: Payload, expected: list[Any]) -> None:
    output = native.write(rows([1]), answer, MATRIX, version=0)
    assert output.WhichOneof("result") == "rows"
    assert json.loads(json_format.MessageToJson(output.rows)) == expected


def test_a_stream_of_each_dtype_is_read_as_it_was_written() -> None:
    columns = [
        (dtype, np.array([0, 1], dtype)) for dtype in ("bool", "int8", "uint64", "float16", "float32", "float64")
    ]
    payload = arrow_tables.read(arrow_tables.write(columns), NOTHING)
    assert [array.dtype for array in payload.arrays] == [array.dtype for _, array in columns]
    assert all(array.tolist() == wanted.tolist() for array, (_, wanted) in zip(payload.arrays, columns, strict=True))
