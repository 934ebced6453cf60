"""One transfer by a gRPC stream of messages that are serialized ahead and not parsed: prints its seconds and bytes."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import uvloop

from benchmarks.load.counting import read_payloads

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


async def _run() -> dict[str, float]:
    parser = argparse.ArgumentParser()
    parser.add_argument("direction", choices=("up", "down"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--payloads", type=Path, required=True, help="The first message, and the one that follows.")
    parser.add_argument("--messages", type=int, default=1)
    options = parser.parse_args()
    first, *later = read_payloads(options.payloads)

    async def messages() -> AsyncIterator[bytes]:
        yield first
        for _ in range(options.messages - 1):
            yield later[0]

    async with grpc.aio.insecure_channel(f"127.0.0.1:{options.port}", options=_OPTIONS) as channel:
        await channel.channel_ready()
        began, moved = time.monotonic(), 0
        if options.direction == "up":
            await channel.stream_unary(options.path, bytes, bytes)(messages())
            moved = len(first) + (options.messages - 1) * len(later[0]) if later else len(first)
        else:
            async for message in channel.unary_stream(options.path, bytes, bytes)(first):
                moved += len(message)
        return {"seconds": time.monotonic() - began, "bytes": moved}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_run())) + "\n")
