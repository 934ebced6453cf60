"""Runs an ASGI application with uvicorn in the event loop that is there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Beyond this much, joining costs more than the system call that it saves.
_WRITE_AT_ONCE_BYTES = 16 * 1024


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the composition root."""
        yield


class _JoiningTransport:
    """Writes what comes in one turn of the event loop by one system call: uvicorn writes head and body one by one."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts and len(data) < _WRITE_AT_ONCE_BYTES:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        if len(data) >= _WRITE_AT_ONCE_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))


class _Protocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_JoiningTransport(transport))  # type: ignore[arg-type]


class HttpServer:
    """An HTTP/1.1 server for one ASGI application."""

    def __init__(self, app: Any) -> None:
        self._config = uvicorn.Config(
            app,
            http=_Protocol,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            ws="none",
            # Whoever forwards requests to us says so in headers that anybody can send.
            proxy_headers=False,
            timeout_keep_alive=20,
        )
        self._server = _Uvicorn(self._config)
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Begins to answer and returns the port, which is a free one for port 0.

        Raises:
            OSError: The address cannot be bound.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            listening.close()
            raise OSError(f"cannot listen for HTTP on {host} port {port}: {error.strerror}") from error
        bound: int = listening.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise OSError(f"the HTTP server on {host} port {port} ended as it started")
            await asyncio.sleep(0.001)
        return bound

    async def stop(self, grace_s: float) -> None:
        """Takes no more requests, and ends those at work after the grace."""
        if self._task is None:
            return
        self._config.timeout_graceful_shutdown = max(1, round(grace_s))
        self._server.should_exit = True
        await self._task
