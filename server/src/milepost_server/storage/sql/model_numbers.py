"""The greatest number that a version ever had, by name of the registered model. It outlives the model."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from milepost_server.storage.sql.model_schema import model_number
from milepost_server.storage.sql.statements import Connection, Statement, Upsert

_LAST = Statement(select(model_number.c.last).where(model_number.c.name == bindparam("name")))
_SET = Upsert(model_number, ["name", "last"], ["name"], ["last"])


async def next_number(connection: Connection, name: str) -> int:
    """The number of the next version of a model, which must be locked. Never given again."""
    number = await last_number(connection, name) + 1
    await connection.execute(_SET.on(connection), name=name, last=number)
    return number


async def inherit_last_number(connection: Connection, name: str, new_name: str) -> None:
    """Notes that a model, which must be locked, gets another name: its versions keep their numbers."""
    await raise_last_number(connection, new_name, await last_number(connection, name))


async def raise_last_number(connection: Connection, name: str, number: int) -> None:
    """Has later versions of a model, which must be locked, get numbers greater than one."""
    if number > await last_number(connection, name):
        await connection.execute(_SET.on(connection), name=name, last=number)


async def last_number(connection: Connection, name: str) -> int:
    """The greatest number so far; 0 for none."""
    rows = await connection.fetch(_LAST, name=name)
    return int(rows[0][0]) if rows else 0
