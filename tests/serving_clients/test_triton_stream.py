"""Streams and asynchronous calls of Triton's client for gRPC."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
from tritonclient.utils import InferenceServerException

from serving_clients.server import Server
from serving_clients.triton import Triton

WAIT_S = 30.0


class Stream:
    """One stream, and what comes back on it."""

    def __init__(self, server: Server) -> None:
        self.client = triton_grpc.InferenceServerClient(server.grpc)
        self.triton = Triton(self.client, triton_grpc)
        self._answers: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()
        self.client.start_stream(lambda result, error: self._answers.put((result, error)))

    def ask(self, text: str, **call: Any) -> None:
        """Sends a request to the model that does what it is told."""
        inputs = self.triton.inputs({"input": np.array([text], dtype=object)})
        self.client.async_stream_infer("acting", inputs, **call)

    def answer(self) -> tuple[Any, InferenceServerException | None]:
        """The next answer, or error."""
        return self._answers.get(timeout=WAIT_S)


@pytest.fixture
def stream(server: Server) -> Iterator[Stream]:
    opened = Stream(server)
    yield opened
    opened.client.stop_stream()
    opened.client.close()


def test_answers_come_in_the_order_of_the_requests(stream: Stream) -> None:
    count = 300  # more than are at work at once
    for number in range(count):
        stream.ask(f"row {number}", request_id=str(number))
    for number in range(count):
        result, error = stream.answer()
        assert error is None
        assert result.get_response().id == str(number)
        assert result.as_numpy("output").tolist() == [f"row {number}".encode()]


def test_a_request_that_fails_is_answered_and_the_stream_goes_on(stream: Stream) -> None:
    stream.ask("raise it")
    stream.ask("fine")
    _, error = stream.answer()
    assert error is not None
    assert "ValueError" in error.message()
    result, error = stream.answer()
    assert (error, result.as_numpy("output").tolist()) == (None, [b"fine"])


def test_an_unknown_model_in_a_stream_is_an_answer_too(stream: Stream) -> None:
    inputs = stream.triton.inputs({"input": np.array(["a"], dtype=object)})
    stream.client.async_stream_infer("missing", inputs)
    _, error = stream.answer()
    assert error is not None
    assert "missing" in error.message()


def test_an_empty_final_response_comes_when_it_is_asked_for(stream: Stream) -> None:
    stream.ask("one", request_id="1", enable_empty_final_response=True)
    first, _ = stream.answer()
    final, _ = stream.answer()
    flags = [each.get_response().parameters["triton_final_response"].bool_param for each in (first, final)]
    assert flags == [False, True]
    assert (final.get_response().id, len(final.get_response().outputs)) == ("1", 0)


def test_asynchronous_calls_are_answered(grpc_client: Any) -> None:
    triton = Triton(grpc_client, triton_grpc)
    answers: queue.Queue[Any] = queue.Queue()
    for number in range(20):
        inputs = triton.inputs({"input": np.array([f"row {number}"], dtype=object)})
        grpc_client.async_infer("acting", inputs, lambda result, error: answers.put(error or result))
    got = {answers.get(timeout=WAIT_S).as_numpy("output")[0].decode() for _ in range(20)}
    assert got == {f"row {number}" for number in range(20)}
