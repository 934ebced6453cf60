"""Rows of the events of the registry."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update

from milepost import v1 as pb
from milepost_server.storage.sql.changes import Changes
from milepost_server.storage.sql.model_schema import registered_model, registry_clock, registry_event
from milepost_server.storage.sql.statements import Connection, Row, Statement

_LOCK_CLOCK = Statement(select(registry_clock.c.sequence).with_for_update())
_SET_CLOCK = Statement(update(registry_clock).values(sequence=bindparam("last")))
_LAST = Statement(select(registry_clock.c.sequence))
_APPEND = Statement(
    insert(registry_event).values({name: bindparam(name) for name in ("sequence", "model_id", "name", "kind", "event")})
)
_AFTER = Statement(
    select(registry_event.c.event)
    .where(registry_event.c.sequence > bindparam("sequence"))
    .order_by(registry_event.c.sequence)
    .limit(bindparam("limit"))
)
_newest = (
    select(registry_event.c.event)
    .where(registry_event.c.sequence < bindparam("before"))
    .order_by(registry_event.c.sequence.desc())
    .limit(bindparam("limit"))
)
_NEWEST = Statement(_newest)
_NEWEST_OF_MODEL = Statement(_newest.where(registry_event.c.model_id == bindparam("model")))
_NEWEST_OF_NAME = Statement(_newest.where(registry_event.c.name == bindparam("name")))
_MODEL = Statement(select(registered_model.c.id).where(registered_model.c.name == bindparam("name")))

_NO_END = 2**63 - 1


class RegistryEventRows:
    """See `storage.registry_events.RegistryEvents`."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    async def append(self, model: int, events: Sequence[pb.RegistryEvent]) -> None:
        if not events:
            return
        ((last,),) = await self._connection.fetch(_LOCK_CLOCK)
        for event in events:
            last += 1
            event.sequence = last
        rows = [
            {
                "sequence": event.sequence,
                "model_id": model,
                "name": event.name,
                "kind": event.kind,
                "event": event.SerializeToString(deterministic=True),
            }
            for event in events
        ]
        await self._connection.execute_many(_APPEND, rows)
        await self._connection.execute(_SET_CLOCK, last=last)
        self._changes.note_registry()

    async def last(self) -> int:
        rows = await self._connection.fetch(_LAST)
        last: int = rows[0][0]
        return last

    async def after(self, sequence: int, limit: int) -> list[pb.RegistryEvent]:
        return _events(await self._connection.fetch(_AFTER, sequence=sequence, limit=limit))

    async def newest(self, name: str, limit: int, before: int | None) -> list[pb.RegistryEvent]:
        page = {"limit": limit, "before": _NO_END if before is None else before}
        if not name:
            return _events(await self._connection.fetch(_NEWEST, **page))
        model = await self._connection.fetch(_MODEL, name=name)
        if model:
            return _events(await self._connection.fetch(_NEWEST_OF_MODEL, model=model[0][0], **page))
        return _events(await self._connection.fetch(_NEWEST_OF_NAME, name=name, **page))


def _events(rows: Sequence[Row]) -> list[pb.RegistryEvent]:
    return [pb.RegistryEvent.FromString(bytes(row[0])) for row in rows]
