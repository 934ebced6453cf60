"""Unary gRPC calls as Python programs make them: by grpc.aio on uvloop.

It takes as much CPU as the server, so both cores of a small machine are busy and the rate is that of the pair, as it is
for users. The other generator, `grpc_calls`, shows the server alone. Answers are not decoded.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator

import grpc
import uvloop

from benchmarks.load.counting import Report, arguments, read_payloads, watch, write


class Connection:
    """One channel with several callers, each of which waits for its answer before it calls again."""

    def __init__(self, port: int, path: str, callers: int, payloads: Iterator[bytes]) -> None:
        self.seconds: list[float] = []
        self.error = ""
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)
        self._call = self._channel.unary_unary(path, None, None)
        self._callers = [asyncio.create_task(self._call_on(payloads)) for _ in range(callers)]

    async def _call_on(self, payloads: Iterator[bytes]) -> None:
        try:
            for payload in payloads:
                began = time.monotonic()
                await self._call(payload)
                self.seconds.append(time.monotonic() - began)
        except grpc.aio.AioRpcError as error:
            self.error = f"a call was refused: {error.details()}"

    def close(self) -> None:
        """Ends the callers."""
        for caller in self._callers:
            caller.cancel()


async def _run() -> Report:
    parser = arguments()
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    payloads = itertools.cycle(read_payloads(options.payloads))
    each = options.callers // options.connections
    connections = [Connection(options.port, options.path, each, payloads) for _ in range(options.connections)]
    return await watch(connections, options.server_pid, options.seconds)


if __name__ == "__main__":
    write(uvloop.run(_run()))
