"""How servers of other projects are started: they say on no line of theirs, in no common way, that they answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.process import cpu_s

_START_S = 300
_END_S = 10
# MLflow answers long before all of its dozen processes have imported what they need.
_QUIET_CORES, _LOOK_S = 0.2, 2


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_foreign(command: list[str], port: int, log: Path, path: str = "/health") -> None:
    """Runs a server until SIGTERM, prints its port once it answers and rests, and ends it with its children.

    Args:
        command: Program and arguments of the server.
        port: Where it was told to listen.
        log: The file for its output.
        path: What it answers once it can answer all.

    Raises:
        RuntimeError: It ended, or did not answer in time.
    """
    with log.open("wb") as output:
        # Its workers are processes, in a group of their own here.
        child = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + _START_S
        _wait_for_answer(deadline, f"http://127.0.0.1:{port}{path}", child, log)
        _wait_for_rest(deadline, child.pid)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        signal.sigwait([signal.SIGTERM])
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _wait_for_answer(deadline: float, url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"{child.args!r} ended with {child.returncode}: {log.read_text()[-1000:]}")
        try:
            with urlopen(url):
                return
        except URLError:
            time.sleep(0.2)
    raise RuntimeError(f"{child.args!r} did not answer within {_START_S} s")


def _wait_for_rest(deadline: float, pid: int) -> None:
    while time.monotonic() < deadline:
        before = cpu_s(pid)
        time.sleep(_LOOK_S)
        if cpu_s(pid) - before < _QUIET_CORES * _LOOK_S:
            return
    raise RuntimeError(f"the server was busy with its start for {_START_S} s")
