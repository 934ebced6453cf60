"""Predictions by a stream: order, errors, the bound on what is unanswered, and what a lost connection leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from milepost.errors import BadModelInput, CancelledError, ModelFailed, ServedModelNotFound, WorkerLost
from milepost.serving import AsyncModelServer, ModelServer, Prediction
from support.servers import RunningModelServer
from support.serving_models import ROWS, acting_model, tensor_model
from support.tcp_relay import TcpRelay
from support.waiting import until


@pytest.fixture(scope="module")
def running() -> Iterator[RunningModelServer]:
    models = (f"tensor={tensor_model()}", f"acting={acting_model(batching=True)}")
    # A queue that streams fill: they have to slow down.
    made = RunningModelServer(*models, trust=True, max_queue=32)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(running: RunningModelServer) -> Iterator[ModelServer]:
    with ModelServer(running.grpc_address) as made:
        yield made


def texts(*rows: str) -> Any:
    return np.array(rows)


def test_many_batches_are_answered_in_their_order_though_the_queue_of_the_model_is_short(server: ModelServer) -> None:
    with server.stream("tensor") as stream:
        answers = [prediction.data[0] for prediction in stream.predict_many(ROWS[at % 100][None] for at in range(3000))]
    assert answers == server.predict("tensor", ROWS).data.tolist() * 30


def test_one_request_fails_and_the_others_are_answered(server: ModelServer) -> None:
    with server.stream("acting") as stream:
        futures = [stream.submit(texts(row)) for row in ("a", "raise b", "c")]
        wrong = stream.submit(ROWS)
    assert [futures[at].result().data.tolist() for at in (0, 2)] == [["a"], ["c"]]
    assert isinstance(futures[1].exception(), ModelFailed)
    assert isinstance(wrong.exception(), BadModelInput)


def test_a_model_that_is_not_served_fails_each_request(server: ModelServer) -> None:
    with server.stream("none") as stream:
        future = stream.submit(texts("a"))
    assert isinstance(future.exception(), ServedModelNotFound)


def test_a_request_that_kills_its_process_is_given_up(server: ModelServer) -> None:
    with server.stream("acting") as stream:
        future = stream.submit(texts("kill"))
    assert isinstance(future.exception(), WorkerLost)


def test_no_more_are_taken_than_may_be_unanswered(server: ModelServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with server.stream("acting", max_in_flight=1) as stream:
        first = stream.submit(texts(f"wait {gate}"))
        second: list[Future[Prediction]] = []
        caller = threading.Thread(target=lambda: second.append(stream.submit(texts("b"))))
        caller.start()
        until(lambda: gate.with_name("gate.started").exists())
        assert not second
        gate.touch()
        caller.join()
        assert first.result().data.tolist() == [f"wait {gate}"]
        assert second[0].result().data.tolist() == ["b"]


def test_an_exception_in_the_block_cancels_what_is_unanswered(server: ModelServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with suppress(ZeroDivisionError), server.stream("acting") as stream:
        future = stream.submit(texts(f"wait {gate}"))
        raise ZeroDivisionError
    assert isinstance(future.exception(), CancelledError)
    gate.touch()
    with pytest.raises(RuntimeError, match="closed"):
        stream.submit(texts("a"))


def test_what_a_lost_connection_leaves_is_asked_again(running: RunningModelServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    relay = TcpRelay(running.grpc_port)
    with ModelServer(relay.address) as server, server.stream("acting") as stream:
        futures = [stream.submit(texts(row)) for row in (f"wait {gate}", "b")]
        until(lambda: gate.with_name("gate.started").exists())
        relay.cut()
        gate.touch()
        assert [future.result().data.tolist()[0] for future in futures] == [f"wait {gate}", "b"]
    relay.stop()


@pytest.mark.parametrize("most", [0, 1025])
def test_the_bound_is_that_of_the_server(server: ModelServer, most: int) -> None:
    with pytest.raises(ValueError, match="max_in_flight"):
        server.stream("tensor", max_in_flight=most)


async def test_asynchronously_many_batches_are_answered_in_their_order(running: RunningModelServer) -> None:
    async with AsyncModelServer(running.grpc_address) as server, server.stream("tensor", max_in_flight=64) as stream:
        batches = (ROWS[at % 100][None] for at in range(1000))
        answers = [prediction.data[0] async for prediction in stream.predict_many(batches)]
        expected = await server.predict("tensor", ROWS)
    assert answers == expected.data.tolist() * 10


async def test_asynchronously_what_a_lost_connection_leaves_is_asked_again(
    running: RunningModelServer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    relay = TcpRelay(running.grpc_port)
    async with AsyncModelServer(relay.address) as server, server.stream("acting") as stream:
        futures = [await stream.submit(texts(row)) for row in (f"wait {gate}", "raise b")]
        await asyncio.to_thread(until, lambda: gate.with_name("gate.started").exists())
        relay.cut()
        gate.touch()
        assert (await futures[0]).data.tolist() == [f"wait {gate}"]
        with pytest.raises(ModelFailed):
            await futures[1]
    relay.stop()


async def test_asynchronously_an_exception_cancels_what_is_unanswered(
    running: RunningModelServer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with AsyncModelServer(running.grpc_address) as server:
        with suppress(ZeroDivisionError):
            async with server.stream("acting") as stream:
                future = await stream.submit(texts(f"wait {gate}"))
                raise ZeroDivisionError
        with pytest.raises(CancelledError):
            await future
    gate.touch()
