"""A bare grpc.aio server on uvloop: parses a request of one bytes field, and answers with one of a fixed size."""

from __future__ import annotations

import argparse
from typing import Any

import grpc
import uvloop
from google.protobuf.wrappers_pb2 import BytesValue

from benchmarks.peers.serving import serve_until_terminated

SERVICE, METHOD = "benchmarks.Echo", "Call"
PATH = f"/{SERVICE}/{METHOD}"


async def _serve(answer_bytes: int) -> None:
    # A bytes field of 128 to 16,383 bytes has a head of three bytes; a smaller one of two.
    head = 2 if answer_bytes < 130 else 3
    answer = BytesValue(value=bytes(answer_bytes - head))

    async def call(_request: BytesValue, _context: grpc.aio.ServicerContext[Any, Any]) -> BytesValue:
        return answer

    handler = grpc.unary_unary_rpc_method_handler(call, BytesValue.FromString, BytesValue.SerializeToString)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await serve_until_terminated(port)
    await server.stop(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer-bytes", type=int, required=True)
    uvloop.run(_serve(parser.parse_args().answer_bytes))
