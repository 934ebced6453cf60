"""What services may ask of a database about webhooks. See `storage.base`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from milepost import v1 as pb


@dataclass(frozen=True)
class StoredWebhook:
    """A webhook and how far its deliveries have come.

    Args:
        row: Its number in the database.
        webhook: As clients see it, without its secret.
        secret: The key that requests are signed with; empty for none.
        first_try_us: When the next event was tried first; None before that.
    """

    row: int
    webhook: pb.Webhook
    secret: str
    first_try_us: int | None


@dataclass(frozen=True)
class Progress:
    """How far the deliveries of a webhook have come.

    Args:
        sequence: Number of the last event that is done with.
        attempts: How often the next one was tried.
        first_try_us: When it was tried first.
        retry_us: When it is to be tried again; None for at once.
    """

    sequence: int
    attempts: int = 0
    first_try_us: int | None = None
    retry_us: int | None = None


class Webhooks(Protocol):
    """Webhooks and their deliveries."""

    async def create(self, webhook: pb.Webhook, sequence: int, now_us: int) -> None:
        """Stores a new webhook with its id and secret, for the events behind a number."""

    async def get(self, webhook_id: str, *, lock: bool = False) -> StoredWebhook | None:
        """The webhook; with `lock`, kept from changing until the transaction ends."""

    async def list(self, limit: int, after: int) -> Sequence[StoredWebhook]:
        """Webhooks behind a row number, in its order."""

    async def update(self, row: int, webhook: pb.Webhook, secret: str, now_us: int) -> None:
        """Changes what a client sets."""

    async def delete(self, row: int) -> None:
        """Removes a webhook with the records of its deliveries."""

    async def due(self, last: int, now_us: int, limit: int) -> Sequence[StoredWebhook]:
        """Active webhooks that are not done with the event of that number, wait for nothing and belong to no server."""

    async def next_retry(self, now_us: int) -> int | None:
        """When the next webhook becomes due by time alone; None when none does."""

    async def lease(self, row: int, now_us: int, until_us: int) -> bool:
        """Takes a webhook for this server until a time, unless another has it."""

    async def progress(self, row: int, progress: Progress, lease_us: int) -> None:
        """Writes how far the deliveries are, and until when this server has the webhook (0: no longer)."""

    async def record(self, row: int, delivery: pb.WebhookDelivery, now_us: int) -> None:
        """Records an attempt."""

    async def deliveries(self, row: int, limit: int, before: int | None) -> Sequence[tuple[int, pb.WebhookDelivery]]:
        """Attempts with their numbers, latest first, before a number (None: all)."""

    async def sweep(self, before_us: int) -> int:
        """Drops records of attempts before a time and returns their number."""
