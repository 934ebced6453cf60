"""Codecs of the model server over random data: round trips change nothing, and any bytes are read or refused."""

from __future__ import annotations

import csv
import io
import json
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from milepost import v1 as pb
from milepost.models.signatures.schema import Column, DataType, Tensor
from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError
from milepost_server.serving import inference as v2
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import arrow_tables, invocations, json_answers, native, v2_json, v2_messages
from milepost_server.serving.codecs.datatypes import DTYPES, datatype_of_array
from support.serving_contracts import contract

NOTHING = Contract(None)
TABLE = contract(Column(DataType.LONG, "a"), Column(DataType.DOUBLE, "b"), Column(DataType.STRING, "c", required=False))
MATRIX = contract(Tensor("float32", (-1, 2)))
CONTRACTS = st.sampled_from([NOTHING, TABLE, MATRIX])
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
NUMBERS = st.sampled_from(sorted(DTYPES.values(), key=str)).flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))
# Texts that UTF-8 has.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
BLOBS = st.lists(st.binary(max_size=6), min_size=1, max_size=5)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"a": st.integers(-(2**63), 2**63 - 1), "b": st.floats(allow_nan=False, allow_infinity=False), "c": TEXTS}
    ),
    min_size=1,
    max_size=5,
)


def same(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def answered(response: v2.ModelInferResponse) -> v2.ModelInferRequest:
    """The answer as a request."""
    inputs: Any = [
        {"name": output.name, "datatype": output.datatype, "shape": output.shape[:]}
        | ({"contents": output.contents} if output.HasField("contents") else {})
        for output in response.outputs
    ]
    return v2.ModelInferRequest(inputs=inputs, raw_input_contents=response.raw_output_contents)


@given(NUMBERS, st.booleans())
def test_numbers_of_the_open_inference_protocol_are_read_as_they_were_written(
    array: np.ndarray[Any, Any], raw: bool
) -> None:
    request = v2.ModelInferRequest(raw_input_contents=[b""] if raw else [])
    written = v2_messages.write_response(request, Payload("array", [array]), NOTHING, model="m", version=1)
    payload, _ = v2_messages.read_request(answered(written), NOTHING)
    if raw or array.dtype.kind != "f":
        assert same(payload.arrays[0], array)
    else:  # protobuf may change the bits of a NaN
        assert np.array_equal(payload.arrays[0], array, equal_nan=True)


@given(BLOBS, st.booleans())
def test_bytes_of_the_open_inference_protocol_are_read_as_they_were_written(blobs: list[bytes], raw: bool) -> None:
    array = np.fromiter(blobs, dtype=object, count=len(blobs))
    request = v2.ModelInferRequest(raw_input_contents=[b""] if raw else [])
    written = v2_messages.write_response(request, Payload("array", [array]), NOTHING, model="m", version=1)
    assert v2_messages.read_request(answered(written), NOTHING)[0].arrays[0].tolist() == blobs


@given(NUMBERS, st.booleans())
def test_numbers_of_the_protocol_in_json_are_read_as_they_were_written(
    array: np.ndarray[Any, Any], binary: bool
) -> None:
    request = v2_json.InferRequest("", {"binary_data_output": binary}, (), (), memoryview(b""))
    body, length = v2_json.write(request, Payload("array", [array]), NOTHING, model="m", version=1)
    document = json.loads(body[:length])
    document = {"inputs": document["outputs"]}
    text = orjson.dumps(document)
    read = v2_json.parse(text + (body[length:] if length is not None else b""), len(text))
    (found,) = v2_json.read(read, NOTHING)[0].arrays
    assert found.dtype == array.dtype
    assert np.array_equal(found, array, equal_nan=array.dtype.kind == "f")


@given(NUMBERS)
def test_numbers_in_json_have_the_digits_that_bring_them_back(array: np.ndarray[Any, Any]) -> None:
    read = np.array(json.loads(json_answers.dumps(json_answers.of_array(array))), dtype=array.dtype)
    assert np.array_equal(read, array, equal_nan=array.dtype.kind == "f")


@given(NUMBERS)
def test_native_tensors_are_read_as_they_were_written(array: np.ndarray[Any, Any]) -> None:
    output = native.write(pb.PredictInput(), Payload("array", [array]), NOTHING, version=1)
    payload, _ = native.read(pb.PredictInput(tensors=output.tensors), NOTHING)
    assert same(payload.arrays[0], array)


@given(st.lists(arrays.arrays(st.sampled_from(sorted(DTYPES.values(), key=str)), 4), min_size=1, max_size=4))
def test_arrow_is_read_as_it_was_written(columns: list[np.ndarray[Any, Any]]) -> None:
    named = [(str(i), column) for i, column in enumerate(columns)]
    payload = arrow_tables.read(arrow_tables.write(named), NOTHING)
    found = payload.arrays[0].T if payload.block else payload.arrays
    assert all(same(np.ascontiguousarray(one), column) for one, column in zip(found, columns, strict=True))


@given(ROWS, st.data())
def test_a_table_is_the_same_in_all_its_forms(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    names = data.draw(st.permutations(["a", "b", "c"]))
    values = [[row[name] for name in names] for row in rows]
    split = {"columns": names, "data": values}
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([names, *values])
    table = pa.table({name: [row[name] for row in rows] for name in names})
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_stream(arrow, table.schema) as stream:
        stream.write_table(table)
    payloads = [
        invocations.read(orjson.dumps({"dataframe_split": split}), invocations.JSON, TABLE)[0],
        invocations.read(json.dumps({"dataframe_records": rows}).encode(), invocations.JSON, TABLE)[0],
        invocations.read(
            orjson.dumps({"inputs": {name: [row[name] for row in rows] for name in names}}), invocations.JSON, TABLE
        )[0],
        invocations.read(parquet.getvalue(), invocations.PARQUET, TABLE)[0],
        arrow_tables.read(arrow.getvalue(), TABLE),
    ]
    if all("\0" not in row["c"] for row in rows):
        payloads.append(invocations.read(text.getvalue().encode(), invocations.CSV, TABLE)[0])
    expected = [[row[name] for row in rows] for name in ("a", "b")]
    for payload in payloads:
        assert [array.tolist() for array in payload.arrays[:2]] == expected
        # An empty cell of CSV is a missing value.
        assert [text or None for text in payload.arrays[2].tolist()] == [row["c"] or None for row in rows]


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with some of them changed, or cut off."""
    change = st.tuples(st.integers(0, len(good) - 1), st.binary(min_size=1, max_size=8))

    def apply(changes: list[tuple[int, bytes]], end: int) -> bytes:
        body = bytearray(good)
        for at, some in changes:
            body[at : at + len(some)] = some
        return bytes(body[:end])

    return st.builds(apply, st.lists(change, max_size=4), st.integers(len(good) // 2, len(good)))


def _samples() -> dict[str, bytes]:
    table = pa.table(
        {
            "a": [1, 2],
            "b": [0.5, 1.5],
            "c": ["x", None],
            "l": [[1], [2, 3]],
            "d": pa.array(["u", "u"]).dictionary_encode(),
        }
    )
    arrow, packed, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(arrow, table.schema) as stream:
        stream.write_table(table)
    with pa.ipc.new_stream(packed, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_table(table)
    pq.write_table(table, parquet)
    return {
        "arrow": arrow.getvalue(),
        "packed": packed.getvalue(),
        "parquet": parquet.getvalue(),
        "csv": b'a,b,c\n1,0.5,x\n2,1.5,"y"\n',
        "json": b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 0.5], [2, 1.5]]}, "params": {"k": 1}}',
        "records": b'{"instances": [{"a": 1, "b": 0.5}, {"a": 2, "b": 1.5}]}',
        "v2": b'{"inputs": [{"name": "a", "shape": [2], "datatype": "INT64", "data": [1, 2]}], "outputs": []}',
    }


SAMPLES = _samples()


def read_anything(form: str, body: bytes, of: Contract) -> None:
    if form in ("arrow", "packed"):
        arrow_tables.read(body, of)
    elif form == "v2":
        v2_json.read(v2_json.parse(body), of)
    else:
        kinds = {"parquet": invocations.PARQUET, "csv": invocations.CSV}
        invocations.read(body, kinds.get(form, invocations.JSON), of)


@pytest.mark.parametrize("form", SAMPLES)
@settings(max_examples=150)
@given(data=st.data(), of=CONTRACTS)
def test_damaged_bodies_are_read_or_refused(form: str, data: st.DataObject, of: Contract) -> None:
    body = data.draw(st.binary(max_size=200) | damaged(SAMPLES[form]))
    with suppress(DomainError):
        read_anything(form, body, of)


@settings(max_examples=200)
@given(
    st.lists(
        st.builds(
            lambda name, datatype, shape, fields: {
                "name": name,
                "datatype": datatype,
                "shape": shape,
                "contents": fields,
            },
            st.sampled_from(["a", "b", "input"]),
            st.sampled_from([*DTYPES, "BYTES", "BF16", ""]),
            st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 4), max_size=3),
            st.fixed_dictionaries(
                {}, optional={"int_contents": st.lists(st.integers(-300, 300), max_size=4), "bytes_contents": BLOBS}
            ),
        ),
        max_size=3,
    ),
    st.lists(st.binary(max_size=40), max_size=3),
    CONTRACTS,
)
def test_any_message_is_read_or_refused(inputs: Any, raw: list[bytes], of: Contract) -> None:
    if raw:
        inputs = [{key: value for key, value in tensor.items() if key != "contents"} for tensor in inputs]
    try:
        payload, _ = v2_messages.read_request(v2.ModelInferRequest(inputs=inputs, raw_input_contents=raw), of)
    except DomainError:
        return
    assert payload.rows or payload.rows is None


@given(NUMBERS)
def test_every_number_has_a_datatype(array: np.ndarray[Any, Any]) -> None:
    assert DTYPES[datatype_of_array(array)] == array.dtype


@given(st.integers(0, 2**40), st.integers(1, 2**62))
def test_what_a_compressed_buffer_says_of_its_size_is_believed_only_up_to_the_limit(at: int, size: int) -> None:
    body = bytearray(SAMPLES["packed"])
    positions = [i for i in range(len(body) - 8) if struct.unpack_from("<q", body, i)[0] in (16, 12, 3)]
    where = positions[at % len(positions)]
    struct.pack_into("<q", body, where, size)
    before = pa.total_allocated_bytes()
    with suppress(DomainError):
        arrow_tables.read(bytes(body), NOTHING)
    assert pa.total_allocated_bytes() - before < 1 << 20
