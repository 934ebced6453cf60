"""Rows of the tags of registered models and of their versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Table, bindparam, delete

from milepost import v1 as pb
from milepost_server.storage.sql.statements import Connection, Statement, Upsert, any_of
from milepost_server.storage.sql.values import head


class TagTable:
    """The tags of one kind of resource.

    Args:
        table: Their rows.
        number: Name of the column with the number of the resource's row.
        resource: The message.
    """

    def __init__(self, table: Table, number: str, resource: type[pb.RegisteredModel] | type[pb.ModelVersion]) -> None:
        self._number = number
        self._resource = resource
        columns = [column.name for column in table.columns]
        self._set = Upsert(table, columns, [number, "key"], ["value", "head", "entry"])
        self._delete = Statement(delete(table).where(table.c[number] == bindparam("row"), any_of(table.c.key, "keys")))

    async def set(self, connection: Connection, row: int, tags: Mapping[str, str]) -> None:
        """Adds or changes tags of the resource in a row."""
        rows = [
            {
                self._number: row,
                "key": key,
                "value": value,
                "head": head(value),
                "entry": self._resource(tags={key: value}).SerializeToString(),
            }
            for key, value in tags.items()
        ]
        if rows:
            await connection.execute_many(self._set.on(connection), rows)

    async def delete(self, connection: Connection, row: int, keys: Collection[str]) -> None:
        """Removes tags of the resource in a row."""
        if keys:
            await connection.execute(self._delete, row=row, keys=connection.array(list(keys)))
