"""`PredictionService` over gRPC and over HTTP, where both have it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from google.protobuf import json_format
from google.rpc import code_pb2

from milepost import v1 as pb
from milepost.v1 import prediction_service_pb2_grpc
from support.servers import RunningModelServer
from support.serving_models import CLASSES, ROWS, acting_model, tensor_model

pytestmark = pytest.mark.xdist_group("serving-prediction")

Ask = Callable[[pb.PredictRequest], pb.PredictResponse]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningModelServer]:
    server = RunningModelServer(f"logreg={tensor_model()}", f"acting={acting_model()}", trust=True)
    yield server
    server.stop()


@pytest.fixture
def stub(running: RunningModelServer) -> Iterator[Any]:
    with grpc.insecure_channel(running.grpc_address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(params=["grpc", "http"])
def ask(request: pytest.FixtureRequest, running: RunningModelServer, stub: Any) -> Ask:
    return stub.Predict if request.param == "grpc" else lambda asked: _post(running, asked)


def _post(running: RunningModelServer, asked: pb.PredictRequest) -> pb.PredictResponse:
    version = f"/versions/{asked.version}" if asked.version else ""
    answer = httpx.post(
        f"{running.http_url}/v1/models/{asked.model}{version}:predict",
        json=json_format.MessageToDict(asked.input),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return json_format.Parse(answer.text, pb.PredictResponse())


def _rows(*values: object, **fields: Any) -> pb.PredictInput:
    given = pb.PredictInput(**fields)
    given.rows.extend(values)  # type: ignore[arg-type]
    return given


def _texts(*texts: str, input_id: str = "") -> pb.PredictInput:
    return pb.PredictInput(
        id=input_id, tensors=pb.Tensors(tensors=[pb.Tensor(dtype="str", shape=[len(texts)], texts=texts)])
    )


def test_rows_are_answered_by_rows(ask: Ask) -> None:
    answer = ask(pb.PredictRequest(model="logreg", input=_rows(*ROWS[:5].tolist(), id="mine"))).output

    assert (list(answer.rows), answer.id) == (CLASSES[:5].tolist(), "mine")


def test_tensors_are_answered_by_tensors(ask: Ask) -> None:
    tensor = pb.Tensor(dtype="float64", shape=[100, 20], data=ROWS.tobytes())

    answer = ask(pb.PredictRequest(model="logreg", input=pb.PredictInput(tensors=pb.Tensors(tensors=[tensor])))).output

    (given,) = answer.tensors.tensors
    assert (given.name, given.dtype, list(given.shape)) == ("output", "int64", [100])
    assert np.mean(np.frombuffer(given.data, "<i8") == CLASSES) > 0.9


def test_pieces_of_an_answer_come_as_the_model_makes_them(stub: Any) -> None:
    pieces = stub.GeneratePredictions(pb.GeneratePredictionsRequest(model="acting", input=_texts("a", "b")))

    assert [piece.output.tensors.tensors[0].texts for piece in pieces] == [["a"], ["b"]]


def test_pieces_come_over_http_too(running: RunningModelServer) -> None:
    url = f"{running.http_url}/v1/models/acting:generate"

    answer = httpx.post(url, json={"tensors": {"tensors": [{"dtype": "str", "shape": ["2"], "texts": ["a", "b"]}]}})

    outputs = [json.loads(line)["result"]["output"] for line in answer.text.splitlines()]
    assert [output["tensors"]["tensors"][0]["texts"] for output in outputs] == [["a"], ["b"]]


def test_a_model_without_generator_cannot_stream(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        list(stub.GeneratePredictions(pb.GeneratePredictionsRequest(model="logreg", input=_rows([0.0] * 20))))

    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def _answers(running: RunningModelServer, *requests: pb.StreamPredictRequest) -> list[pb.PredictOutput]:
    async def messages() -> AsyncIterator[pb.StreamPredictRequest]:
        for request in requests:
            yield request

    async with grpc.aio.insecure_channel(running.grpc_address) as channel:
        stub: Any = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return [output async for response in stub.StreamPredict(messages()) for output in response.outputs]


async def test_stream_answers_each_input_once(running: RunningModelServer) -> None:
    inputs = [_texts(f"row {number}", input_id=str(number)) for number in range(2500)]
    requests = [pb.StreamPredictRequest(model="acting", inputs=inputs[:1])]
    requests += [pb.StreamPredictRequest(inputs=inputs[start : start + 300]) for start in range(1, 2500, 300)]

    outputs = await _answers(running, *requests)

    answers = {output.id: output.tensors.tensors[0].texts[0] for output in outputs}
    assert len(outputs) == 2500
    assert answers == {str(number): f"row {number}" for number in range(2500)}


async def test_stream_goes_on_behind_an_input_that_failed(running: RunningModelServer) -> None:
    inputs = [
        _texts("a", input_id="1"),
        _rows([1.5], id="2"),
        _texts("raise no", input_id="3"),
        _texts("b", input_id="4"),
    ]

    outputs = {
        output.id: output for output in await _answers(running, pb.StreamPredictRequest(model="acting", inputs=inputs))
    }

    codes = {name: output.error.code for name, output in outputs.items()}
    assert codes == {"1": 0, "2": code_pb2.INVALID_ARGUMENT, "3": code_pb2.UNKNOWN, "4": 0}
    assert outputs["4"].tensors.tensors[0].texts == ["b"]


@pytest.mark.parametrize(
    "requests",
    [
        [pb.StreamPredictRequest(inputs=[_texts("a")])],
        [pb.StreamPredictRequest(model="acting"), pb.StreamPredictRequest(model="logreg", inputs=[_texts("a")])],
        [pb.StreamPredictRequest(model="acting", inputs=[_texts("a", input_id="x" * 257)])],
    ],
    ids=["no model", "another model", "long id"],
)
async def test_stream_ends_at_a_message_that_breaks_a_rule(
    running: RunningModelServer, requests: list[pb.StreamPredictRequest]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _answers(running, *requests)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
