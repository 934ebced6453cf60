"""The background writer: nothing lost, nothing twice, nothing raised unless strict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from milepost import _backlog, _writer
from milepost import v1 as pb
from milepost._batches import Entries
from milepost._channel import Transport
from milepost._writer import Writer
from milepost.config import ClientConfig
from milepost.errors import LoggingError, ParamConflict
from support.scripted_server import BAD_KEY, PARAM_CONFLICT, RUN_NOT_FOUND, UNAVAILABLE, ScriptedServer, refusal

WAIT_S = 30.0


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    running = ScriptedServer()
    yield running
    running.stop()


@pytest.fixture
def make(server: ScriptedServer, tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    made: list[tuple[Writer, Transport]] = []

    def new(**settings: Any) -> Writer:
        config = ClientConfig(server.address, spool_dir=tmp_path / "spool", **settings)
        transport = Transport(config)
        made.append((Writer(transport, config), transport))
        return made[-1][0]

    yield new
    server.gate.set()
    for writer, transport in made:
        writer.close(WAIT_S)
        transport.close()


def point(step: int, key: str = "loss", run: str = "r") -> tuple[Any, ...]:
    return (run, key, 0.5, step, 1)


def params(*keys: str) -> Entries:
    return Entries("r", "params", tuple((key, pb.ParamValue(int_value=1)) for key in keys), 100)


def tags(*keys: str) -> Entries:
    return Entries("r", "tags", tuple((key, "x") for key in keys), 100)


def once(status: Any) -> Callable[[object], Any]:
    """A script for something that happens the first time only."""
    left = [status]
    return lambda _: left.pop() if left else None


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while list(folder.iterdir()):
        assert time.monotonic() < deadline, f"files stay in {folder}"
        time.sleep(0.01)


def test_a_flush_returns_when_all_is_stored_in_order(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    writer = make()
    for step in range(30_000):
        writer.add_points(point(step))
    assert writer.flush(WAIT_S)
    assert server.steps() == list(range(30_000))
    assert writer.pending == 0


def test_points_appended_past_the_lock_are_stored_too(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    writer = make()
    points = writer.points
    writer.add_points(point(0))
    fast = 0
    for step in range(1, 100_000):
        if len(points) < writer.limit:
            points += point(step)
            fast += 1
        else:
            writer.add_points(point(step))
    assert writer.flush(WAIT_S)
    assert server.steps() == list(range(100_000))
    assert fast > 0


def test_records_are_stored_without_a_flush(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    stored = threading.Event()
    server.before_ack = lambda _: stored.set()
    make().add_points(point(1))
    assert stored.wait(WAIT_S)


def test_records_of_many_threads_are_all_stored(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    writer = make()

    def log(first: int) -> None:
        for step in range(first, first + 1000):
            writer.add_points(point(step))

    threads = [threading.Thread(target=log, args=(number * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(WAIT_S)
    assert sorted(server.steps()) == list(range(8000))


def test_each_run_has_a_stream_of_its_own(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    writer = make()
    for step in range(100):
        writer.add_points(point(step, run=f"r{step % 3}"))
    assert writer.flush(WAIT_S)
    assert server.steps(run_id="r1") == list(range(1, 100, 3))
    assert len({opening.writer_id for opening in server.openings}) == len(server.openings) == 3


def test_a_flush_of_nothing_is_done_at_once_and_starts_no_thread(make: Callable[..., Writer]) -> None:
    writer = make()
    assert writer.flush(WAIT_S)
    assert writer._thread is None


@pytest.mark.parametrize(
    "status", [UNAVAILABLE, refusal(code_pb2.RESOURCE_EXHAUSTED, "STORAGE_FULL"), refusal(code_pb2.INTERNAL)]
)
@pytest.mark.parametrize("moment", ["on_open", "before_commit", "before_ack"])
def test_a_stream_that_breaks_at_any_moment_loses_and_repeats_nothing(
    server: ScriptedServer, make: Callable[..., Writer], moment: str, status: Any
) -> None:
    setattr(server, moment, once(status))
    writer = make()
    for step in range(50_000):
        writer.add_points(point(step))
    assert writer.flush(WAIT_S)
    assert server.steps() == list(range(50_000))
    assert writer.losses.take() == ([], None)


def test_a_unary_call_is_repeated_with_the_same_id(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    server.on_unary = once(UNAVAILABLE)
    writer = make()
    writer.add_entries(params("a"))
    assert writer.flush(WAIT_S)
    assert len(server.unary_calls) == 2
    assert len(server.unary) == 1


def test_a_flush_gives_up_when_its_time_is_up(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    server.gate.clear()
    writer = make()
    writer.add_points(point(1))
    assert not writer.flush(0.01)
    assert writer.pending == 1
    server.gate.set()
    assert writer.flush(WAIT_S)


def test_a_refused_param_does_not_take_its_neighbours_with_it(
    server: ScriptedServer, make: Callable[..., Writer], caplog: pytest.LogCaptureFixture
) -> None:
    server.on_unary = lambda request: PARAM_CONFLICT if "bad" in request.params else None
    writer = make()
    writer.add_entries(params("a", "bad", "c"))
    writer.add_entries(tags("t"))
    assert writer.flush(WAIT_S)
    assert server.entries("params") == {"a", "c"}
    assert server.entries("tags") == {"t"}
    assert writer.losses.refused == 1
    assert writer.losses.take()[0] == ["param 'bad' of run r was refused: PARAM_CONFLICT text"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def reject_bad(server: ScriptedServer) -> None:
    server.on_batch = lambda batch: BAD_KEY if any("bad" in points.key for points in batch.metrics) else None
    server.on_unary = lambda request: BAD_KEY if any("bad" in points.key for points in request.metrics) else None


def unary_steps(server: ScriptedServer, key: str) -> list[int]:
    return [
        s for request in server.unary.values() for points in request.metrics if points.key == key for s in points.steps
    ]


def test_rejected_points_do_not_take_their_neighbours_with_them(
    server: ScriptedServer, make: Callable[..., Writer]
) -> None:
    reject_bad(server)
    writer = make()
    for step in range(10):
        writer.points += [*point(step, "a"), *point(step, "bad"), *point(step, "b")]
    assert writer.flush(WAIT_S)
    writer.add_points(point(10, "a"))
    assert writer.flush(WAIT_S)
    assert unary_steps(server, "a") == unary_steps(server, "b") == list(range(10))
    assert server.steps("a") == [10]
    assert writer.losses.refused == 10


def test_a_rejection_whose_stream_broke_is_heard_on_the_next(
    server: ScriptedServer, make: Callable[..., Writer]
) -> None:
    reject_bad(server)
    server.before_ack = once(UNAVAILABLE)
    writer = make()
    writer.points += [*point(1, "a"), *point(1, "bad")]
    assert writer.flush(WAIT_S)
    assert len(server.openings) == 2
    assert unary_steps(server, "a") == [1]
    assert writer.losses.refused == 1


def test_a_reason_is_logged_once_and_counted_always(
    server: ScriptedServer, make: Callable[..., Writer], caplog: pytest.LogCaptureFixture
) -> None:
    server.on_unary = lambda _: PARAM_CONFLICT
    writer = make()
    for key in ("a", "b", "c"):
        writer.add_entries(params(key))
        assert writer.flush(WAIT_S)
        assert len(writer.losses.take()[0]) == 1
    assert writer.losses.refused == 3
    assert len(caplog.records) == 1


def test_an_error_of_the_whole_run_is_asked_about_once(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    server.on_open = server.on_unary = lambda _: RUN_NOT_FOUND
    writer = make()
    writer.add_entries(params("a", "b", "c"))
    writer.points += [*point(1), *point(2)]
    assert writer.flush(WAIT_S)
    assert (len(server.unary_calls), len(server.openings)) == (1, 1)
    assert writer.losses.refused == 5


def test_a_run_that_is_there_again_takes_points_again(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    writer = make()
    writer.add_points(point(1))
    assert writer.flush(WAIT_S)
    server.before_commit = once(RUN_NOT_FOUND)
    writer.add_points(point(2))
    assert writer.flush(WAIT_S)
    writer.add_points(point(3))
    assert writer.flush(WAIT_S)
    assert server.steps() == [1, 3]
    assert writer.losses.refused == 1


def test_a_server_that_lost_its_last_data_takes_what_comes(
    server: ScriptedServer, make: Callable[..., Writer], caplog: pytest.LogCaptureFixture
) -> None:
    writer = make()
    for step in range(3):
        writer.add_points(point(step))
        assert writer.flush(WAIT_S)
    (stream,) = server.streams.values()
    stream.durable = 1
    server.before_commit = once(UNAVAILABLE)
    writer.add_points(point(3))
    assert writer.flush(WAIT_S)
    assert server.steps() == [0, 1, 2, 3]
    assert "restored from a backup" in caplog.text


def test_what_no_message_can_hold_is_refused_and_the_rest_stored(
    server: ScriptedServer, make: Callable[..., Writer]
) -> None:
    writer = make()
    writer.points += [*point(1, "half \ud800"), *point(2)]
    assert writer.flush(WAIT_S)
    assert server.steps() == [2]
    assert writer.losses.refused == 1


def test_a_defect_does_not_end_the_thread(
    server: ScriptedServer, make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make()
    with monkeypatch.context() as patch:
        patch.setattr(_writer, "pack_points", lambda _: 1 / 0)
        writer.add_points(point(1))
        assert writer.flush(WAIT_S)
    assert writer.losses.refused == 1
    writer.add_points(point(2))
    assert writer.flush(WAIT_S)
    assert server.steps() == [2]


def test_a_server_that_is_away_costs_disk_and_no_value(
    server: ScriptedServer, make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 100_000)
    server.gate.clear()
    writer = make()
    for step in range(200_000):
        writer.add_points(point(step))
    writer.add_entries(params("a"))
    assert not writer.flush(0.01)
    assert list((tmp_path / "spool").iterdir())
    server.gate.set()
    assert writer.flush(WAIT_S)
    assert server.steps() == list(range(200_000))
    assert server.entries("params") == {"a"}
    assert list((tmp_path / "spool").iterdir()) == []
    assert writer.losses.dropped == 0


def test_when_memory_and_disk_are_full_new_values_are_lost_counted_and_said_once(
    server: ScriptedServer,
    make: Callable[..., Writer],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 10_000)
    monkeypatch.setattr(_writer, "QUEUE_BYTES", 30_000 * _writer.POINT_BYTES)
    server.gate.clear()
    writer = make(spool_bytes=0)
    for step in range(200_000):
        writer.add_points(point(step))
    lost = writer.losses.dropped
    assert lost > 0
    server.gate.set()
    assert writer.flush(WAIT_S)
    kept = server.steps()
    assert kept == sorted(kept)
    assert len(kept) == 200_000 - lost
    assert capsys.readouterr().err.count("LOST") == 1
    assert writer.losses.take()[0] == ["the queue was full"]
    writer.add_points(point(200_000))
    assert writer.flush(WAIT_S)
    assert server.steps()[-1] == 200_000
    assert writer.losses.dropped == lost


def test_large_texts_fill_the_queue_too(make: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_writer, "QUEUE_BYTES", 100_000)
    writer = make()
    writer.add_entries(Entries("r", "tags", (("k", "x"),), 200_000))
    assert writer.losses.dropped == 1


def test_strict_raises_at_the_next_call_with_the_cause_and_only_once(
    server: ScriptedServer, make: Callable[..., Writer]
) -> None:
    server.on_unary = lambda _: PARAM_CONFLICT
    writer = make(strict=True)
    writer.add_entries(params("a"))
    assert writer.flush(WAIT_S)
    assert writer.limit == 0
    with pytest.raises(LoggingError, match="PARAM_CONFLICT") as caught:
        writer.add_points(point(1))
    assert isinstance(caught.value.__cause__, ParamConflict)
    writer.add_points(point(2))


def test_closing_ends_the_thread_and_a_later_record_starts_another(
    server: ScriptedServer, make: Callable[..., Writer]
) -> None:
    writer = make()
    writer.add_points(point(1))
    first = writer._thread
    assert writer.close(WAIT_S)
    assert first is not None
    assert not first.is_alive()
    writer.add_points(point(2))
    assert writer.flush(WAIT_S)
    assert server.steps() == [1, 2]


def test_what_a_closed_writer_left_is_sent_by_the_next_one(
    server: ScriptedServer, make: Callable[..., Writer], tmp_path: Path
) -> None:
    server.gate.clear()
    writer = make()
    writer.points += [*point(1), *point(2)]
    writer.add_entries(params("a"))
    assert not writer.close(0.01)
    assert (writer.unwritten, len(list((tmp_path / "spool").iterdir()))) == (0, 1)
    server.gate.set()
    following = make()
    following.add_points(point(3))
    assert following.flush(WAIT_S)
    wait_until_gone(tmp_path / "spool")
    assert sorted(server.steps()) == [1, 2, 3]
    assert server.entries("params") == {"a"}


def test_the_stream_of_a_run_that_ended_ends(server: ScriptedServer, make: Callable[..., Writer]) -> None:
    writer = make()
    writer.add_points(point(1))
    assert writer.flush(WAIT_S)
    assert writer._delivery is not None
    receiver = next(iter(writer._delivery.courier._streams.values()))._receiver
    assert receiver is not None
    writer.finish("r")
    receiver.join(WAIT_S)
    assert not receiver.is_alive()
