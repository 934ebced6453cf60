"""What the load generators share: callers that count, a window of time, and the report."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.process import cpu_s

_WARM_UP_S = 0.5


class Counting(Protocol):
    """A connection that calls on and on: how long each call took that was answered, and why it stopped, if it did."""

    seconds: list[float]
    error: str

    def close(self) -> None:
        """Ends the connection."""


@dataclass(frozen=True, slots=True)
class Report:
    """Calls answered within the window, and the CPU use of both processes in it (1.0 is one core).

    `p50_ms` and `p99_ms`: half, and all but one in a hundred of these calls took no longer.
    """

    calls_per_s: float
    p50_ms: float
    p99_ms: float
    server_cores: float
    load_cores: float


def arguments() -> argparse.ArgumentParser:
    """The options of every generator."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server-pid", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--payloads", type=Path, required=True, help="What is sent in turn, see write_payloads.")
    parser.add_argument("--callers", type=int, default=32)
    return parser


async def watch(connections: Sequence[Counting], server_pid: int, seconds: float) -> Report:
    """Lets the connections warm up, then counts for `seconds`.

    Raises:
        RuntimeError: A call was refused or a connection broke: the rate would be one of failures.
    """
    await asyncio.sleep(_WARM_UP_S)
    for connection in connections:
        connection.seconds.clear()
    began, server, load = time.monotonic(), cpu_s(server_pid), time.process_time()
    await asyncio.sleep(seconds)
    elapsed = time.monotonic() - began
    took = sorted(itertools.chain.from_iterable(connection.seconds for connection in connections))
    if not took:
        raise RuntimeError("no call was answered")
    report = Report(
        len(took) / elapsed,
        took[len(took) // 2] * 1e3,
        took[len(took) * 99 // 100] * 1e3,
        (cpu_s(server_pid) - server) / elapsed,
        (time.process_time() - load) / elapsed,
    )
    for connection in connections:
        if connection.error:
            raise RuntimeError(connection.error)
        connection.close()
    return report


def write(report: Report) -> None:
    """Prints the report for `read`."""
    sys.stdout.write(json.dumps(asdict(report)) + "\n")


def write_payloads(path: Path, payloads: Sequence[bytes]) -> None:
    """Stores what a generator sends in turn: serialized requests, or paths for HTTP."""
    path.write_text(json.dumps([payload.hex() for payload in payloads]))


def read_payloads(path: Path) -> list[bytes]:
    """The other side of `write_payloads`."""
    return [bytes.fromhex(text) for text in json.loads(path.read_text())]
