"""Rules of webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask

from milepost import v1 as pb
from milepost_server.errors import NotFound, quote
from milepost_server.services.clock import Clock
from milepost_server.services.masks import require, written_fields
from milepost_server.services.pages import cut, decode_token, encode_token, page_limit
from milepost_server.services.replays import write_once
from milepost_server.services.webhook_requests import WebhookClient, body_of, check_url, delivery_of
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.webhooks import Progress, StoredWebhook

_WRITABLE = ("name", "description", "url", "kinds", "model_name", "secret", "state")
_KEPT_US = 30 * 24 * 3600 * 1_000_000


class WebhookService:
    """Webhooks. Sending is `webhook_delivery`'s.

    Args:
        storage: The database.
        clock: The time.
        client: Sends tests.
        private_hosts: Hosts that may have private addresses and be reached over `http`.
    """

    def __init__(self, storage: Storage, clock: Clock, client: WebhookClient, private_hosts: Collection[str]) -> None:
        self._storage = storage
        self._clock = clock
        self._client = client
        self._private_hosts = frozenset(private_hosts)

    async def create(self, request: pb.CreateWebhookRequest) -> pb.Webhook:
        """See `WebhookService.CreateWebhook`."""
        given = pb.Webhook()
        given.CopyFrom(request.webhook)
        check_url(given.url, self._private_hosts)
        given.webhook_id = secrets.token_hex(16)
        given.state = given.state or pb.Webhook.STATE_ACTIVE

        async def work(tx: Transaction) -> pb.Webhook:
            await tx.webhooks.create(given, await tx.registry_events.last(), self._clock())
            return (await _existing(tx, given.webhook_id)).webhook

        return await write_once(self._storage, self._clock, request, pb.Webhook, work)

    async def get(self, webhook_id: str) -> pb.Webhook:
        """See `WebhookService.GetWebhook`."""
        return (await self._stored(webhook_id)).webhook

    async def list(self, request: pb.ListWebhooksRequest) -> pb.ListWebhooksResponse:
        """See `WebhookService.ListWebhooks`."""
        limit = page_limit(request.page_size, 100, 1000)
        after = decode_token(request, request.page_token) or (0,)
        found = await self._storage.scan(lambda tx: tx.webhooks.list(limit + 1, int(after[0])))
        page, position = cut(found, limit, lambda stored: stored.row)
        return pb.ListWebhooksResponse(
            webhooks=[stored.webhook for stored in page], next_page_token=encode_token(request, position)
        )

    async def update(self, request: pb.UpdateWebhookRequest) -> pb.Webhook:
        """See `WebhookService.UpdateWebhook`."""
        given = request.webhook
        require("webhook.webhook_id", given.webhook_id)
        fields = written_fields(given, request.update_mask, _WRITABLE)
        for field in ("name", "url"):
            if field in fields:
                require(f"webhook.{field}", getattr(given, field))
        if "url" in fields:
            check_url(given.url, self._private_hosts)

        async def work(tx: Transaction) -> pb.Webhook:
            stored = await _existing(tx, given.webhook_id, lock=True)
            changed = pb.Webhook()
            changed.CopyFrom(stored.webhook)
            FieldMask(paths=fields).MergeMessage(
                given, changed, replace_message_field=True, replace_repeated_field=True
            )
            changed.state = changed.state or pb.Webhook.STATE_ACTIVE
            secret = given.secret if "secret" in fields else stored.secret
            await tx.webhooks.update(stored.row, changed, secret, self._clock())
            if changed.state == pb.Webhook.STATE_ACTIVE != stored.webhook.state:
                await tx.webhooks.progress(stored.row, Progress(await tx.registry_events.last()), 0)
            return (await _existing(tx, given.webhook_id)).webhook

        return await write_once(self._storage, self._clock, request, pb.Webhook, work)

    async def delete(self, request: pb.DeleteWebhookRequest) -> pb.DeleteWebhookResponse:
        """See `WebhookService.DeleteWebhook`."""

        async def work(tx: Transaction) -> pb.DeleteWebhookResponse:
            await tx.webhooks.delete((await _existing(tx, request.webhook_id, lock=True)).row)
            return pb.DeleteWebhookResponse()

        return await write_once(self._storage, self._clock, request, pb.DeleteWebhookResponse, work)

    async def test(self, webhook_id: str) -> pb.WebhookDelivery:
        """See `WebhookService.TestWebhook`."""
        stored = await self._stored(webhook_id)
        event = pb.RegistryEvent(kind=pb.RegistryEvent.KIND_MODEL_CREATED, name=stored.webhook.model_name or "test")
        began = self._clock()
        event.time.FromMicroseconds(began)
        message_id = f"test_{secrets.token_hex(8)}"
        answer = await self._client.send(stored.webhook.url, stored.secret, message_id, body_of(event))
        return delivery_of(event, answer, attempt=1, began_us=began)

    async def deliveries(self, request: pb.ListWebhookDeliveriesRequest) -> pb.ListWebhookDeliveriesResponse:
        """See `WebhookService.ListWebhookDeliveries`."""
        limit = page_limit(request.page_size, 100, 1000)
        after = decode_token(request, request.page_token)
        stored = await self._stored(request.webhook_id)
        before = None if after is None else int(after[0])
        found = await self._storage.scan(lambda tx: tx.webhooks.deliveries(stored.row, limit + 1, before))
        page, position = cut(found, limit, lambda attempt: attempt[0])
        return pb.ListWebhookDeliveriesResponse(
            deliveries=[delivery for _, delivery in page], next_page_token=encode_token(request, position)
        )

    async def sweep(self) -> int:
        """Drops records of attempts that are kept no longer, and returns their number."""
        return await self._storage.write(lambda tx: tx.webhooks.sweep(self._clock() - _KEPT_US))

    async def _stored(self, webhook_id: str) -> StoredWebhook:
        return await self._storage.read(lambda tx: _existing(tx, webhook_id))


async def _existing(tx: Transaction, webhook_id: str, *, lock: bool = False) -> StoredWebhook:
    found = await tx.webhooks.get(webhook_id, lock=lock)
    if found is None:
        raise NotFound(
            f"No webhook has the id {quote(webhook_id)}. List the webhooks to find the right one.",
            reason=pb.ERROR_REASON_WEBHOOK_NOT_FOUND,
            metadata={"webhookId": webhook_id},
        )
    return found
