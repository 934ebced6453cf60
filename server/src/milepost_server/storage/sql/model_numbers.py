"""The greatest number that a version ever had, by name of the registered model. It outlives the model."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from milepost_server.storage.sql.model_schema import model_number
from milepost_server.storage.sql.statements import Connection, Statement, Upsert

_LAST = Statement(select(model_number.c.last).where(model_number.c.name == bindparam("name")))
_SET = Upsert(model_number, ["name", "last"], ["name"], ["last"])


async def next_number(connection: Connection, name: str) -> int:
    """The number of the next version of a model, which must be locked. Never given again."""
    number = await _last(connection, name) + 1
    await connection.execute(_SET.on(connection), name=name, last=number)
    return number


async def raise_last_number(connection: Connection, name: str, new_name: str) -> None:
    """Notes that a model, which must be locked, gets another name: its versions keep their numbers."""
    last, taken = await _last(connection, name), await _last(connection, new_name)
    if last > taken:
        await connection.execute(_SET.on(connection), name=new_name, last=last)


async def _last(connection: Connection, name: str) -> int:
    rows = await connection.fetch(_LAST, name=name)
    return int(rows[0][0]) if rows else 0
