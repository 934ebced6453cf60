"""The limit of requests at work, and the drain, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from milepost_server.serving.app import ModelServer
from milepost_server.serving.settings import ServingSettings
from support.serving_models import acting_model


class Acting:
    """A server of one model that waits where it is told to, and takes one request at a time."""

    def __init__(self, settings: ServingSettings, folder: Path) -> None:
        self.server = ModelServer(settings)
        self._gate = folder / "gate"

    async def start(self) -> None:
        await self.server.start()
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.server.http_port}")

    async def ask(self, row: str) -> httpx.Response:
        return await self._client.post("/invocations", json={"inputs": [row]}, timeout=60)

    async def ask_and_wait(self) -> asyncio.Task[httpx.Response]:
        """A request that the model has begun to answer, and ends only after `go_on`."""
        asked = asyncio.create_task(self.ask(f"wait {self._gate}"))
        while not self._gate.with_suffix(".started").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        return asked

    def go_on(self) -> None:
        self._gate.touch()

    async def stop(self) -> None:
        self.go_on()
        await self.server.stop()
        await self._client.aclose()


@pytest.fixture
async def acting(tmp_path: Path) -> AsyncIterator[Acting]:
    ports = {"http_port": 0, "grpc_port": 0}
    flags = {
        "models": (f"acting={acting_model()}",),
        "trust": True,
        "max_concurrent_calls": 1,
        "drain_s": 60.0,
        **ports,
    }
    settings = ServingSettings(**flags)  # type: ignore[arg-type]
    made = Acting(settings, tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_a_request_too_many_is_refused_and_one_at_work_is_answered_by_a_server_that_stops(acting: Acting) -> None:
    asked = await acting.ask_and_wait()
    refused = await acting.ask("echo")
    assert refused.status_code == 429
    assert float(refused.headers["retry-after"]) > 0
    stopping = asyncio.create_task(acting.server.stop())
    while (refused := await acting.ask("echo")).status_code != 503:
        assert refused.status_code == 429
    assert not asked.done()
    acting.go_on()
    assert (await asked).status_code == 200
    await stopping
