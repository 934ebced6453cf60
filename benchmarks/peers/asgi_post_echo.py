"""A bare ASGI application under the server's own uvicorn settings: parses the JSON of a POST, and writes one back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
import uvloop

from benchmarks.peers.serving import serve_until_terminated
from milepost_server.http_server import HttpServer

_Message = MutableMapping[str, Any]


async def _echo(_scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[..., Any]) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    orjson.loads(body)
    answer = orjson.dumps({"predictions": [1]})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _serve() -> None:
    server = HttpServer(_echo)
    port = await server.start("127.0.0.1", 0)
    await serve_until_terminated(port)
    await server.stop(1)


if __name__ == "__main__":
    uvloop.run(_serve())
