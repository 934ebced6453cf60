"""Metrics by MLflow's REST API, each caller on a kept connection and with a run of its own (the ids are the payloads).

Each request continues where the one before of its caller ended: steps and times never repeat. The bodies are what the
stock client sends, without its spaces.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator

import orjson
import uvloop

from benchmarks.load.counting import Report, arguments, read_payloads, watch, write
from benchmarks.load.http_calls import Connection

_START_MS = 1_700_000_000_000
_KEYS, _STEPS = 10, 100


def _request(call: str, body: dict[str, object]) -> bytes:
    content = orjson.dumps(body)
    head = (
        f"POST /api/2.0/mlflow/runs/{call} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _single(run_id: str) -> Iterator[bytes]:
    for step in itertools.count():
        metric = {"key": "loss", "value": 1 / (step + 1), "timestamp": _START_MS + step, "step": step}
        yield _request("log-metric", {"run_uuid": run_id, "run_id": run_id, **metric})


def _batches(run_id: str) -> Iterator[bytes]:
    for first in itertools.count(step=_STEPS):
        metrics = [
            {"key": f"metric_{key}", "value": key + 1 / (step + 1), "timestamp": _START_MS + step, "step": step}
            for step in range(first, first + _STEPS)
            for key in range(_KEYS)
        ]
        yield _request("log-batch", {"run_id": run_id, "metrics": metrics})


_CALLS: dict[str, Callable[[str], Iterator[bytes]]] = {"log-metric": _single, "log-batch": _batches}


async def _run() -> Report:
    parser = arguments()
    parser.add_argument("--call", choices=_CALLS, required=True)
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    connections = []
    for run_id in read_payloads(options.payloads):
        connection = Connection(_CALLS[options.call](run_id.decode()))
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", options.port)  # type: ignore[misc]
        connections.append(connection)
    return await watch(connections, options.server_pid, options.seconds)


if __name__ == "__main__":
    write(uvloop.run(_run()))
