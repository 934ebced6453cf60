"""Training goes on while its server is away, and nothing that it logged is lost, stored twice or out of order."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import milepost
from milepost import _backlog, _writer
from milepost._active import ActiveRun, Session
from milepost.config import ClientConfig
from support.cli import Cli
from support.server_process import ServerProcess

WAIT_S = 60.0
BATCH = 20_000


class Restarted:
    """A server that ends and comes back on the same port with the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = ServerProcess(folder)
        self.address = self._process.grpc_address
        self.is_up = True

    def kill(self) -> None:
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL
        self.is_up = False

    def terminate(self) -> None:
        self._process.terminate()
        assert self._process.wait() == 0
        self.is_up = False

    def start(self) -> None:
        self._process = ServerProcess(self._folder, "--grpc-port", self.address.rpartition(":")[2])
        self.is_up = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Restarted]:
    running = Restarted(tmp_path / "data")
    yield running
    if running.is_up:
        running.kill()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def session(server: Restarted, spool: Path) -> Iterator[Session]:
    made = Session(ClientConfig(server.address, spool_dir=spool))
    yield made
    made.writer.close(0)
    made.client.close()


def start_run(session: Session) -> ActiveRun:
    return ActiveRun(session, session.client.runs.create().proto)


def bits(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def any_doubles(count: int, seed: int) -> list[float]:
    """Doubles of every kind, from random bits."""
    return list(struct.unpack(f"<{count}d", random.Random(seed).randbytes(8 * count)))


def wait_for(what: str, condition: object) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.005)


@pytest.mark.parametrize("ending", ["kill", "terminate"])
def test_servers_that_end_under_load_lose_repeat_and_reorder_nothing(
    server: Restarted, session: Session, ending: str
) -> None:
    runs = [start_run(session) for _ in range(2)]
    logged = [any_doubles(200_000, seed) for seed in range(2)]
    outage = threading.Barrier(len(runs) + 1)

    def train(run: ActiveRun, values: list[float]) -> None:
        for step, value in enumerate(values):
            if step % 100_000 == 50_000:
                outage.wait(WAIT_S)
                run.log_param(f"p{step}", step)
            run.log_metric("loss", value, step=step, timestamp_ms=step)

    threads = [threading.Thread(target=train, args=pair) for pair in zip(runs, logged, strict=True)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        outage.wait(WAIT_S)
        getattr(server, ending)()
        server.start()
    for thread in threads:
        thread.join()
    for run, values in zip(runs, logged, strict=True):
        history = run.metric_history("loss")
        assert list(history.steps) == list(history.timestamps_ms) == list(range(len(values)))
        assert bits(list(history.values)) == bits(values)
        assert set(run.refresh().params) == {f"p{step}" for step in range(50_000, 200_000, 100_000)}
    assert session.writer.losses.dropped == session.writer.losses.refused == 0


def test_a_long_outage_goes_to_disk_and_comes_back_in_order(
    server: Restarted, session: Session, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 1_000_000)
    run = start_run(session)
    server.kill()
    for step in range(500_000):
        run.log_metric("loss", 0.5, step=step)
    wait_for("the spool file", lambda: spool.exists() and any(spool.iterdir()))
    server.start()
    assert run.flush(WAIT_S)
    assert list(run.metric_history("loss").steps) == list(range(500_000))
    assert list(spool.iterdir()) == []


def test_what_the_spool_has_no_room_for_is_counted_and_the_rest_is_stored_in_order(
    server: Restarted, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 1_000_000)
    monkeypatch.setattr(_writer, "QUEUE_BYTES", 50_000 * _writer.POINT_BYTES)
    session = Session(ClientConfig(server.address, spool_dir=spool, spool_bytes=3_000_000))
    run = start_run(session)
    server.kill()
    for step in range(500_000):
        run.log_metric("loss", 0.5, step=step)
    server.start()
    with pytest.warns(milepost.MilepostWarning, match="the queue was full"):
        assert not run.flush(WAIT_S)
    steps = list(run.metric_history("loss").steps)
    assert session.writer.losses.dropped > 0
    assert len(steps) == 500_000 - session.writer.losses.dropped
    assert steps == sorted(set(steps))
    assert session.writer.close(WAIT_S)
    session.client.close()


def test_refused_values_do_not_take_good_ones_with_them(session: Session) -> None:
    run = start_run(session)
    for step in range(1000):
        run.log_metrics({"good": step, "bad\nkey": step, "fine": step}, step=step)
    with pytest.warns(milepost.MilepostWarning, match="bad.nkey"):
        assert not run.flush(WAIT_S)
    assert sorted(run.metric_history("good").steps) == sorted(run.metric_history("fine").steps) == list(range(1000))
    assert session.writer.losses.refused == 1000


TRAINER = """
import sys
import milepost
from milepost import _backlog, _context
_backlog.MEMORY_BYTES = 100_000
_context.FLUSH_TIMEOUT_S = 0.5
run = milepost.start_run()
print(run.run_id, flush=True)
sys.stdin.readline()
run.log_param("lr", 0.1)
for step in range(100_000):
    run.log_metric("loss", step / 3, step=step, timestamp_ms=step)
writer = _context.session().writer
backlog = writer._delivery.backlog
while writer.pending != backlog.values or backlog._new:  # something is not on disk yet
    pass
print("logged", flush=True)
sys.stdin.readline()
"""


def start_trainer(server: Restarted, spool: Path) -> subprocess.Popen[str]:
    variables = {
        **os.environ,
        "MILEPOST_TRACKING_URI": server.address,
        "MILEPOST_SPOOL_DIR": str(spool),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", TRAINER], text=True, env=variables, **pipes)  # type: ignore[call-overload,no-any-return]


def read_line(trainer: subprocess.Popen[str]) -> str:
    assert trainer.stdout is not None
    return trainer.stdout.readline().strip()


def go_on(trainer: subprocess.Popen[str]) -> None:
    assert trainer.stdin is not None
    trainer.stdin.write("\n")
    trainer.stdin.flush()


@pytest.mark.parametrize("ending", ["killed", "ended"])
def test_what_a_program_could_not_send_is_sent_by_sync_after_its_end(
    server: Restarted, spool: Path, ending: str
) -> None:
    trainer = start_trainer(server, spool)
    run_id = read_line(trainer)
    server.kill()
    go_on(trainer)
    assert read_line(trainer) == "logged"
    if ending == "killed":
        trainer.kill()
    _, complaint = trainer.communicate("\n", timeout=WAIT_S)
    assert ("100001 wait in" in complaint) == (ending == "ended")
    cli = Cli(server.address)
    waiting = cli.run("sync", "--spool-dir", str(spool), "--timeout", "0.1", code=1)
    assert "100,001 values wait on" in waiting.stderr
    server.start()
    (sent,) = cli.json("sync", "--spool-dir", str(spool))["files"]
    assert (sent["state"], sent["stored"], sent["refused"]) == ("sent", 100_001, 0)
    assert "Nothing waits" in cli.out("sync", "--spool-dir", str(spool))
    with milepost.Client(server.address) as client:
        run = client.runs.get(run_id)
        history = run.metric_history("loss")
        assert run.params == {"lr": 0.1}
    assert list(history.steps) == list(range(100_000))
    assert bits(list(history.values)) == bits([step / 3 for step in range(100_000)])


def test_a_file_sent_only_in_part_is_sent_on_without_twins(
    server: Restarted, session: Session, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 100_000)
    run = start_run(session)
    server.kill()
    for step in range(10 * BATCH):
        run.log_metric("loss", 0.5, step=step)
    assert not session.writer.close(0)
    (file,) = spool.iterdir()
    copy = file.read_bytes()
    server.start()
    cli = Cli(server.address)
    cli.run("sync", "--spool-dir", str(spool))
    # As if the program that sent it had died before it could note that: all is sent again.
    file.write_bytes(copy)
    cli.run("sync", "--spool-dir", str(spool))
    with milepost.Client(server.address) as client:
        assert list(client.runs.get(run.run_id).metric_history("loss").steps) == list(range(10 * BATCH))


def test_a_damaged_tail_is_cut_and_the_rest_is_sent(
    server: Restarted, session: Session, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 100_000)
    run = start_run(session)
    server.kill()
    for step in range(3 * BATCH):
        run.log_metric("loss", 0.5, step=step)
    assert not session.writer.close(0)
    (file,) = spool.iterdir()
    os.truncate(file, file.stat().st_size - 1)
    server.start()
    (sent,) = Cli(server.address).json("sync", "--spool-dir", str(spool))["files"]
    assert sent["damagedBytes"] > 0
    with milepost.Client(server.address) as client:
        steps = list(client.runs.get(run.run_id).metric_history("loss").steps)
    assert steps == list(range(len(steps)))
    assert len(steps) == sent["stored"] < 3 * BATCH


def test_a_file_of_a_running_program_is_left_alone(
    server: Restarted, session: Session, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backlog, "MEMORY_BYTES", 1000)
    run = start_run(session)
    server.kill()
    for step in range(2 * BATCH):
        run.log_metric("loss", 0.5, step=step)
    wait_for("the spool file", lambda: spool.exists() and any(spool.iterdir()))
    (found,) = Cli(server.address).json("sync", "--spool-dir", str(spool))["files"]
    assert found["state"] == "in use"
