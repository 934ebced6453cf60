"""What Triton's clients can do over both transports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from serving_clients.triton import Triton

FEATURES = 20
ROWS = np.random.default_rng(1).normal(size=(5, FEATURES))
DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


@pytest.fixture(params=["grpc", "http"])
def triton(request: pytest.FixtureRequest, grpc_client: Any, http_client: Any) -> Triton:
    return Triton(grpc_client, triton_grpc) if request.param == "grpc" else Triton(http_client, triton_http)


def numbers(dtype: str) -> np.ndarray:
    """Some values of the dtype, its extremes among them."""
    if dtype == "bool":
        return np.array([[True, False], [False, True]])
    if dtype.startswith("float"):
        info = np.finfo(dtype)
        return np.array([[info.max, info.smallest_subnormal], [np.nan, -np.inf]], dtype=dtype)
    return np.array([[np.iinfo(dtype).max, np.iinfo(dtype).min], [1, 2]], dtype=dtype)


def test_server_and_models_are_live_and_ready(triton: Triton) -> None:
    assert triton.client.is_server_live()
    assert triton.client.is_server_ready()
    assert triton.client.is_model_ready("tensor")
    assert not triton.client.is_model_ready("missing")


def test_metadata_names_server_version_tensors_and_types(triton: Triton) -> None:
    as_json = {} if triton.module is triton_http else {"as_json": True}
    server = triton.client.get_server_metadata(**as_json)
    assert (server["name"], server["extensions"]) == ("milepost", ["model_repository", "binary_tensor_data"])
    model = triton.client.get_model_metadata("columns", **as_json)
    first, last = model["inputs"][0], model["inputs"][-1]
    assert (model["name"], len(model["inputs"])) == ("columns", FEATURES)
    assert (first["name"], first["datatype"], [int(size) for size in first["shape"]]) == ("x0", "FP64", [-1])
    assert last["name"] == f"x{FEATURES - 1}"
    assert [(output["name"], output["datatype"]) for output in model["outputs"]] == [("output", "INT64")]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_type_come_back_to_the_bit(triton: Triton, dtype: str) -> None:
    sent = numbers(dtype)
    result = triton.infer("echo", {"given": sent})
    got = result.as_numpy(triton.output_names(result)[0])
    assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype not in ("float16",)])
def test_numbers_as_json_come_back_to_the_bit(http_client: Any, dtype: str) -> None:
    triton = Triton(http_client, triton_http)
    sent = numbers(dtype)
    if dtype.startswith("float"):
        sent = np.nan_to_num(sent)  # JSON has none of the others
    inputs = triton.inputs({"given": sent}, binary_data=False)
    result = http_client.infer("echo", inputs, outputs=triton.outputs(["output"], binary_data=False))
    assert "parameters" not in result.get_output("output")
    got = result.as_numpy("output")
    assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())


@pytest.mark.parametrize("binary", [True, False])
def test_http_mixes_json_and_bytes_as_the_caller_says(http_client: Any, binary: bool) -> None:
    triton = Triton(http_client, triton_http)
    inputs = triton.inputs({"input": ROWS}, binary_data=binary)
    result = http_client.infer("tensor", inputs, outputs=triton.outputs(["output"], binary_data=not binary))
    assert result.as_numpy("output").shape == (len(ROWS),)


def test_texts_come_back_as_bytes(triton: Triton) -> None:
    texts = np.array(["a", "", "Grüße", "x" * 10_000], dtype=object)
    result = triton.infer("acting", {"input": texts})
    assert [text.decode() for text in result.as_numpy("output")] == list(texts)


def test_texts_as_json_come_back_as_json(http_client: Any) -> None:
    triton = Triton(http_client, triton_http)
    inputs = triton.inputs({"input": np.array(["a", "Grüße"], dtype=object)}, binary_data=False)
    result = http_client.infer("acting", inputs, outputs=triton.outputs(["output"], binary_data=False))
    assert result.get_output("output")["data"] == ["a", "Grüße"]


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_columns_are_tensors_of_one_dimension_or_of_width_one(triton: Triton, shape: tuple[int, ...]) -> None:
    columns = {f"x{number}": ROWS[:, number].reshape(shape) for number in range(FEATURES)}
    by_column = triton.infer("columns", columns).as_numpy("output")
    by_row = triton.infer("tensor", {"input": ROWS}).as_numpy("output")
    assert by_column.shape == (len(ROWS),)
    assert (by_column == by_row).all()


def test_columns_of_several_types_and_wanted_outputs_only(triton: Triton) -> None:
    seen = np.array([b"2026-01-01T00:00:00", b"2026-01-02T03:04:05.678"], dtype=object)
    batch = {
        "name": np.array(["a", "b"], dtype=object),
        "count": np.array([1, 2**40]),
        "active": np.array([True, False]),
        "seen": seen,
        "score": np.array([0.5, -1.5]),
    }
    result = triton.infer("mixed", batch, outputs=triton.outputs(["score", "name"]))
    assert triton.output_names(result) == ["score", "name"]
    assert result.as_numpy("score").tolist() == [0.5, -1.5]
    assert result.as_numpy("name").tolist() == [b"a", b"b"]
    everything = triton.infer("mixed", batch)
    assert triton.output_names(everything) == list(batch)
    assert everything.as_numpy("count").tolist() == [1, 2**40]


def test_the_id_of_a_request_comes_back(triton: Triton) -> None:
    response = triton.infer("tensor", {"input": ROWS}, request_id="mine").get_response()
    assert (response["id"] if isinstance(response, dict) else response.id) == "mine"


def test_the_time_of_a_request_is_limited_by_its_parameter(triton: Triton) -> None:
    with pytest.raises(InferenceServerException) as caught:
        triton.infer("acting", {"input": np.array(["sleep 0.5"], dtype=object)}, timeout=50_000)
    assert caught.value.status() in ("StatusCode.DEADLINE_EXCEEDED", "504")


def test_requests_may_be_compressed(http_client: Any, grpc_client: Any) -> None:
    rows = np.zeros((1000, FEATURES))
    triton = Triton(http_client, triton_http)
    for algorithm in ("gzip", "deflate"):
        packed = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
        assert triton.infer("tensor", {"input": rows}, **packed).as_numpy("output").shape == (1000,)
        grpc = Triton(grpc_client, triton_grpc).infer("tensor", {"input": rows}, compression_algorithm=algorithm)
        assert grpc.as_numpy("output").shape == (1000,)


def test_many_requests_at_once_are_answered_each_with_its_own(grpc_client: Any, http_client: Any) -> None:
    over_http = Triton(http_client, triton_http)
    words = [np.array([f"word {number}"], dtype=object) for number in range(50)]
    waiting = [http_client.async_infer("acting", over_http.inputs({"input": word})) for word in words]
    answers = [each.get_result().as_numpy("output")[0].decode() for each in waiting]
    assert answers == [word[0] for word in words]


@pytest.mark.parametrize("call", ["get_model_config", "get_inference_statistics"])
def test_what_only_triton_has_is_refused_clearly(triton: Triton, call: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        getattr(triton.client, call)("tensor")
    assert caught.value.status() in ("StatusCode.UNIMPLEMENTED", "501")


def test_shared_memory_is_refused_clearly(triton: Triton) -> None:
    with pytest.raises(InferenceServerException) as caught:
        triton.client.register_system_shared_memory("region", "/key", 8)
    assert caught.value.status() in ("StatusCode.UNIMPLEMENTED", "501")
    tensor = triton.module.InferInput("input", [1, FEATURES], "FP64")
    tensor.set_shared_memory("region", 8 * FEATURES)
    with pytest.raises(InferenceServerException, match="shared"):
        triton.client.infer("tensor", [tensor])
