"""Rows of answers kept for repeated requests."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from milepost_server.storage.base import Replay
from milepost_server.storage.sql.schema import replay
from milepost_server.storage.sql.statements import Connection, Statement, Upsert

_this = (replay.c.method == bindparam("method_")) & (replay.c.request_id == bindparam("request_id_"))

_RESERVE = Upsert(
    replay,
    ["method", "request_id", "request_hash", "response", "create_us"],
    ["method", "request_id"],
    returning=["method"],
)
_FIND = Statement(select(replay.c.request_hash, replay.c.response).where(_this))
_STORE = Statement(
    update(replay)
    .where(_this)
    .values(request_hash=bindparam("request_hash"), response=bindparam("response"), create_us=bindparam("create_us"))
)
_SWEEP = Statement(delete(replay).where(replay.c.create_us < bindparam("before_us")))


class ReplayRows:
    """See `storage.base.Replays`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, method: str, request_id: str) -> Replay | None:
        # An empty row is inserted first: a concurrent repeat waits for it, and goes with this transaction if it fails.
        reserved = await self._connection.fetch(
            _RESERVE.on(self._connection),
            method=method,
            request_id=request_id,
            request_hash=b"",
            response=b"",
            create_us=0,
        )
        if reserved:
            return None
        rows = await self._connection.fetch(_FIND, method_=method, request_id_=request_id)
        return Replay(*rows[0])

    async def store(self, method: str, request_id: str, replay: Replay, now_us: int) -> None:
        await self._connection.execute(
            _STORE,
            method_=method,
            request_id_=request_id,
            request_hash=replay.request_hash,
            response=replay.response,
            create_us=now_us,
        )

    async def sweep(self, before_us: int) -> int:
        return await self._connection.execute(_SWEEP, before_us=before_us)
