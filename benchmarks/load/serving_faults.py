"""Predictions over gRPC while something happens to the server: counts failures, and the time without an answer.

Callers go on 5 ms after a failure. The first line of standard output is `started`; the report comes when standard input
is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import grpc
import uvloop

from benchmarks.load.counting import read_payloads

_PAUSE_S = 0.005


class Callers:
    """Callers of one model, and what became of their calls."""

    def __init__(self, port: int, path: str, payload: bytes) -> None:
        self.failures: Counter[str] = Counter()
        self.failed_at: list[float] = []
        self.answered_at: list[float] = []
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self._call = channel.unary_unary(path, None, None)
        self._payload = payload

    async def call_on(self) -> None:
        """One caller, until it is cancelled."""
        while True:
            try:
                await self._call(self._payload)
            except grpc.aio.AioRpcError as error:
                self.failures[f"{error.code().name}: {error.details()}"] += 1
                self.failed_at.append(time.time())
                await asyncio.sleep(_PAUSE_S)
            else:
                self.answered_at.append(time.time())

    def report(self) -> dict[str, object]:
        """Failures by their text, and when calls were answered and failed, in seconds since the epoch."""
        return {"failures": dict(self.failures), "failed_at": self.failed_at, "answered_at": self.answered_at}


async def _run() -> None:
    parser = ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--payloads", type=Path, required=True)
    parser.add_argument("--callers", type=int, default=16)
    options = parser.parse_args()
    callers = Callers(options.port, options.path, read_payloads(options.payloads)[0])
    tasks = [asyncio.create_task(callers.call_on()) for _ in range(options.callers)]
    sys.stdout.write("started\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    sys.stdout.write(json.dumps(callers.report()) + "\n")


if __name__ == "__main__":
    uvloop.run(_run())
