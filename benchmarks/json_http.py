"""Requests with JSON over one kept HTTP connection, one after the other."""

from __future__ import annotations

import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import orjson

# Servers hang up on connections that rest: uvicorn after 5 s.
_REST_S = 2


class JsonHttp:
    """One kept connection to 127.0.0.1. Every answer but 200 is a `RuntimeError`."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._used = time.monotonic()

    def get(self, path: str, **query: object) -> Any:
        """The parsed answer."""
        return orjson.loads(self.send("GET", f"{path}?{urlencode(query)}" if query else path))

    def post(self, path: str, **body: object) -> Any:
        """The parsed answer."""
        return orjson.loads(self.send("POST", path, orjson.dumps(body)))

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The bytes of the answer."""
        if time.monotonic() - self._used > _REST_S:
            self._connection.close()  # the request opens it anew
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        content = response.read()
        self._used = time.monotonic()
        if response.status != 200:
            raise RuntimeError(f"{method} {path} was answered {response.status}: {content!r}")
        return content

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()
