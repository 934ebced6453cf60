"""Which calls are repeated, when, and for how long."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from milepost import _channel, _methods, errors
from milepost import v1 as pb
from milepost._channel import MAX_ATTEMPTS, Attempts
from milepost._requests import op
from milepost.config import ClientConfig
from support.rpc_failures import failure, info

DOWN = failure(grpc.StatusCode.UNAVAILABLE, info("SHUTTING_DOWN"))


def test_a_read_is_repeated_with_growing_delays_and_then_given_up() -> None:
    attempts = Attempts(_methods.GET_RUN, 60)
    delays = [attempts.delay_s(DOWN) for _ in range(MAX_ATTEMPTS - 1)]
    assert all(0 < delay <= 0.1 * 2**number for number, delay in enumerate(delays))
    with pytest.raises(errors.UnavailableError) as caught:
        attempts.delay_s(DOWN)
    assert caught.value.__cause__ is DOWN


def test_a_call_without_a_request_id_is_never_repeated() -> None:
    with pytest.raises(errors.UnavailableError):
        Attempts(_methods.PURGE_RUN, 60).delay_s(DOWN)


def test_a_refusal_is_never_repeated() -> None:
    with pytest.raises(errors.RunNotFound):
        Attempts(_methods.GET_RUN, 60).delay_s(failure(grpc.StatusCode.NOT_FOUND, info("RUN_NOT_FOUND")))


def test_no_repeat_is_made_past_the_deadline() -> None:
    with pytest.raises(errors.UnavailableError):
        Attempts(_methods.GET_RUN, 0.01).delay_s(DOWN)


def test_the_delay_is_never_shorter_than_the_server_advises() -> None:
    advice = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=3))
    busy = failure(grpc.StatusCode.RESOURCE_EXHAUSTED, info("TOO_MANY_REQUESTS"), advice)
    assert Attempts(_methods.GET_RUN, 60).delay_s(busy) >= 3


def test_a_lost_race_is_repeated_and_a_lost_update_is_not() -> None:
    assert Attempts(_methods.UPDATE_RUN, 60).delay_s(failure(grpc.StatusCode.ABORTED, info("CONFLICT"))) > 0
    with pytest.raises(errors.EtagMismatch):
        Attempts(_methods.UPDATE_RUN, 60).delay_s(failure(grpc.StatusCode.ABORTED, info("ETAG_MISMATCH")))


def test_delays_end_at_the_longest() -> None:
    assert _channel.backoff_s(1000, errors.UnavailableError("down"), 30.0) <= 30.0


def test_a_request_that_can_have_an_id_gets_one_of_its_own() -> None:
    requests = [pb.DeleteRunRequest(run_id="r") for _ in range(2)]
    for request in requests:
        op(_methods.DELETE_RUN, request, lambda _: None)
    assert {len(request.request_id) for request in requests} == {32}
    assert requests[0].request_id != requests[1].request_id


def test_an_id_that_was_given_is_kept() -> None:
    request = pb.DeleteRunRequest(run_id="r", request_id="mine")
    assert op(_methods.DELETE_RUN, request, lambda _: None).request is request
    assert request.request_id == "mine"


def test_threads_that_open_together_share_one_channel() -> None:
    made: list[FakeTransport] = []
    together = threading.Barrier(8)

    def make(address: str, options: object) -> FakeTransport:
        together.wait(10)
        made.append(FakeTransport())
        return made[-1]

    connection = _channel._Connection(ClientConfig(), make)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: connection.callable(_methods.GET_RUN), range(8)))
    kept = connection.take()
    assert sorted(channel.closed for channel in made) == [False] + [True] * 7
    assert not kept.closed


class FakeTransport:
    """Stands for a grpcio channel, which a test cannot ask whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def unary_unary(self, *_: object, **__: object) -> object:
        return object()

    def close(self) -> None:
        self.closed = True
