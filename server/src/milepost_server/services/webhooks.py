"""Rules of webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask

from milepost import v1 as pb
from milepost_server.errors import NotFound, invalid_field, quote
from milepost_server.services.clock import Clock
from milepost_server.services.masks import require, written_fields
from milepost_server.services.pages import cut, decode_token, encode_token, page_limit
from milepost_server.services.replays import write_once
from milepost_server.services.webhook_messages import made_up_message
from milepost_server.services.webhook_requests import WebhookClient, check_url, delivery_of
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.webhooks import Progress, StoredWebhook

_WRITABLE = ("name", "description", "url", "kinds", "model_name", "secret", "state", "format", "mlflow_events")
# Fewest characters of a secret in the form of Standard Webhooks.
_SHORTEST_SECRET = 16
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
        given.format = given.format or pb.Webhook.FORMAT_STANDARD
        _check_form(given, given.secret)

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
            changed.format = changed.format or pb.Webhook.FORMAT_STANDARD
            secret = given.secret if "secret" in fields else stored.secret
            _check_form(changed, secret)
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

    async def test(self, request: pb.TestWebhookRequest) -> pb.WebhookDelivery:
        """See `WebhookService.TestWebhook`."""
        stored = await self._stored(request.webhook_id)
        event = pb.RegistryEvent(kind=pb.RegistryEvent.KIND_MODEL_CREATED, name=stored.webhook.model_name or "test")
        began = self._clock()
        event.time.FromMicroseconds(began)
        message = made_up_message(stored.webhook, event, f"test_{secrets.token_hex(8)}", request.mlflow_event)
        answer = await self._client.send(stored.webhook.url, stored.secret, message)
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


def _check_form(webhook: pb.Webhook, secret: str) -> None:
    """Refuses what does not go with the form of a webhook's requests."""
    if webhook.format == pb.Webhook.FORMAT_MLFLOW:
        return
    if 0 < len(secret) < _SHORTEST_SECRET:
        raise invalid_field(
            "webhook.secret", f"has {len(secret)} characters, and needs {_SHORTEST_SECRET}; choose a longer one"
        )
    if webhook.mlflow_events:
        raise invalid_field("webhook.mlflow_events", "goes with FORMAT_MLFLOW only; use kinds, or that format")


async def _existing(tx: Transaction, webhook_id: str, *, lock: bool = False) -> StoredWebhook:
    found = await tx.webhooks.get(webhook_id, lock=lock)
    if found is None:
        raise webhook_not_found(webhook_id)
    return found


def webhook_not_found(webhook_id: str) -> NotFound:
    """No webhook has this id."""
    return NotFound(
        f"No webhook has the id {quote(webhook_id)}. List the webhooks to find the right one.",
        reason=pb.ERROR_REASON_WEBHOOK_NOT_FOUND,
        metadata={"webhookId": webhook_id},
    )
