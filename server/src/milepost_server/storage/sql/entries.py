"""Params and tags below an entity, in tables of interned keys whose `entry` is a message with this one alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Table, bindparam, delete, select

from milepost import v1 as pb
from milepost_server.storage.sql.keys import find_keys, intern_keys
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of
from milepost_server.storage.sql.values import head, param_columns

Place = Mapping[str, int]
"""Values of the columns by which a row belongs to its entity, the entity's number among them."""


class ParamEntries:
    """Params of one kind of entity.

    Args:
        table: Their rows.
        owner: Name of the column that has the entity's number.
        message: Class of the entity's message.
    """

    def __init__(self, table: Table, owner: str, message: type[pb.Run | pb.LoggedModel]) -> None:
        self._owner = owner
        self._message = message
        self._add = Upsert(table, [column.name for column in table.columns], [owner, "key_id"])
        self._stored = Statement(
            select(table.c.key_id, table.c.entry).where(
                table.c[owner] == bindparam("owner"), any_of(table.c.key_id, "keys")
            )
        )

    def rows(
        self, place: Place, key_ids: Mapping[str, int], params: Mapping[str, pb.ParamValue]
    ) -> list[dict[str, Any]]:
        """Rows of params of one entity, in their order."""
        return [
            {
                **place,
                "key_id": key_ids[key],
                "entry": self._message(params={key: value}).SerializeToString(),
                **param_columns(value),
            }
            for key, value in params.items()
        ]

    async def log(
        self, connection: Connection, place: Place, params: Mapping[str, pb.ParamValue]
    ) -> dict[str, pb.ParamValue]:
        """Writes params that are new. Returns those that are stored already with another value, as stored."""
        if not params:
            return {}
        key_ids = await intern_keys(connection, params.keys())
        rows = self.rows(place, key_ids, params)
        entries = {key: row["entry"] for key, row in zip(params, rows, strict=True)}
        await connection.execute_many(self._add.on(connection), rows)
        wanted = connection.array(list(key_ids.values()))
        stored: dict[int, bytes] = dict(await connection.fetch(self._stored, owner=place[self._owner], keys=wanted))
        conflicts = {key: stored[key_id] for key, key_id in key_ids.items() if stored[key_id] != entries[key]}
        return {key: self._message.FromString(entry).params[key] for key, entry in conflicts.items()}


class TagEntries:
    """Tags of one kind of entity. Arguments as of `ParamEntries`."""

    def __init__(self, table: Table, owner: str, message: type[pb.Run | pb.LoggedModel]) -> None:
        self._owner = owner
        self._message = message
        self._set = Upsert(
            table, [column.name for column in table.columns], [owner, "key_id"], ["value", "head", "entry"]
        )
        these = (table.c[owner] == bindparam("owner"), any_of(table.c.key_id, "keys"))
        self._find = Statement(select(table.c.key_id).where(*these))
        self._delete = Statement(delete(table).where(*these))

    def rows(self, place: Place, key_ids: Mapping[str, int], tags: Mapping[str, str]) -> list[dict[str, Any]]:
        """Rows of tags of one entity."""
        return [
            {
                **place,
                "key_id": key_ids[key],
                "value": value,
                "head": head(value),
                "entry": self._message(tags={key: value}).SerializeToString(),
            }
            for key, value in tags.items()
        ]

    async def write(self, connection: Connection, place: Place, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""
        if tags:
            key_ids = await intern_keys(connection, tags.keys())
            await connection.execute_many(self._set.on(connection), self.rows(place, key_ids, tags))

    async def delete(self, connection: Connection, place: Place, keys: Collection[str]) -> set[str]:
        """Removes tags and returns the keys that were there."""
        key_ids = await find_keys(connection, keys)
        these = {"owner": place[self._owner], "keys": connection.array(list(key_ids.values()))}
        found = {row[0] for row in await connection.fetch(self._find, **these)}
        await connection.execute(self._delete, **these)
        return {name for name, key_id in key_ids.items() if key_id in found}
