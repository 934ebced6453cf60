"""A bare grpc.aio server on uvloop that takes a stream of bytes and drops it, and sends one; it parses nothing."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

from benchmarks.peers.serving import serve_until_terminated

SERVICE = "benchmarks.Stream"


async def _serve(chunks: int, chunk_bytes: int) -> None:
    chunk = bytes(chunk_bytes)

    async def up(messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        async for _ in messages:
            pass
        return b""

    async def down(_request: bytes, _context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
        for _ in range(chunks):
            yield chunk

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Down": grpc.unary_stream_rpc_method_handler(down),
    }
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await serve_until_terminated(port)
    await server.stop(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--chunk-bytes", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(_serve(options.chunks, options.chunk_bytes))
