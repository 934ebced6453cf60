"""Which answers are kept, and how many."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from milepost.v1 import metric_service_pb2
from milepost_server.calls import answers
from milepost_server.calls.answers import Answers
from milepost_server.calls.call import Call
from milepost_server.calls.handlers import HandlerTable
from milepost_server.servicers.metrics import MetricServicer

_SERVICE = metric_service_pb2.DESCRIPTOR.services_by_name["MetricService"]


class Asked:
    """Asks `GetMetricSeries` of a service that counts how often it has to work.

    Args:
        size: Bytes of an answer, about.
    """

    def __init__(self, size: int = 10) -> None:
        servicer = MetricServicer.__new__(MetricServicer)  # its methods are looked at and never called
        self._method = HandlerTable([(_SERVICE, servicer)])["milepost.v1.MetricService/GetMetricSeries"]
        self._size = size
        self.answers = Answers(lambda: self.version)
        self.version = 1
        self.worked = 0

    async def ask(self, key: str) -> None:
        async def work() -> pb.GetMetricSeriesResponse:
            self.worked += 1
            return pb.GetMetricSeriesResponse(series=[pb.MetricSeries(metric_key="x" * self._size)])

        request = pb.GetMetricSeriesRequest(run_ids=["r"], metric_keys=[key])
        await self.answers.give(Call(self._method, "grpc", lambda: "", {}), request, work)


async def test_a_quick_answer_is_kept_when_it_is_asked_for_again() -> None:
    asked = Asked()
    for _ in range(4):
        await asked.ask("m")
    assert asked.worked == 2
    asked.version = 2
    await asked.ask("m")
    assert asked.worked == 3


async def test_answers_of_a_slow_method_are_kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_SLOW_S", -1)
    asked = Asked()
    await asked.ask("first")
    for _ in range(3):
        await asked.ask("m")
    assert asked.worked == 2


async def test_the_oldest_answers_go_when_there_are_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_BYTES", 3_000)
    asked = Asked(size=1_000)
    for _ in range(2):
        for key in ("a", "b"):
            await asked.ask(key)
    assert asked.worked == 4
    await asked.ask("a")
    await asked.ask("b")
    assert asked.worked == 4
    for _ in range(2):
        await asked.ask("c")
    await asked.ask("b")
    assert asked.worked == 6
    await asked.ask("a")
    assert asked.worked == 7


async def test_an_answer_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_ENTRY_BYTES", 500)
    asked = Asked(size=1_000)
    for _ in range(3):
        await asked.ask("m")
    assert asked.worked == 3
