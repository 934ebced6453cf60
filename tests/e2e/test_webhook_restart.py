"""Events of the registry outlive the server that could not deliver them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from milepost import v1 as pb
from support.receiver import Receiver
from support.server_process import ServerProcess, call


@pytest.mark.parametrize("end", ["kill", "terminate"])
async def test_a_server_that_starts_again_delivers_what_the_one_before_could_not(tmp_path: Path, end: str) -> None:
    receiver = Receiver(500)
    server = await asyncio.to_thread(ServerProcess, tmp_path / "data", "--webhook-host", "127.0.0.1")
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            webhook = pb.Webhook(name="w", url=receiver.url)
            created = await call(
                channel, "milepost.v1.WebhookService/CreateWebhook", pb.CreateWebhookRequest(webhook=webhook)
            )
            model = pb.CreateRegisteredModelRequest(registered_model=pb.RegisteredModel(name="m"))
            await call(channel, "milepost.v1.RegistryService/CreateRegisteredModel", model)
            get = pb.GetWebhookRequest(webhook_id=created.webhook.webhook_id)
            while not (await call(channel, "milepost.v1.WebhookService/GetWebhook", get)).webhook.attempts:
                pass
        getattr(server, end)()
        await asyncio.to_thread(server.wait)
        server = await asyncio.to_thread(ServerProcess, tmp_path / "data", "--webhook-host", "127.0.0.1")
        first, second = await asyncio.to_thread(receiver.first, 2)
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait)
        receiver.close()
