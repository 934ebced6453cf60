"""The background writer: nothing lost, nothing twice, nothing raised unless strict."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from milepost import _writer
from milepost import v1 as pb
from milepost._batches import Entries, Record
from milepost._writer import Writer
from milepost.errors import (
    InternalError,
    LoggingError,
    MilepostError,
    ParamConflict,
    RunNotFound,
    StorageFull,
    UnavailableError,
)

WAIT_S = 30.0


class Memory:
    """A store that keeps each request once by its id, as the server does, and fails when `problem` says so."""

    def __init__(self, problem: Callable[[pb.LogBatchRequest], MilepostError | None] = lambda _: None) -> None:
        self.stored: dict[str, pb.LogBatchRequest] = {}
        self.calls: list[str] = []
        self.problem = problem
        self.gate = threading.Event()
        self.gate.set()

    def send(self, request: pb.LogBatchRequest) -> None:
        assert self.gate.wait(WAIT_S)
        self.calls.append(request.request_id)
        problem = self.problem(request)
        if problem is not None:
            raise problem
        self.stored.setdefault(request.request_id, request)

    def steps(self, key: str = "loss") -> list[int]:
        return [
            s
            for request in self.stored.values()
            for points in request.metrics
            if points.key == key
            for s in points.steps
        ]

    def entries(self, kind: str) -> set[str]:
        return {key for request in self.stored.values() for key in getattr(request, kind)}


@pytest.fixture
def make() -> Iterator[Callable[..., Writer]]:
    made: list[tuple[Writer, Memory]] = []

    def new(memory: Memory, **options: Any) -> Writer:
        writer = Writer(memory, **options)
        made.append((writer, memory))
        return writer

    yield new
    for writer, memory in made:
        memory.gate.set()
        memory.problem = lambda _: None
        assert writer.close(WAIT_S)


def point(step: int, key: str = "loss") -> Record:
    return ("r", key, 0.5, step, 1)


def params(*keys: str) -> Record:
    return Entries("r", "params", tuple((key, pb.ParamValue(int_value=1)) for key in keys), 100)


def test_a_flush_returns_when_all_is_stored_in_order(make: Callable[..., Writer]) -> None:
    memory = Memory()
    writer = make(memory)
    for step in range(30_000):
        writer.add([point(step)])
    assert writer.flush(WAIT_S)
    assert memory.steps() == list(range(30_000))
    assert writer.pending == 0


def test_points_appended_past_the_lock_are_stored_too(make: Callable[..., Writer]) -> None:
    memory = Memory()
    writer = make(memory)
    writer.add([point(0)])
    fast = 0
    for step in range(1, 1000):
        if len(writer.records) < writer.limit:
            writer.records.append(point(step))
            fast += 1
        else:
            writer.add([point(step)])
    assert writer.flush(WAIT_S)
    assert sorted(memory.steps()) == list(range(1000))
    assert fast > 0


def test_records_are_stored_without_a_flush(make: Callable[..., Writer]) -> None:
    stored = threading.Event()
    memory = Memory(lambda _: stored.set())
    make(memory).add([point(1)])
    assert stored.wait(WAIT_S)


def test_records_of_many_threads_are_all_stored(make: Callable[..., Writer]) -> None:
    memory = Memory()
    writer = make(memory)

    def log(first: int) -> None:
        for step in range(first, first + 1000):
            writer.add([point(step)])

    threads = [threading.Thread(target=log, args=(number * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(WAIT_S)
    assert sorted(memory.steps()) == list(range(8000))


def test_a_flush_of_nothing_is_done_at_once_and_starts_no_thread(make: Callable[..., Writer]) -> None:
    writer = make(Memory())
    assert writer.flush(WAIT_S)
    assert writer._thread is None


def test_a_server_that_comes_back_gets_everything_once(make: Callable[..., Writer]) -> None:
    down = iter([UnavailableError("down"), StorageFull("full", reason="STORAGE_FULL"), InternalError("defect")])
    memory = Memory(lambda _: next(down, None))
    writer = make(memory)
    writer.add([point(1)])
    assert writer.flush(WAIT_S)
    assert memory.steps() == [1]
    assert len(memory.calls) == 4
    assert len(set(memory.calls)) == 1
    assert writer.take_losses() == ([], None)


def test_a_flush_gives_up_when_its_time_is_up(make: Callable[..., Writer]) -> None:
    memory = Memory()
    memory.gate.clear()
    writer = make(memory)
    writer.add([point(1)])
    assert not writer.flush(0.01)
    assert writer.pending >= 1
    memory.gate.set()
    assert writer.flush(WAIT_S)


def test_a_refused_param_does_not_take_its_neighbours_with_it(
    make: Callable[..., Writer], caplog: pytest.LogCaptureFixture
) -> None:
    def conflict(request: pb.LogBatchRequest) -> MilepostError | None:
        return ParamConflict("taken", reason="PARAM_CONFLICT") if "bad" in request.params else None

    memory = Memory(conflict)
    writer = make(memory)
    writer.add([params("a", "bad", "c"), point(7), Entries("r", "tags", (("t", "x"),), 100)])
    assert writer.flush(WAIT_S)
    assert memory.entries("params") == {"a", "c"}
    assert memory.entries("tags") == {"t"}
    assert memory.steps() == [7]
    assert writer.refused == 1
    assert writer.take_losses()[0] == ["param 'bad' of run r was refused: taken"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_reason_is_logged_once_and_counted_always(
    make: Callable[..., Writer], caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(lambda _: ParamConflict("taken", reason="PARAM_CONFLICT"))
    writer = make(memory)
    for key in ("a", "b", "c"):
        writer.add([params(key)])
        assert writer.flush(WAIT_S)
        assert len(writer.take_losses()[0]) == 1
    assert writer.refused == 3
    assert len(caplog.records) == 1


def test_an_error_of_the_whole_run_is_asked_about_once(make: Callable[..., Writer]) -> None:
    memory = Memory(lambda _: RunNotFound("gone", reason="RUN_NOT_FOUND"))
    writer = make(memory)
    writer.add([params("a", "b", "c")])
    assert writer.flush(WAIT_S)
    assert len(memory.calls) == 1
    assert writer.refused == 3


def test_what_no_message_can_hold_is_refused_and_the_rest_stored(make: Callable[..., Writer]) -> None:
    memory = Memory()
    writer = make(memory)
    writer.add([point(1, "half \ud800"), point(2)])
    assert writer.flush(WAIT_S)
    assert memory.steps() == [2]
    assert writer.refused == 1


def test_a_failure_of_another_kind_does_not_end_the_thread(make: Callable[..., Writer]) -> None:
    def broken(_: pb.LogBatchRequest) -> MilepostError | None:
        raise ZeroDivisionError("a defect")

    memory = Memory(broken)
    writer = make(memory)
    writer.add([point(1)])
    assert writer.flush(WAIT_S)
    assert writer.refused == 1
    memory.problem = lambda _: None
    writer.add([point(2)])
    assert writer.flush(WAIT_S)
    assert memory.steps() == [2]


def test_when_the_queue_is_full_new_values_are_lost_counted_and_said_once(
    make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_writer, "QUEUE_BYTES", 10 * _writer.POINT_BYTES)
    memory = Memory()
    memory.gate.clear()
    writer = make(memory)
    for step in range(100):
        writer.add([point(step)])
    memory.gate.set()
    assert writer.flush(WAIT_S)
    kept = memory.steps()
    assert kept == list(range(len(kept)))
    assert writer.dropped == 100 - len(kept) > 0
    assert capsys.readouterr().err.count("LOST") == 1
    assert writer.take_losses()[0] == ["the queue was full"]


def test_large_texts_fill_the_queue_too(make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_writer, "QUEUE_BYTES", 100_000)
    memory = Memory()
    memory.gate.clear()
    writer = make(memory)
    for number in range(10):
        writer.add([Entries("r", "tags", ((f"k{number}", "x"),), 30_000)])
    assert writer.dropped == 7


def test_after_an_outage_the_queue_takes_values_again(
    make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_writer, "QUEUE_BYTES", 10 * _writer.POINT_BYTES)
    memory = Memory()
    memory.gate.clear()
    writer = make(memory)
    for step in range(100):
        writer.add([point(step)])
    memory.gate.set()
    assert writer.flush(WAIT_S)
    lost = writer.dropped
    writer.add([point(1000)])
    assert writer.flush(WAIT_S)
    assert memory.steps()[-1] == 1000
    assert writer.dropped == lost


def test_strict_raises_at_the_next_call_with_the_cause_and_only_once(make: Callable[..., Writer]) -> None:
    memory = Memory(lambda _: ParamConflict("taken", reason="PARAM_CONFLICT"))
    writer = make(memory, strict=True)
    writer.add([params("a")])
    assert writer.flush(WAIT_S)
    with pytest.raises(LoggingError, match="taken") as caught:
        writer.add([point(1)])
    assert isinstance(caught.value.__cause__, ParamConflict)
    writer.add([point(2)])


def test_strict_closes_the_fast_path_after_a_failure(make: Callable[..., Writer]) -> None:
    writer = make(Memory(lambda _: ParamConflict("taken")), strict=True)
    writer.add([params("a")])
    assert writer.flush(WAIT_S)
    assert writer.limit == 0


def test_closing_ends_the_thread_and_a_later_record_starts_another(make: Callable[..., Writer]) -> None:
    memory = Memory()
    writer = make(memory)
    writer.add([point(1)])
    first = writer._thread
    assert writer.close(WAIT_S)
    assert first is not None
    assert not first.is_alive()
    writer.add([point(2)])
    assert writer.flush(WAIT_S)
    assert memory.steps() == [1, 2]
