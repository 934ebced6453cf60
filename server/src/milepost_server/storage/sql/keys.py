"""Interned keys of params, tags and metrics."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select

from milepost_server.storage.sql.schema import attribute_key
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of

_FIND = Statement(select(attribute_key.c.name, attribute_key.c.id).where(any_of(attribute_key.c.name, "names")))
_ADD = Upsert(attribute_key, ["name"], ["name"])
_FIND_ONE = Statement(select(attribute_key.c.name, attribute_key.c.id).where(attribute_key.c.name == bindparam("name")))


async def intern_keys(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The numbers of keys, which are given one when they have none."""
    known = await find_keys(connection, names)
    missing = sorted(set(names) - known.keys())
    if not missing:
        return known
    # In one order for all transactions, so that two of them never wait for each other.
    await connection.execute_many(_ADD.on(connection), [{"name": name} for name in missing])
    return known | await find_keys(connection, missing)


async def find_keys(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The numbers of the keys that have one."""
    if len(names) == 1:
        return dict(await connection.fetch(_FIND_ONE, name=next(iter(names))))
    return dict(await connection.fetch(_FIND, names=connection.array(list(names))))
