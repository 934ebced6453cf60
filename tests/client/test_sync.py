"""Spool files that other programs left are sent: in order, exactly once, and only where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost import _backlog
from milepost import v1 as pb
from milepost._channel import Transport
from milepost._points import pack_points
from milepost._spool import Spool
from milepost._sync import Forwarder, Sent, send_spool
from milepost.config import ClientConfig
from support.scripted_server import BAD_KEY, RUN_NOT_FOUND, ScriptedServer

WAIT_S = 30.0


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    running = ScriptedServer()
    yield running
    running.stop()


@pytest.fixture
def config(server: ScriptedServer, tmp_path: Path) -> ClientConfig:
    return ClientConfig(server.address, spool_dir=tmp_path)


@pytest.fixture
def transport(config: ClientConfig) -> Iterator[Transport]:
    made = Transport(config)
    yield made
    made.close()


def leave(config: ClientConfig, batches: int = 5, address: str = "") -> Path:
    """A file of batches with one point of `good` and one of `bad` each."""
    spool = Spool.create(config.spool_dir, address or config.address)
    for number in range(1, batches + 1):
        (batch,), _ = pack_points(["r", "good", 0.5, number, 1, "r", "bad", 0.5, number, 1])
        batch.writer_id, batch.sequence = "writer", number
        spool.append(batch, 1 << 30)
    spool.close()
    return spool.path


def send(path: Path, transport: Transport) -> Sent:
    return send_spool(Spool.adopt(path), transport, threading.Event(), WAIT_S)


def good_steps(server: ScriptedServer) -> list[int]:
    return [s for request in server.unary.values() for points in request.metrics for s in points.steps]


def test_a_file_is_sent_under_its_numbers_and_removed(
    server: ScriptedServer, config: ClientConfig, transport: Transport
) -> None:
    path = leave(config)
    assert send(path, transport) == Sent(stored=10, refused=0, left=0, damaged_bytes=0, problems=[])
    assert server.steps("good") == [1, 2, 3, 4, 5]
    assert list(server.streams) == [("r", "writer")]
    assert not path.exists()


@pytest.mark.parametrize("memory", [1, 10_000_000])
def test_rejections_of_a_file_that_was_sent_before_are_repaired_without_twins(
    server: ScriptedServer,
    config: ClientConfig,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", memory)
    server.on_batch = lambda _: BAD_KEY

    def refuse_bad(request: pb.LogBatchRequest) -> object:
        return BAD_KEY if any(points.key == "bad" for points in request.metrics) else None

    server.on_unary = refuse_bad
    path = leave(config)
    content = path.read_bytes()
    first = send(path, transport)
    path.write_bytes(content)
    again = send(path, transport)
    assert first == again
    assert (first.stored, first.refused) == (5, 5)
    assert good_steps(server) == [1, 2, 3, 4, 5]


def test_a_run_that_is_gone_is_counted_as_refused(
    server: ScriptedServer, config: ClientConfig, transport: Transport
) -> None:
    server.on_open = lambda _: RUN_NOT_FOUND
    sent = send(leave(config), transport)
    assert (sent.stored, sent.refused, sent.left) == (0, 10, 0)
    assert "RUN_NOT_FOUND" in sent.problems[0]


def test_what_a_server_does_not_take_in_time_stays(
    server: ScriptedServer, config: ClientConfig, transport: Transport
) -> None:
    server.gate.clear()
    path = leave(config)
    sent = send_spool(Spool.adopt(path), transport, threading.Event(), 0.05)
    assert (sent.stored, sent.left) == (0, 10)
    server.gate.set()
    assert send(path, transport).stored == 10


def test_sending_ends_when_it_is_told_to(server: ScriptedServer, config: ClientConfig, transport: Transport) -> None:
    stop = threading.Event()
    stop.set()
    path = leave(config)
    assert send_spool(Spool.adopt(path), transport, stop).left == 10
    assert path.exists()


def test_files_of_other_servers_are_left_alone(
    server: ScriptedServer, config: ClientConfig, transport: Transport
) -> None:
    other, damaged, ours = leave(config, address="other:1"), config.spool_dir / "x.spool", leave(config)
    damaged.write_bytes(b"no spool")
    forwarder = Forwarder(transport, config)
    forwarder.start()
    assert forwarder._thread is not None
    forwarder._thread.join(WAIT_S)
    assert set(config.spool_dir.iterdir()) == {other, damaged}
    assert server.steps("good") == [1, 2, 3, 4, 5]
    assert not ours.exists()
