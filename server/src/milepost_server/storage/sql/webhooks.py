"""Rows of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from milepost import v1 as pb
from milepost_server.storage.sql.model_schema import webhook, webhook_delivery
from milepost_server.storage.sql.statements import Connection, Row, Statement
from milepost_server.storage.sql.values import timestamp
from milepost_server.storage.webhooks import Progress, StoredWebhook

_COLUMNS = ("webhook_id", "definition", "secret", "state", "create_us", "update_us", "sequence", "attempts")
_columns = (webhook.c.id, *(webhook.c[name] for name in _COLUMNS), webhook.c.first_try_us, webhook.c.retry_us)
_this = webhook.c.id == bindparam("row")
_found = select(*_columns).where(webhook.c.webhook_id == bindparam("webhook_id"))
_GET = Statement(_found)
_LOCK = Statement(_found.with_for_update())
_LIST = Statement(
    select(*_columns).where(webhook.c.id > bindparam("after")).order_by(webhook.c.id).limit(bindparam("limit"))
)
_CREATE = Statement(
    insert(webhook).values({name: bindparam(name) for name in (*_COLUMNS, "first_try_us", "retry_us", "lease_us")})
)
_UPDATE = Statement(
    update(webhook)
    .where(_this)
    .values({name: bindparam(name) for name in ("definition", "secret", "state", "update_us")})
)
_DELETE = Statement(delete(webhook).where(_this))
_free = webhook.c.lease_us <= bindparam("now")
_DUE = Statement(
    select(*_columns)
    .where(
        webhook.c.state == pb.Webhook.STATE_ACTIVE,
        webhook.c.sequence < bindparam("last"),
        or_(webhook.c.retry_us.is_(None), webhook.c.retry_us <= bindparam("now")),
        _free,
    )
    .order_by(webhook.c.id)
    .limit(bindparam("limit"))
)
_NEXT_RETRY = Statement(
    select(func.min(webhook.c.retry_us)).where(
        webhook.c.state == pb.Webhook.STATE_ACTIVE, webhook.c.retry_us > bindparam("now")
    )
)
_LEASE = Statement(update(webhook).where(_this, _free).values(lease_us=bindparam("until")))
_PROGRESS = Statement(
    update(webhook)
    # A webhook that was switched on again meanwhile has gone past what is being sent.
    .where(_this, webhook.c.sequence <= bindparam("sequence"))
    .values({name: bindparam(name) for name in ("sequence", "attempts", "first_try_us", "retry_us", "lease_us")})
)
_RECORD = Statement(
    insert(webhook_delivery).values({name: bindparam(name) for name in ("webhook_id", "time_us", "delivery")})
)
_DELIVERIES = Statement(
    select(webhook_delivery.c.id, webhook_delivery.c.delivery)
    .where(webhook_delivery.c.webhook_id == bindparam("row"), webhook_delivery.c.id < bindparam("before"))
    .order_by(webhook_delivery.c.id.desc())
    .limit(bindparam("limit"))
)
_SWEEP = Statement(delete(webhook_delivery).where(webhook_delivery.c.time_us < bindparam("before")))

_NO_END = 2**63 - 1


class WebhookRows:
    """See `storage.webhooks.Webhooks`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, webhook: pb.Webhook, sequence: int, now_us: int) -> None:
        await self._connection.execute(
            _CREATE,
            webhook_id=webhook.webhook_id,
            definition=_definition(webhook),
            secret=webhook.secret,
            state=webhook.state,
            create_us=now_us,
            update_us=now_us,
            sequence=sequence,
            attempts=0,
            first_try_us=None,
            retry_us=None,
            lease_us=0,
        )

    async def get(self, webhook_id: str, *, lock: bool = False) -> StoredWebhook | None:
        rows = await self._connection.fetch(_LOCK if lock else _GET, webhook_id=webhook_id)
        return _stored(rows[0]) if rows else None

    async def list(self, limit: int, after: int) -> Sequence[StoredWebhook]:
        return [_stored(row) for row in await self._connection.fetch(_LIST, limit=limit, after=after)]

    async def update(self, row: int, webhook: pb.Webhook, secret: str, now_us: int) -> None:
        await self._connection.execute(
            _UPDATE, row=row, definition=_definition(webhook), secret=secret, state=webhook.state, update_us=now_us
        )

    async def delete(self, row: int) -> None:
        await self._connection.execute(_DELETE, row=row)

    async def due(self, last: int, now_us: int, limit: int) -> Sequence[StoredWebhook]:
        return [_stored(row) for row in await self._connection.fetch(_DUE, last=last, now=now_us, limit=limit)]

    async def next_retry(self, now_us: int) -> int | None:
        rows = await self._connection.fetch(_NEXT_RETRY, now=now_us)
        found: int | None = rows[0][0]
        return found

    async def lease(self, row: int, now_us: int, until_us: int) -> bool:
        return await self._connection.execute(_LEASE, row=row, now=now_us, until=until_us) == 1

    async def progress(self, row: int, progress: Progress, lease_us: int) -> None:
        await self._connection.execute(
            _PROGRESS,
            row=row,
            sequence=progress.sequence,
            attempts=progress.attempts,
            first_try_us=progress.first_try_us,
            retry_us=progress.retry_us,
            lease_us=lease_us,
        )

    async def record(self, row: int, delivery: pb.WebhookDelivery, now_us: int) -> None:
        await self._connection.execute(_RECORD, webhook_id=row, time_us=now_us, delivery=delivery.SerializeToString())

    async def deliveries(self, row: int, limit: int, before: int | None) -> Sequence[tuple[int, pb.WebhookDelivery]]:
        rows = await self._connection.fetch(
            _DELIVERIES, row=row, limit=limit, before=_NO_END if before is None else before
        )
        return [(number, pb.WebhookDelivery.FromString(bytes(delivery))) for number, delivery in rows]

    async def sweep(self, before_us: int) -> int:
        return await self._connection.execute(_SWEEP, before=before_us)


def _definition(webhook: pb.Webhook) -> bytes:
    """What a client sets, except what has a column."""
    kept = pb.Webhook(
        name=webhook.name,
        description=webhook.description,
        url=webhook.url,
        kinds=webhook.kinds,
        model_name=webhook.model_name,
        format=webhook.format,
        mlflow_events=webhook.mlflow_events,
    )
    return kept.SerializeToString(deterministic=True)


def _stored(row: Row) -> StoredWebhook:
    number, webhook_id, definition, secret, state, create_us, update_us, sequence, attempts, first_try_us, retry_us = (
        row
    )
    found = pb.Webhook.FromString(bytes(definition))
    found.webhook_id = webhook_id
    found.state = state
    # Those stored before there were others.
    found.format = found.format or pb.Webhook.FORMAT_STANDARD
    found.create_time.CopyFrom(timestamp(create_us))
    found.update_time.CopyFrom(timestamp(update_us))
    found.sequence = sequence
    found.attempts = attempts
    if retry_us is not None:
        found.retry_time.CopyFrom(timestamp(retry_us))
    return StoredWebhook(number, found, secret, first_try_us)
