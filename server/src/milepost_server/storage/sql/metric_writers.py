"""How far the writers of metric streams have come, and which of their batches were refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, select

from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.schema import metric_rejection, metric_writer
from milepost_server.storage.sql.statements import Connection, Statement, Upsert

_this_writer = (
    metric_writer.c.run_id == bindparam("run"),
    metric_writer.c.writer_id == bindparam("writer"),
)
_SEQUENCE = Statement(select(metric_writer.c.sequence).where(*_this_writer))
_ADVANCE = Upsert(
    metric_writer,
    ["run_id", "writer_id", "sequence", "update_us"],
    ["run_id", "writer_id"],
    ["sequence", "update_us"],
)
_refused = (
    metric_rejection.c.run_id == bindparam("run"),
    metric_rejection.c.writer_id == bindparam("writer"),
)
_REJECT = Upsert(
    metric_rejection,
    ["run_id", "writer_id", "sequence", "error"],
    ["run_id", "writer_id", "sequence"],
)
_REJECTIONS = Statement(
    select(metric_rejection.c.sequence, metric_rejection.c.error)
    .where(*_refused, metric_rejection.c.sequence > bindparam("after"))
    .order_by(metric_rejection.c.sequence)
)
_FORGET = Statement(delete(metric_rejection).where(*_refused, metric_rejection.c.sequence <= bindparam("told")))


class MetricWriterRows:
    """See `storage.metric_writes.MetricWriters`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def sequence(self, key: RunKey, writer_id: str) -> int:
        rows = await self._connection.fetch(_SEQUENCE, run=key.row, writer=writer_id)
        return rows[0][0] if rows else 0

    async def advance(self, key: RunKey, writer_id: str, sequence: int, now_us: int) -> None:
        await self._connection.execute(
            _ADVANCE.on(self._connection), run_id=key.row, writer_id=writer_id, sequence=sequence, update_us=now_us
        )

    async def reject(self, key: RunKey, writer_id: str, errors: Mapping[int, bytes]) -> None:
        rows = [
            {"run_id": key.row, "writer_id": writer_id, "sequence": sequence, "error": error}
            for sequence, error in errors.items()
        ]
        await self._connection.execute_many(_REJECT.on(self._connection), rows)

    async def rejections(self, key: RunKey, writer_id: str, after: int) -> Sequence[tuple[int, bytes]]:
        rows = await self._connection.fetch(_REJECTIONS, run=key.row, writer=writer_id, after=after)
        return [(sequence, bytes(error)) for sequence, error in rows]

    async def forget_rejections(self, key: RunKey, writer_id: str, told: int) -> None:
        await self._connection.execute(_FORGET, run=key.row, writer=writer_id, told=told)
