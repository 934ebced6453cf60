"""The Open Inference Protocol as messages and as JSON: the same requests are read, and refused, alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest

from milepost import v1 as pb
from milepost.models.signatures.schema import ArrayType, Column, DataType, Param, Tensor
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument
from milepost_server.serving import inference as v2
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import v2_json, v2_messages
from milepost_server.serving.codecs.datatypes import split_bytes
from milepost_server.serving.codecs.parameters import timeout_s
from support.serving_contracts import SECRET, contract, refused

MATRIX = contract(Tensor("float64", (-1, 2)), outputs=[Tensor("int64", (-1,))])
TABLE = contract(
    Column(DataType.LONG, "age"),
    Column(DataType.STRING, "name"),
    Column(DataType.DATETIME, "since", required=False),
    Column(DataType.BINARY, "raw", required=False),
    Column(ArrayType(DataType.LONG), "tags", required=False),
    params=[Param("k", DataType.LONG, 3)],
)
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def tensor(name: str, datatype: str, shape: list[int], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, **more}


def request_of(**fields: Any) -> v2.ModelInferRequest:
    return v2.ModelInferRequest(**fields)


def raw(*inputs: dict[str, Any], contents: list[bytes], **more: Any) -> v2.ModelInferRequest:
    return request_of(inputs=inputs, raw_input_contents=contents, **more)


def by_message(request: v2.ModelInferRequest, of: Contract = MATRIX) -> Callable[[], Any]:
    return lambda: v2_messages.read_request(request, of)


def by_json(document: dict[str, Any], of: Contract = MATRIX, binary: bytes = b"") -> Callable[[], Any]:
    text = orjson.dumps(document)
    return lambda: v2_json.read(v2_json.parse(text + binary, len(text) if binary else None), of)


def length_prefixed(*elements: bytes) -> bytes:
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


MATRIX_INPUT = tensor("input", "FP64", [2, 2])


@pytest.mark.parametrize(
    "read",
    [
        by_message(raw(MATRIX_INPUT, contents=[ROWS.tobytes()])),
        by_message(request_of(inputs=[{**MATRIX_INPUT, "contents": {"fp64_contents": [1, 2, 3, 4]}}])),
        by_message(raw(tensor("input", "FP16", [2, 2]), contents=[ROWS.astype(np.float16).tobytes()])),
        by_message(request_of(inputs=[tensor("input", "INT8", [2, 2], contents={"int_contents": [1, 2, 3, 4]})])),
        by_json({"inputs": [{**MATRIX_INPUT, "data": [1.0, 2, 3.0, 4]}]}),
        by_json({"inputs": [{**MATRIX_INPUT, "data": [[1.0, 2.0], [3.0, 4.0]]}]}),
        by_json({"inputs": [{**MATRIX_INPUT, "parameters": {"binary_data_size": 32}}]}, binary=ROWS.tobytes()),
        by_json({"inputs": [tensor("input", "UINT8", [2, 2], data=[1, 2, 3, 4])]}),
    ],
)
def test_a_tensor_is_read_in_each_of_its_forms(read: Callable[[], Any]) -> None:
    payload, params = read()
    assert (payload.form, params) == ("array", None)
    assert payload.arrays[0].dtype == np.float64
    assert payload.arrays[0].tolist() == ROWS.tolist()


def test_columns_are_tensors_of_one_dimension_and_bytes_are_what_the_column_takes() -> None:
    inputs = [
        tensor("age", "INT64", [2, 1]),
        tensor("name", "BYTES", [2]),
        tensor("since", "BYTES", [2]),
        tensor("raw", "BYTES", [2]),
        tensor("tags", "BYTES", [2]),
    ]
    texts = [["Ann", "Bób"], ["2026-01-01", "2026-01-01T12:00:00Z"], ["x", "y"], ["[1]", "[2,3]"]]
    blobs = [[text.encode() for text in column] for column in texts]
    ages = np.array([1, 2]).tobytes()
    requests = [
        by_message(raw(*inputs, contents=[ages, *(length_prefixed(*column) for column in blobs)]), TABLE),
        by_json(
            {"inputs": [{**one, "data": data} for one, data in zip(inputs, [[[1], [2]], *texts], strict=True)]},
            TABLE,
        ),
    ]
    for read in requests:
        payload, params = read()
        assert params == {"k": 3}
        assert payload.names == ("age", "name", "since", "raw", "tags")
        age, name, since, raw_bytes, tags = payload.arrays
        assert (age.tolist(), name.tolist(), raw_bytes.tolist()) == ([1, 2], ["Ann", "Bób"], [b"x", b"y"])
        assert since.astype(str).tolist() == ["2026-01-01T00:00:00.000000000", "2026-01-01T12:00:00.000000000"]
        assert tags.tolist() == [[1], [2, 3]]


def both(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **more}


ONE = tensor("input", "FP64", [1, 2])
PAIR = ROWS[:1].tobytes()


@pytest.mark.parametrize(
    ("call", "field", "part"),
    [
        (by_message(raw(ONE, contents=[PAIR[:-1]])), "input", "15 bytes are given"),
        (by_message(raw(ONE, contents=[PAIR, PAIR])), "", "2 items for 1 inputs"),
        (by_message(raw(ONE, ONE, contents=[PAIR, PAIR])), "input", "more than once"),
        (by_message(raw(tensor("x", "FP64", [1, 2]), contents=[PAIR])), "", "'input'"),
        (by_message(raw(tensor("input", "FP64", [-1, -2]), contents=[PAIR])), "input", "negative"),
        (by_message(raw(tensor("input", "FP64", [2**62, 2**62]), contents=[PAIR])), "input", "16 bytes are given"),
        (by_message(raw(tensor("input", "FP64", [0, 2**62, 2**62]), contents=[b""])), "input", "too large"),
        (by_message(raw(tensor("input", "FP64", [1] * 40), contents=[PAIR])), "input", "40 dimensions"),
        (by_message(raw(tensor("input", "BF16", [1, 2]), contents=[b"0000"])), "input", "BF16"),
        (by_message(raw(tensor("input", "FP128", [1, 2]), contents=[PAIR])), "input", "unknown datatype"),
        (by_message(raw(tensor("input", "BOOL", [1, 2]), contents=[b"\0\2"])), "input", "neither 0 nor 1"),
        (by_message(raw(tensor("input", "BOOL", [1, 2]), contents=[b"\0\1"])), "input", "bool"),
        (by_message(raw(tensor("input", "BYTES", [1, 2]), contents=[b"\xff\xff\xff\xff"])), "input", "beyond the end"),
        (by_message(raw(tensor("input", "BYTES", [1, 2]), contents=[b"\0\0\0"])), "input", "beyond the end"),
        (by_message(raw(tensor("input", "BYTES", [1, 2]), contents=[b"\0\0\0\0"])), "input", "1 elements"),
        (by_message(raw({**ONE, "contents": {"fp64_contents": [1, 2]}}, contents=[PAIR])), "input", "beside"),
        (by_message(request_of(inputs=[{**ONE, "contents": {"fp64_contents": [1]}}])), "input", "1 elements"),
        (
            by_message(request_of(inputs=[{**ONE, "contents": {"fp32_contents": [1, 2]}}])),
            "input",
            "fp64_contents",
        ),
        (by_message(request_of(inputs=[ONE])), "input", "0 elements"),
        (
            by_message(request_of(inputs=[tensor("input", "INT8", [1, 2], contents={"int_contents": [1, 300]})])),
            "input",
            "does not fit into INT8",
        ),
        (
            by_message(request_of(inputs=[tensor("input", "FP16", [1, 2])])),
            "input",
            "raw_input_contents only",
        ),
        (by_message(v2.ModelInferRequest()), "", "'input'"),
        (
            by_message(raw({**ONE, "parameters": {"shared_memory_region": {"string_param": "r"}}}, contents=[PAIR])),
            "input",
            "shared memory",
        ),
        (
            by_message(
                raw(
                    ONE,
                    contents=[PAIR],
                    outputs=[{"name": "output", "parameters": {"classification": {"int64_param": 3}}}],
                )
            ),
            "output",
            "classification",
        ),
        (by_message(raw(ONE, contents=[PAIR], outputs=[{"name": "scores"}])), "scores", "no output"),
        (by_json(both({**ONE, "data": [1.0]})), "input", "1 elements"),
        (by_json(both({**ONE, "data": [[1.0], [2.0]]})), "input", "[2, 1]"),
        (by_json(both({**ONE, "data": [1.0, SECRET]})), "input", "no number"),
        (by_json(both({**ONE, "data": [1.0, None]})), "input", "None"),
        (by_json(both({**ONE, "data": 1.0})), "input", "must be a list"),
        (by_json(both(ONE)), "input", "must be a list"),
        (by_json(both(tensor("input", "INT32", [1, 2], data=[1.5, 2]))), "input", "no equal"),
        (by_json(both(tensor("input", "INT8", [1, 2], data=[300, 2]))), "input", "int8"),
        (by_json(both(tensor("input", "BOOL", [1, 2], data=[0, 1]))), "input", "int64"),
        (by_json(both(tensor("input", "BYTES", [1, 2], data=[0, 1]))), "input", "no text"),
        (by_json(both({**ONE, "parameters": {"binary_data_size": 99}}), binary=PAIR), "input", "binary_data_size"),
        (by_json(both({**ONE, "parameters": {"binary_data_size": "16"}}), binary=PAIR), "input", "binary_data_size"),
        (by_json(both({**ONE, "parameters": {"binary_data_size": 16}}), binary=PAIR + b"x"), "", "1 bytes follow"),
        (
            by_json(both({**ONE, "parameters": {"binary_data_size": 16}, "data": [1, 2]}), binary=PAIR),
            "input",
            "beside",
        ),
    ],
)
def test_requests_that_contradict_themselves_are_refused(call: Callable[[], Any], field: str, part: str) -> None:
    assert part in refused(call, field)


@pytest.mark.parametrize(
    ("body", "length", "part"),
    [
        (b"", None, "empty"),
        (b"{", None, "no JSON"),
        (b"[]", None, "must be an object"),
        (b'{"inputs": []}', None, "at least one"),
        (b'{"inputs": [1]}', None, "inputs[0] must be an object"),
        (b'{"inputs": [{"name": 1}]}', None, "inputs[0].name"),
        (b'{"inputs": [{"name": "a", "datatype": "FP64", "shape": [1.5]}]}', None, "inputs[0].shape"),
        (b'{"inputs": [{"name": "a", "datatype": "FP64", "shape": [1], "x": 1}]}', None, "unknown key 'x'"),
        (b'{"inputs": [{"name": "a", "datatype": "FP64", "shape": [1]}], "more": 1}', None, "unknown key 'more'"),
        (b'{"id": 1, "inputs": [{}]}', None, "id must be a text"),
        (b'{"id": "1", "id": "2", "inputs": []}', None, "twice"),
        (b'{"inputs": [{"name": "a", "datatype": "FP64", "shape": [1], "data": [NaN]}]}', None, "no JSON"),
        (b"{}", 3, "Inference-Header-Content-Length"),
        (b"[" * 100_000, None, "no JSON"),
        (b"\xff{}", None, "no JSON"),
    ],
)
def test_bodies_that_are_no_requests_are_malformed(body: bytes, length: int | None, part: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        v2_json.parse(body, length)
    assert caught.value.reason == pb.ERROR_REASON_MALFORMED_BODY
    assert part in str(caught.value)


ANSWER = Payload(
    "frame",
    [np.array([0.1, np.nan]), np.array(["a", None], object), np.array(["2026-01-01T00:00:00.5", "NaT"], "M8[ns]")],
    ("score", "label", "time"),
)


def test_an_answer_is_raw_when_the_request_was() -> None:
    response = v2_messages.write_response(raw(ONE, contents=[PAIR], id="7"), ANSWER, MATRIX, model="m", version=3)
    assert (response.model_name, response.model_version, response.id) == ("m", "3", "7")
    assert [(output.name, output.datatype, output.shape[:]) for output in response.outputs] == [
        ("score", "FP64", [2]),
        ("label", "BYTES", [2]),
        ("time", "BYTES", [2]),
    ]
    scores, labels, times = response.raw_output_contents
    assert scores == ANSWER.arrays[0].tobytes()
    assert split_bytes(labels, "") == [b"a", b"null"]
    assert split_bytes(times, "") == [b"2026-01-01T00:00:00.500", b"null"]


def test_an_answer_has_contents_when_the_request_had() -> None:
    request = request_of(outputs=[{"name": "label"}])
    response = v2_messages.write_response(request, ANSWER, MATRIX, model="m", version=0)
    assert [output.name for output in response.outputs] == ["label"]
    assert response.outputs[0].contents.bytes_contents == [b"a", b"null"]
    assert not response.raw_output_contents
    half = v2_messages.write_response(
        v2.ModelInferRequest(), Payload("array", [np.array([0.5], np.float16)]), MATRIX, model="m", version=0
    )
    assert list(half.raw_output_contents) == [np.array([0.5], np.float16).tobytes()]


def test_an_answer_that_lacks_an_output_asked_for_is_an_error_that_names_it() -> None:
    request = raw(ONE, contents=[PAIR], outputs=[{"name": "output"}])
    refused(lambda: v2_messages.write_response(request, ANSWER, MATRIX, model="m", version=1), "output")


def test_json_answers_are_read_by_json_and_have_bytes_behind_them_when_asked() -> None:
    request = v2_json.parse(orjson.dumps(both({**ONE, "data": [1, 2]}, id="7")))
    body, length = v2_json.write(request, ANSWER, MATRIX, model="m", version=3)
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.1, "NaN"]},
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["a", "null"]},
            {"name": "time", "datatype": "BYTES", "shape": [2], "data": ["2026-01-01T00:00:00.500", "null"]},
        ],
    }
    wanted = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "score"}]
    parameters = {"binary_data_output": True}
    request = v2_json.parse(orjson.dumps(both({**ONE, "data": [1, 2]}, outputs=wanted, parameters=parameters)))
    body, length = v2_json.write(request, ANSWER, MATRIX, model="m", version=3)
    assert length is not None
    assert json.loads(body[:length])["outputs"][1] == {
        "name": "score",
        "datatype": "FP64",
        "shape": [2],
        "parameters": {"binary_data_size": 16},
    }
    assert body[length:] == ANSWER.arrays[0].tobytes()


def test_bytes_that_are_no_text_are_in_json_only_behind_it() -> None:
    answer = Payload("array", [np.array([b"\xff"], object)])
    request = v2_json.parse(orjson.dumps(both({**ONE, "data": [1, 2]})))
    assert "binary_data" in refused(lambda: v2_json.write(request, answer, MATRIX, model="m", version=1), "output")


def test_parameters_of_the_protocol_are_none_of_the_model() -> None:
    table = contract(Tensor("float64", (-1, 2)), params=[Param("k", DataType.LONG, 3)])
    parameters = {
        "k": {"int64_param": 5},
        "sequence_id": {"int64_param": 1},
        "priority": {"uint64_param": 1},
        "timeout": {"int64_param": 2_000_000},
        "triton_enable_empty_final_response": {"bool_param": True},
        "content_type": {"string_param": "np"},
    }
    request = raw(ONE, contents=[PAIR], parameters=parameters)
    assert v2_messages.read_request(request, table)[1] == {"k": 5}
    assert timeout_s(v2_messages.read_parameters(request.parameters)) == 2.0
    request.parameters["other"].string_param = SECRET
    refused(lambda: v2_messages.read_request(request, table), "other")
    refused(lambda: timeout_s({"timeout": "soon"}), "timeout")
    assert timeout_s({"timeout": 0}) is None
