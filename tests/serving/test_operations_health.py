"""Health of a model server: the pages for probes, and `grpc.health.v1`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from milepost_server.calls.dispatcher import Dispatcher
from milepost_server.calls.handlers import HandlerTable
from milepost_server.rpc.listener import GrpcListener
from milepost_server.serving.operations.health import Health

SERVING, NOT_SERVING, SERVICE_UNKNOWN = (
    health_pb2.HealthCheckResponse.SERVING,
    health_pb2.HealthCheckResponse.NOT_SERVING,
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
)


class Served:
    """A listener, and models whose state tests choose."""

    def __init__(self, *expected: str) -> None:
        self.live: dict[str, bool] = {}
        self.listener = GrpcListener(HandlerTable([]), Dispatcher([]), max_message_bytes=1024)
        self.health = Health(lambda: self.live, expected, self.listener.set_health)

    async def start(self) -> None:
        await self.health.refresh()
        port = await self.listener.start("127.0.0.1", 0)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self._stub = health_pb2_grpc.HealthStub(self.channel)

    async def of(self, service: str) -> int:
        await self.health.refresh()
        answer: health_pb2.HealthCheckResponse = await self._stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(answer.status)

    async def page(self) -> tuple[int, bytes]:
        status, _, body = await self.health.readyz()
        return status, body


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served("digits")
    await made.start()
    yield made
    await made.channel.close(None)
    await made.listener.stop(0)


async def test_a_server_is_not_ready_before_its_models_are(served: Served) -> None:
    assert await served.of("") == NOT_SERVING
    assert await served.of("models/digits") == NOT_SERVING
    assert await served.page() == (503, b"not ready: digits\n")
    served.live["digits"] = True
    assert await served.of("") == SERVING
    assert await served.of("models/digits") == SERVING
    assert await served.page() == (200, b"ready\n")


async def test_a_model_without_processes_is_named_and_others_are_not(served: Served) -> None:
    served.live = {"digits": True, "fraud": False}
    assert await served.of("models/digits") == SERVING
    assert await served.of("models/fraud") == NOT_SERVING
    assert await served.of("") == NOT_SERVING
    assert await served.page() == (503, b"not ready: fraud\n")


async def test_a_model_that_is_unloaded_is_unknown_and_nobody_waits_for_it(served: Served) -> None:
    served.live = {"digits": True, "fraud": True}
    assert await served.of("models/digits") == SERVING
    del served.live["digits"]
    assert await served.of("models/digits") == SERVICE_UNKNOWN
    assert await served.of("") == SERVING
    assert (await served.page())[0] == 200


async def test_a_server_without_models_is_ready() -> None:
    assert await Served().page() == (200, b"ready\n")


async def test_a_server_that_drains_is_alive_and_not_ready(served: Served) -> None:
    served.live = {"digits": True}
    assert await served.of("") == SERVING
    served.health.drain()
    await served.listener.drain()
    assert await served.of("models/digits") == NOT_SERVING
    assert await served.of("") == NOT_SERVING
    assert await served.page() == (503, b"shutting down\n")
    assert (await served.health.healthz())[0] == 200


async def test_watchers_hear_of_changes(served: Served) -> None:
    watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest(service="models/digits"))
    assert (await watch.read()).status == NOT_SERVING
    served.live = {"digits": True}
    await served.health.refresh()
    assert (await watch.read()).status == SERVING
    watch.cancel()
