"""An HTTP address that keeps what it is sent, for tests of webhooks."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Received:
    """A request.

    Args:
        headers: Its headers, names in lower case.
        body: Its bytes.
    """

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


class Receiver:
    """Listens on a free port of 127.0.0.1 from when it is made until `close`.

    Args:
        statuses: Statuses of the first answers; further ones are 204.
    """

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self._received: list[Received] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT_S)

    def first(self, number: int) -> list[Received]:
        """The first requests, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._received) >= number, TIMEOUT_S), self._received
            return self._received[:number]

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._changed:
            status = self._statuses.pop(0) if self._statuses else 204
            self._received.append(Received(headers, body))
            self._changed.notify_all()
        handler.send_response(status)
        handler.send_header("location", "http://127.0.0.1:1/elsewhere")
        handler.send_header("content-length", "0")
        handler.end_headers()
