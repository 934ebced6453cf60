"""Requests that no model should see: each is refused with its field, without its values, and no worker comes to harm.

Forms whose errors have no place for a reason and a field have the field in their text.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from google.rpc import code_pb2

from milepost import v1 as pb
from milepost_server.serving import inference as v2
from support.servers import RunningModelServer
from support.serving_models import FEATURES, acting_model, columns_model, mixed_model, tensor_model
from support.serving_wires import Refused, Wires, arrow, json_request, parquet, raw_request, rows, tensors

# What the values of bad requests are made of. No error may have any of it.
NUMBER, WORDS = 918273.5, "private words"
GOOD: dict[str, list[Any]] = {
    "name": ["a", "b"],
    "count": [1, 2],
    "active": [True, False],
    "seen": ["2026-01-01T00:00:00", "2026-01-02T03:04:05.678"],
    "score": [0.5, 1.5],
}
MOST_BYTES = 64 * 1024 * 1024
JSON = {"content-type": "application/json"}
CSV = {"content-type": "text/csv"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}


@pytest.fixture(scope="module")
def server() -> Iterator[Wires]:
    models = {"tensor": tensor_model(), "columns": columns_model(), "mixed": mixed_model(), "acting": acting_model()}
    running = RunningModelServer(*(f"{name}={folder}" for name, folder in models.items()), trust=True)
    connected = Wires(running.grpc_port, running.http_port)
    yield connected
    connected.close()
    running.stop()


def _pids(server: Wires) -> tuple[str, list[tuple[int, int]]]:
    """What tells whether a process was replaced."""
    told = server.predict("acting", tensors({"input": ["pid"]}))
    assert isinstance(told, pb.PredictResponse)
    listed = server.call("milepost.v1.ServingService/ListServedModels", b"", pb.ListServedModelsResponse)
    versions = [version for model in listed.served_models for version in model.versions]
    return told.output.tensors.tensors[0].texts[0], [(each.restarts, each.ready_workers) for each in versions]


@pytest.fixture
def wires(server: Wires) -> Iterator[Wires]:
    """The server, whose processes must all be the same after the test."""
    before = _pids(server)
    assert before[1] == [(0, 1)] * 4
    yield server
    assert _pids(server) == before


def _assert_refused(answer: Any, code: int, reason: str, field: str) -> None:
    assert isinstance(answer, Refused), answer
    assert answer.is_code(code), answer
    if answer.reason:
        assert (answer.reason, answer.field) == (reason, field), answer
    assert field in answer.text
    for secret in (str(NUMBER), str(int(NUMBER)), WORDS, "Traceback", "/site-packages/", 'File "'):
        assert secret not in answer.text, answer


# Columns: each fault in each form that can have it


def _records(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _split(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    return {
        "dataframe_split": {
            "columns": list(columns),
            "data": [list(row) for row in zip(*columns.values(), strict=True)],
        }
    }


def _timed(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The columns for forms that have times of their own."""
    seen = columns.get("seen", [WORDS])
    return {**columns, "seen": seen if WORDS in seen else np.array(seen, dtype="datetime64[ns]")}


def _csv(columns: Mapping[str, list[Any]]) -> bytes:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return "\n".join(lines).encode()


MIXED = "/models/mixed/invocations"
FORMS: dict[str, Callable[[Wires, Mapping[str, list[Any]]], Any]] = {
    "tensors": lambda wires, columns: wires.predict("mixed", tensors(_timed(columns))),
    "rows": lambda wires, columns: wires.predict("mixed", rows(_records(columns))),
    "arrow": lambda wires, columns: wires.predict("mixed", arrow(_timed(columns))),
    "rest": lambda wires, columns: wires.post("/v1/models/mixed:predict", {"rows": _records(columns)}),
    "v2 raw": lambda wires, columns: wires.infer(raw_request("mixed", columns)),
    "v2 json": lambda wires, columns: wires.post("/v2/models/mixed/infer", json_request(columns)),
    "records": lambda wires, columns: wires.post(MIXED, {"dataframe_records": _records(columns)}),
    "split": lambda wires, columns: wires.post(MIXED, _split(columns)),
    "inputs": lambda wires, columns: wires.post(MIXED, {"inputs": columns}),
    "csv": lambda wires, columns: wires.post(MIXED, _csv(columns), CSV),
    "parquet": lambda wires, columns: wires.post(MIXED, parquet(_timed(columns)), PARQUET),
}
_ALL, _WITH_NULLS = tuple(FORMS), ("rows", "arrow", "rest", "records", "split", "inputs", "parquet")
FAULTS: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("a fraction for an integer", {"count": [NUMBER, NUMBER]}, "count", _ALL),
    ("text for an integer", {"count": [WORDS, WORDS]}, "count", _ALL),
    ("text for a number", {"score": [WORDS, WORDS]}, "score", _ALL),
    ("a number for a truth value", {"active": [NUMBER, NUMBER]}, "active", _ALL),
    ("no time", {"seen": [WORDS, WORDS]}, "seen", _ALL),
    ("null where there must be a value", {"count": [1, None]}, "count", _WITH_NULLS),
    ("NaN for an integer", {"count": [1.0, float("nan")]}, "count", ("tensors", "arrow", "v2 raw", "parquet")),
    ("a missing column", {"count": None}, "count", _ALL),
    ("an extra column", {"surplus": [WORDS, WORDS]}, "surplus", _ALL),
    ("columns of different lengths", {"score": [0.5]}, "", ("tensors", "v2 raw", "v2 json", "inputs")),
]


@pytest.mark.parametrize(
    ("form", "changes", "field"),
    [
        pytest.param(form, changes, field, id=f"{name} in {form}")
        for name, changes, field, forms in FAULTS
        for form in forms
    ],
)
def test_columns_that_the_signature_does_not_have(wires: Wires, form: str, changes: dict[str, Any], field: str) -> None:
    columns = {name: values for name, values in {**GOOD, **changes}.items() if values is not None}
    _assert_refused(FORMS[form](wires, columns), code_pb2.INVALID_ARGUMENT, "BAD_MODEL_INPUT", field)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("tensors", "arrow", "parquet", "v2 raw")])
def test_a_batch_without_rows(wires: Wires, form: str) -> None:
    answer = FORMS[form](wires, {name: [] for name in GOOD})
    _assert_refused(answer, code_pb2.INVALID_ARGUMENT, "BAD_MODEL_INPUT", "")


@pytest.mark.parametrize("form", FORMS)
def test_the_same_batch_without_a_fault_is_answered(wires: Wires, form: str) -> None:
    answer = FORMS[form](wires, GOOD)
    assert not isinstance(answer, Refused), answer


# Tensors

ROWS = np.full((2, FEATURES), NUMBER)
TENSORS: list[tuple[str, dict[str, Any], str]] = [
    ("another name", {"other": ROWS}, ""),
    ("a second tensor", {"input": ROWS, "second": ROWS}, ""),
    ("another shape", {"input": ROWS[:, :3]}, "input"),
    ("one dimension", {"input": ROWS[0]}, "input"),
    ("three dimensions", {"input": ROWS.reshape(2, 4, 5)}, "input"),
    ("texts", {"input": [[WORDS] * FEATURES]}, "input"),
    ("no rows", {"input": ROWS[:0]}, ""),
]


@pytest.mark.parametrize("form", ["native", "v2 raw", "v2 json"])
@pytest.mark.parametrize(("arrays", "field"), [pytest.param(*rest, id=name) for name, *rest in TENSORS])
def test_tensors_that_the_signature_does_not_have(wires: Wires, form: str, arrays: dict[str, Any], field: str) -> None:
    send: dict[str, Callable[[], Any]] = {
        "native": lambda: wires.predict("tensor", tensors(arrays)),
        "v2 raw": lambda: wires.infer(raw_request("tensor", arrays)),
        "v2 json": lambda: wires.post("/v2/models/tensor/infer", json_request(arrays)),
    }
    _assert_refused(send[form](), code_pb2.INVALID_ARGUMENT, "BAD_MODEL_INPUT", field)


def _raw(data: bytes, shape: list[int], datatype: str = "FP64", count: int = 1) -> v2.ModelInferRequest:
    request = v2.ModelInferRequest(model_name="tensor", raw_input_contents=[data] * count)
    request.inputs.add(name="input", datatype=datatype, shape=shape)
    return request


EIGHT = struct.pack("<d", NUMBER)
RAW: list[tuple[str, v2.ModelInferRequest, str]] = [
    ("too few bytes", _raw(ROWS.tobytes()[:-8], [2, FEATURES]), "input"),
    ("too many bytes", _raw(ROWS.tobytes() + EIGHT, [2, FEATURES]), "input"),
    ("no whole element", _raw(ROWS.tobytes()[:-1], [2, FEATURES]), "input"),
    ("more contents than tensors", _raw(ROWS.tobytes(), [2, FEATURES], count=2), ""),
    ("a negative size", _raw(b"", [-1, FEATURES]), "input"),
    ("a size beyond all memory", _raw(EIGHT, [2**62, 2**62]), "input"),
    ("many dimensions", _raw(EIGHT, [1] * 10_000), "input"),
    ("an unknown datatype", _raw(EIGHT, [1], "COMPLEX"), "input"),
    ("a datatype that numpy lacks", _raw(EIGHT, [4], "BF16"), "input"),
    ("a text longer than the data", _raw(struct.pack("<I", 2**32 - 1) + WORDS.encode(), [1], "BYTES"), "input"),
    ("half of a length", _raw(b"\1\0", [1], "BYTES"), "input"),
]


@pytest.mark.parametrize(("request_", "field"), [pytest.param(*rest, id=name) for name, *rest in RAW])
def test_raw_contents_that_contradict_their_tensor(wires: Wires, request_: v2.ModelInferRequest, field: str) -> None:
    _assert_refused(wires.infer(request_), code_pb2.INVALID_ARGUMENT, "BAD_MODEL_INPUT", field)


def test_arrays_of_the_native_form_that_contradict_themselves(wires: Wires) -> None:
    for tensor in (
        pb.Tensor(dtype="float64", shape=[2, FEATURES], data=ROWS.tobytes()[:-8]),
        pb.Tensor(dtype="float64", shape=[2**62, 2**62], data=EIGHT),
        pb.Tensor(dtype="float64", shape=[2, FEATURES], texts=[WORDS]),
        pb.Tensor(dtype="object", shape=[1], data=EIGHT),
        pb.Tensor(dtype=WORDS, shape=[1], data=EIGHT),
        pb.Tensor(dtype="str", shape=[3], texts=[WORDS]),
    ):
        answer = wires.predict("tensor", pb.PredictInput(tensors=pb.Tensors(tensors=[tensor])))
        assert isinstance(answer, Refused)
        assert (answer.code, answer.reason) in [
            (code_pb2.INVALID_ARGUMENT, "BAD_MODEL_INPUT"),
            (code_pb2.INVALID_ARGUMENT, "MALFORMED_BODY"),
        ], answer
        assert WORDS not in answer.text


# Bodies that cannot be read

DEEP = b"[" * 100_000
INFER = "/v2/models/tensor/infer"
OF_TENSOR = "/models/tensor/invocations"
HEADER = "inference-header-content-length"
BODIES: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("no JSON", OF_TENSOR, b'{"inputs": [[' + str(NUMBER).encode(), JSON),
    ("no UTF-8", OF_TENSOR, b'{"inputs": ["\xff' + WORDS.encode() + b'"]}', JSON),
    ("deep nesting", OF_TENSOR, b'{"inputs": ' + DEEP, JSON),
    ("deep nesting that ends", OF_TENSOR, b'{"inputs": ' + DEEP + b"]" * len(DEEP) + b"}", JSON),
    ("lists of different lengths", OF_TENSOR, b'{"inputs": [[1, 2], [3]]}', JSON),
    ("a number beyond all doubles", OF_TENSOR, b'{"inputs": [[1e999]]}', JSON),
    ("an integer of a thousand digits", OF_TENSOR, b'{"inputs": [[' + b"9" * 1000 + b"]]}", JSON),
    ("no object", OF_TENSOR, b"[[1]]", JSON),
    ("no batch", OF_TENSOR, b"{}", JSON),
    ("two batches", OF_TENSOR, b'{"inputs": [[1]], "instances": [[1]]}', JSON),
    ("params that are no object", OF_TENSOR, b'{"inputs": [[1]], "params": [1]}', JSON),
    ("no Parquet", MIXED, b"PAR1" + WORDS.encode() + b"PAR1", PARQUET),
    ("half a Parquet file", MIXED, parquet(_timed(GOOD))[:-100], PARQUET),
    (
        "a Parquet file with a flipped byte",
        MIXED,
        parquet(_timed(GOOD))[:40] + b"\xff" + parquet(_timed(GOOD))[41:],
        PARQUET,
    ),
    ("CSV with rows of different lengths", MIXED, _csv(GOOD) + b"\nx", CSV),
    ("CSV with an open quote", MIXED, _csv(GOOD) + b'\n"' + WORDS.encode(), CSV),
    ("CSV with one column twice", MIXED, b"name,name\n1,2", CSV),
    ("CSV that is no UTF-8", MIXED, b"name\n\xff", CSV),
    ("an empty body", MIXED, b"", CSV),
    ("a broken gzip", OF_TENSOR, gzip.compress(b"{}")[:-3], {**JSON, "content-encoding": "gzip"}),
    ("no V2", INFER, b'{"inputs": 3}', JSON),
    ("V2 without data", INFER, b'{"inputs": [{"name": "input", "datatype": "FP64", "shape": [1, 20]}]}', JSON),
    ("a header longer than the body", INFER, b"{}", {HEADER: "3"}),
    ("a header that is no number", INFER, b"{}", {HEADER: "-1"}),
]


@pytest.mark.parametrize(("path", "body", "headers"), [pytest.param(*rest, id=name) for name, *rest in BODIES])
def test_bodies_that_cannot_be_read(wires: Wires, path: str, body: bytes, headers: dict[str, str]) -> None:
    _assert_refused(wires.post(path, body, headers), code_pb2.INVALID_ARGUMENT, "", "")


def test_arrow_that_cannot_be_read(wires: Wires) -> None:
    whole = arrow(_timed(GOOD)).arrow
    for data in (b"", WORDS.encode(), whole[:-100], whole[:100] + b"\xff" * 8 + whole[108:], whole[:8] + b"\xff" * 64):
        answer = wires.predict("mixed", pb.PredictInput(arrow=data))
        assert isinstance(answer, Refused), data
        assert answer.code == code_pb2.INVALID_ARGUMENT
        assert WORDS not in answer.text


def test_messages_that_are_none(wires: Wires) -> None:
    for method in ("inference.GRPCInferenceService/ModelInfer", "milepost.v1.PredictionService/Predict"):
        answer = wires.call(method, WORDS.encode(), pb.PredictResponse)
        assert (answer.code, answer.reason) == (code_pb2.INVALID_ARGUMENT, "MALFORMED_BODY")


# Which model, and how much


def test_models_and_versions_that_are_not_served(wires: Wires) -> None:
    batch = tensors({"input": ROWS})
    answers = [
        wires.predict("missing", batch),
        wires.predict("tensor", batch, version=9),
        wires.infer(raw_request("missing", {"input": ROWS})),
        wires.post("/v2/models/missing/infer", json_request({"input": ROWS})),
        wires.post("/v2/models/tensor/versions/9/infer", json_request({"input": ROWS})),
        wires.post("/models/missing/invocations", {"inputs": ROWS.tolist()}),
        wires.post("/models/tensor/versions/9/invocations", {"inputs": ROWS.tolist()}),
        wires.post("/models/tensor/versions/x/invocations", {"inputs": ROWS.tolist()}),
    ]
    for answer in answers:
        _assert_refused(answer, code_pb2.NOT_FOUND, "SERVED_MODEL_NOT_FOUND", "")


def test_a_tensor_of_200_megabytes_is_refused_by_its_size(wires: Wires) -> None:
    large = np.zeros((200_000_000 // 8 // FEATURES, FEATURES))
    over_grpc = wires.infer(raw_request("tensor", {"input": large}))
    assert isinstance(over_grpc, Refused)
    assert over_grpc.code == code_pb2.RESOURCE_EXHAUSTED
    sized = {"content-length": str(large.nbytes)}
    for path, headers in ((INFER, {HEADER: "10", **sized}), (OF_TENSOR, JSON | sized), (MIXED, PARQUET), (MIXED, CSV)):
        answer = wires.post(path, (bytes(1_000_000) for _ in range(200)), headers)
        assert isinstance(answer, Refused)
        assert (answer.code, str(MOST_BYTES) in answer.text) == (413, True)


def test_a_tensor_just_below_the_limit_is_answered(wires: Wires) -> None:
    count = (MOST_BYTES - 1000) // 8 // FEATURES
    answer = wires.infer(raw_request("tensor", {"input": np.zeros((count, FEATURES))}))
    assert isinstance(answer, v2.ModelInferResponse), answer
    assert list(answer.outputs[0].shape) == [count]


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(wires: Wires) -> None:
    packed = gzip.compress(bytes(MOST_BYTES + 1))
    for path in (INFER, OF_TENSOR):
        answer = wires.post(path, packed, {"content-encoding": "gzip"})
        assert isinstance(answer, Refused)
        assert answer.code == 413


def test_media_types_that_are_not_read(wires: Wires) -> None:
    for path, kind in (
        (INFER, "text/plain"),
        (OF_TENSOR, "text/plain"),
        (OF_TENSOR, "application/json; charset=latin-1"),
    ):
        answer = wires.post(path, b"{}", {"content-type": kind})
        assert isinstance(answer, Refused)
        assert answer.code == 415
