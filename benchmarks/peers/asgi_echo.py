"""A bare ASGI application under the server's own uvicorn settings: parses and writes one JSON document per request."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks.peers.serving import serve_until_terminated
from milepost_server.http_server import HttpServer

_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def _serve(document: bytes) -> None:
    async def echo(_scope: MutableMapping[str, Any], _receive: Callable[[], Awaitable[Any]], send: _Send) -> None:
        body = orjson.dumps(orjson.loads(document))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    server = HttpServer(echo)
    port = await server.start("127.0.0.1", 0)
    await serve_until_terminated(port)
    await server.stop(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--document", type=Path, required=True)
    uvloop.run(_serve(parser.parse_args().document.read_bytes()))
