"""`milepost.v1.WebhookService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.webhooks import WebhookService


class WebhookServicer:
    """Webhooks. What each method does is said in the proto."""

    def __init__(self, webhooks: WebhookService) -> None:
        self._webhooks = webhooks

    async def create_webhook(self, request: pb.CreateWebhookRequest, call: Call) -> pb.CreateWebhookResponse:
        return pb.CreateWebhookResponse(webhook=await self._webhooks.create(request))

    async def get_webhook(self, request: pb.GetWebhookRequest, call: Call) -> pb.GetWebhookResponse:
        return pb.GetWebhookResponse(webhook=await self._webhooks.get(request.webhook_id))

    async def list_webhooks(self, request: pb.ListWebhooksRequest, call: Call) -> pb.ListWebhooksResponse:
        return await self._webhooks.list(request)

    async def update_webhook(self, request: pb.UpdateWebhookRequest, call: Call) -> pb.UpdateWebhookResponse:
        return pb.UpdateWebhookResponse(webhook=await self._webhooks.update(request))

    async def delete_webhook(self, request: pb.DeleteWebhookRequest, call: Call) -> pb.DeleteWebhookResponse:
        return await self._webhooks.delete(request)

    async def test_webhook(self, request: pb.TestWebhookRequest, call: Call) -> pb.TestWebhookResponse:
        return pb.TestWebhookResponse(delivery=await self._webhooks.test(request))

    async def list_webhook_deliveries(
        self, request: pb.ListWebhookDeliveriesRequest, call: Call
    ) -> pb.ListWebhookDeliveriesResponse:
        return await self._webhooks.deliveries(request)
