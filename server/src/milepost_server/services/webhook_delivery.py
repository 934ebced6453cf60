"""Sends events of the registry to webhooks: in order, at least once, until each is answered or given up.

The events themselves are the outbox: a webhook remembers the number of the last one that is done with, and that is
written after each. Of several servers on one database, the one that holds a webhook's lease sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from milepost import v1 as pb
from milepost_server.services.changes import ChangeFeed, Subscription
from milepost_server.services.clock import Clock
from milepost_server.services.webhook_messages import message_for
from milepost_server.services.webhook_requests import Answer, Message, WebhookClient, delivery_of
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.webhooks import Progress, StoredWebhook

_log = logging.getLogger(__name__)

_SECOND_US = 1_000_000
_FIRST_DELAY_US = _SECOND_US
_LONGEST_DELAY_US = 3600 * _SECOND_US
_GIVE_UP_US = 24 * 3600 * _SECOND_US
# Longer than a request may take; written anew with each event.
_LEASE_US = 60 * _SECOND_US
_WEBHOOKS_AT_ONCE = 16
_EVENTS_AT_ONCE = 100
# Leases of servers that died end by time alone.
_LOOK_EVERY_S = 30.0


class WebhookSender:
    """Sends events, from `run` until that is cancelled.

    Args:
        storage: The database.
        feed: Says when something happened.
        clock: The time.
        client: Sends requests.
    """

    def __init__(self, storage: Storage, feed: ChangeFeed, clock: Clock, client: WebhookClient) -> None:
        self._storage = storage
        self._feed = feed
        self._clock = clock
        self._client = client

    async def run(self) -> None:
        """Sends what is due, now and whenever something is."""
        with self._feed.subscribe(registry=True, own=True) as subscription:
            while True:
                wait_s = _LOOK_EVERY_S
                try:
                    if await self._send_due():
                        continue
                    wait_s = await self._until_retry_s()
                except Exception:
                    _log.warning("webhooks cannot be looked at; it will be tried again", exc_info=True)
                if not await _woken(subscription, wait_s):
                    return

    async def _send_due(self) -> bool:
        """Sends to the webhooks that are due, and says whether there were any."""
        now = self._clock()

        async def take(tx: Transaction) -> list[StoredWebhook]:
            due = await tx.webhooks.due(await tx.registry_events.last(), now, _WEBHOOKS_AT_ONCE)
            return [stored for stored in due if await tx.webhooks.lease(stored.row, now, now + _LEASE_US)]

        if not await self._storage.scan(lambda tx: self._any_due(tx, now)):
            return False
        taken = await self._storage.write(take)
        await asyncio.gather(*(self._send_to(stored) for stored in taken))
        return bool(taken)

    async def _any_due(self, tx: Transaction, now: int) -> bool:
        return bool(await tx.webhooks.due(await tx.registry_events.last(), now, 1))

    async def _send_to(self, stored: StoredWebhook) -> None:
        """Sends some events to one webhook, and lets it go."""
        webhook = stored.webhook
        events = await self._storage.scan(lambda tx: tx.registry_events.after(webhook.sequence, _EVENTS_AT_ONCE))
        reached = Progress(webhook.sequence, webhook.attempts, stored.first_try_us)
        try:
            for event in events:
                message = await message_for(self._storage, webhook, event)
                if message is not None:
                    progress = await self._try(stored, event, message, reached)
                    if progress.sequence != event.sequence:
                        return
                reached = Progress(event.sequence)
        except asyncio.CancelledError:
            # The next server need not wait for the lease to end.
            await self._storage.write(lambda tx: tx.webhooks.progress(stored.row, reached, 0))
            raise
        await self._storage.write(lambda tx: tx.webhooks.progress(stored.row, reached, 0))

    async def _try(
        self, stored: StoredWebhook, event: pb.RegistryEvent, message: Message, reached: Progress
    ) -> Progress:
        """Sends one event once, and writes what came of it."""
        webhook = stored.webhook
        attempt = reached.attempts + 1
        began = self._clock()
        answer = await self._client.send(webhook.url, stored.secret, message)
        progress = _after(event.sequence, answer, attempt, reached.first_try_us or began, self._clock())
        delivery = delivery_of(event, answer, attempt=attempt, began_us=began)

        async def write(tx: Transaction) -> None:
            # The webhook may have been removed meanwhile.
            if await tx.webhooks.get(webhook.webhook_id, lock=True) is not None:
                await tx.webhooks.record(stored.row, delivery, began)
                lease = self._clock() + _LEASE_US if progress.sequence == event.sequence else 0
                await tx.webhooks.progress(stored.row, progress, lease)

        await self._storage.write(write)
        if answer.error and progress.sequence == event.sequence:
            _log.warning(
                "gave up an event of a webhook",
                extra={"webhook_id": webhook.webhook_id, "sequence": event.sequence, "cause": answer.error},
            )
        return progress

    async def _until_retry_s(self) -> float:
        now = self._clock()
        retry_us = await self._storage.scan(lambda tx: tx.webhooks.next_retry(now))
        return _LOOK_EVERY_S if retry_us is None else min((retry_us - now) / 1e6, _LOOK_EVERY_S)


def _after(sequence: int, answer: Answer, attempts: int, first_try_us: int, now_us: int) -> Progress:
    """How far a webhook is after an attempt to send it an event."""
    if not answer.error or now_us - first_try_us >= _GIVE_UP_US:
        return Progress(sequence)
    delay_us = min(_FIRST_DELAY_US << min(attempts - 1, 20), _LONGEST_DELAY_US)
    return Progress(sequence - 1, attempts, first_try_us, now_us + delay_us)


async def _woken(subscription: Subscription, timeout_s: float) -> bool:
    """Waits for something to happen or for the time; false when the server shuts down."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(timeout_s, 0.05)):
            return await subscription.next() is not None
    return True
