"""`GET` requests over kept HTTP/1.1 connections, one caller on each, from bytes that are built ahead.

Of an answer only the status and `content-length` are read. Each caller waits for its answer before it asks again.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import cast

import uvloop

from benchmarks.load.counting import Report, arguments, read_payloads, watch, write


class Connection(asyncio.Protocol):
    """One kept connection that sends the next of `requests` for each answer."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.seconds: list[float] = []
        self._began = 0.0
        self.error = ""
        self._requests = requests
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the first time."""
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Asks again once the answer is whole."""
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0 or len(self._got) < head + 4 + self._length(head):
            return
        if not self._got.startswith(b"HTTP/1.1 200 "):
            self.error = f"the server answered {self._got!r}"
            return
        self.seconds.append(time.monotonic() - self._began)
        self._got = b""
        self._ask()

    def _ask(self) -> None:
        self._began = time.monotonic()
        self._transport.write(next(self._requests))

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()

    def _length(self, head: int) -> int:
        _, _, after = self._got[:head].lower().partition(b"content-length:")
        return int(after.partition(b"\r\n")[0])


def _request(path: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n" % path


async def run(requests: Sequence[bytes], options: argparse.Namespace) -> Report:
    """Has each caller send the requests in turn by a connection of its own.

    Args:
        requests: Whole requests.
        options: Those of `arguments`.
    """
    in_turn = itertools.cycle(requests)
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(options.callers):
        connection = Connection(in_turn)
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", options.port)  # type: ignore[misc]
        connections.append(connection)
    return await watch(connections, options.server_pid, options.seconds)


def _main() -> None:
    options = arguments().parse_args()
    write(uvloop.run(run([_request(path) for path in read_payloads(options.payloads)], options)))


if __name__ == "__main__":
    _main()
