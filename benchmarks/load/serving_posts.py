"""`POST` requests with JSON over kept HTTP/1.1 connections, one caller on each, from bytes that are built ahead."""

from __future__ import annotations

import asyncio
import itertools

import uvloop

from benchmarks.load.counting import Report, arguments, read_payloads, watch, write
from benchmarks.load.http_calls import Connection


def _request(path: str, body: bytes) -> bytes:
    headers = f"host: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{headers}\r\n".encode() + body


async def _run() -> Report:
    parser = arguments()
    parser.add_argument("--path", required=True)
    options = parser.parse_args()
    requests = itertools.cycle([_request(options.path, body) for body in read_payloads(options.payloads)])
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(options.callers):
        connection = Connection(requests)
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", options.port)  # type: ignore[misc]
        connections.append(connection)
    return await watch(connections, options.server_pid, options.seconds)


if __name__ == "__main__":
    write(uvloop.run(_run()))
