"""Real Milepost servers for tests, each in a thread of its own so that synchronous clients can call it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import uvloop

from milepost_server.app import Server
from milepost_server.config import Settings
from milepost_server.serving.app import ModelServer
from milepost_server.serving.settings import ServingSettings

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class _Running:
    """A server that listens on ports of 127.0.0.1 when the constructor returns, and until `stop`.

    Args:
        make: Makes the server.

    Raises:
        BaseException: Whatever the start of the server failed with.
    """

    def __init__(self, make: Callable[[], Server | ModelServer]) -> None:
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started: Future[tuple[int, int]] = Future()
        self._thread = threading.Thread(target=self._run, name="milepost-server", daemon=True)
        self._thread.start()
        self.grpc_port, self.http_port = self._started.result(START_TIMEOUT_S)

    @property
    def grpc_address(self) -> str:
        """Target of a gRPC channel."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def http_url(self) -> str:
        """Base URL of the HTTP listener, without a final slash."""
        return f"http://127.0.0.1:{self.http_port}"

    def stop(self) -> None:
        """Drains and stops the server. Stopping it twice does nothing."""
        if self._thread.is_alive() and self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_TIMEOUT_S)
        assert not self._thread.is_alive(), f"the server did not stop within {STOP_TIMEOUT_S} s"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            server = self._make()
            await server.start()
        except BaseException as failure:
            self._started.set_exception(failure)
            return
        self._started.set_result((server.grpc_port, server.http_port))
        await self._stopping.wait()
        await server.stop()


class RunningServer(_Running):
    """A tracking server on free ports.

    Args:
        data_dir: An empty folder for its database (unless `settings` names another) and its artifacts.
        settings: Further settings by name.
    """

    def __init__(self, data_dir: Path, **settings: object) -> None:
        ports = {"grpc_port": 0, "http_port": 0}
        flags = {"data_dir": data_dir, **ports, "drain_s": 1.0, "webhook_hosts": ("127.0.0.1",), **settings}
        self.settings = Settings(**flags)  # type: ignore[arg-type]
        self.data_dir = data_dir
        super().__init__(lambda: Server(self.settings))


class RunningModelServer(_Running):
    """A model server on free ports, without spare processes.

    Args:
        models: What it serves, as on the command line.
        settings: Further settings by name.
    """

    def __init__(self, *models: str, **settings: object) -> None:
        flags = {"models": models, "grpc_port": 0, "http_port": 0, "drain_s": 1.0, "spares": 0, **settings}
        self.settings = ServingSettings(**flags)  # type: ignore[arg-type]
        super().__init__(lambda: ModelServer(self.settings))
