"""What Triton's clients raise for requests that are wrong: our message, with the field, under the right status."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from serving_clients.triton import Triton

FEATURES = 20
ROWS = np.ones((2, FEATURES))
INVALID = ("StatusCode.INVALID_ARGUMENT", "400")
MISSING = ("StatusCode.NOT_FOUND", "404")


@pytest.fixture(params=["grpc", "http"])
def triton(request: pytest.FixtureRequest, grpc_client: Any, http_client: Any) -> Triton:
    return Triton(grpc_client, triton_grpc) if request.param == "grpc" else Triton(http_client, triton_http)


def refused(triton: Triton, model: str, arrays: dict[str, np.ndarray], **call: Any) -> tuple[str, str]:
    """Message and status of the exception."""
    with pytest.raises(InferenceServerException) as caught:
        triton.infer(model, arrays, **call)
    return caught.value.message(), caught.value.status()


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ({"wrong": ROWS}, "input"),
        ({"input": ROWS, "more": ROWS}, "input"),
        ({"input": ROWS[:, :3]}, "shape"),
        ({"input": ROWS.astype(np.float32).reshape(2, 4, 5)}, "shape"),
        ({"input": np.array([["a"] * FEATURES], dtype=object)}, "float64"),
        ({"input": np.ones((0, FEATURES))}, "row"),
    ],
)
def test_tensors_that_the_model_does_not_take(triton: Triton, arrays: dict[str, np.ndarray], names: str) -> None:
    message, status = refused(triton, "tensor", arrays)
    assert status in INVALID
    assert names in message


def test_a_missing_and_an_unknown_column_are_named(triton: Triton) -> None:
    columns = {f"x{number}": ROWS[:, number] for number in range(FEATURES)}
    message, status = refused(triton, "columns", {name: columns[name] for name in columns if name != "x7"})
    assert (status in INVALID, "x7" in message) == (True, True)
    message, status = refused(triton, "columns", {**columns, "surplus": ROWS[:, 0]})
    assert (status in INVALID, "surplus" in message) == (True, True)


def test_a_wanted_output_that_there_is_not_is_named(triton: Triton) -> None:
    message, status = refused(triton, "tensor", {"input": ROWS}, outputs=triton.outputs(["other"]))
    assert (status in INVALID, "other" in message) == (True, True)


def test_models_and_versions_that_are_not_served(triton: Triton) -> None:
    for call in (
        {"model": "missing"},
        {"model": "tensor", "model_version": "9"},
        {"model": "tensor", "model_version": "x"},
    ):
        _, status = refused(triton, arrays={"input": ROWS}, **call)
        assert status in MISSING
    with pytest.raises(InferenceServerException) as caught:
        triton.client.get_model_metadata("missing")
    assert caught.value.status() in MISSING


def test_an_error_of_the_model_says_its_kind_and_nothing_of_the_input(triton: Triton) -> None:
    message, status = refused(triton, "acting", {"input": np.array(["raise private words"], dtype=object)})
    assert status in ("StatusCode.UNKNOWN", "500")
    assert "ValueError" in message
    assert "private" not in message


def test_the_end_of_a_worker_is_told_and_the_next_request_answered(triton: Triton) -> None:
    _, status = refused(triton, "acting", {"input": np.array(["kill"], dtype=object)})
    assert status in ("StatusCode.UNAVAILABLE", "503")
    # The others of its model may still find no process for a moment.
    answer = triton.infer("acting", {"input": np.array(["again"], dtype=object)})
    assert answer.as_numpy("output").tolist() == [b"again"]


def test_fewer_raw_bytes_than_the_shape_says(grpc_client: Any) -> None:
    tensor = triton_grpc.InferInput("input", [2, FEATURES], "FP64")
    tensor.set_data_from_numpy(ROWS)
    tensor._raw_content = tensor._raw_content[:-8]
    with pytest.raises(InferenceServerException, match="input") as caught:
        grpc_client.infer("tensor", [tensor])
    assert caught.value.status() in INVALID


def test_params_that_the_model_does_not_take_are_refused(triton: Triton) -> None:
    message, status = refused(triton, "tensor", {"input": ROWS}, parameters={"temperature": 3})
    assert (status in INVALID, "params" in message) == (True, True)
