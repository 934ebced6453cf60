"""A bare grpc.aio server on uvloop that answers each message of a stream with an ack; it parses and stores nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

from benchmarks.peers.serving import serve_until_terminated
from milepost import v1 as pb

SERVICE = "benchmarks.Ack"
PATH = f"/{SERVICE}/Stream"


async def _acknowledge(messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[Any, Any]) -> Any:
    sequence = -1
    async for _ in messages:
        sequence += 1
        ack = pb.StreamMetricsAck(durable_sequence=sequence)
        yield pb.StreamMetricsResponse(ack=ack).SerializeToString()


async def _serve() -> None:
    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Stream": grpc.stream_stream_rpc_method_handler(_acknowledge)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await serve_until_terminated(port)
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_serve())
