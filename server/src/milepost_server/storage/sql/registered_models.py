"""Rows of registered models, their tags and aliases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from milepost import v1 as pb
from milepost_server.storage.base import Page, Query
from milepost_server.storage.registry import ModelKey, VersionKey
from milepost_server.storage.sql.model_numbers import inherit_last_number
from milepost_server.storage.sql.model_schema import (
    model_alias,
    model_version,
    registered_model,
    registered_model_tag,
)
from milepost_server.storage.sql.model_tags import TagTable
from milepost_server.storage.sql.search import search_rows
from milepost_server.storage.sql.searchable import REGISTERED_MODEL
from milepost_server.storage.sql.statements import Connection, Row, Statement, Upsert, any_of, concatenated
from milepost_server.storage.sql.values import keep_fields, timestamp

_this = registered_model.c.id == bindparam("model")
_named = registered_model.c.name == bindparam("name")
_mine = model_version.c.model_id == registered_model.c.id

# One statement for a model with all below it.
_read = select(
    registered_model.c.id,
    registered_model.c.name,
    registered_model.c.description,
    registered_model.c.create_us,
    registered_model.c.update_us,
    registered_model.c.version,
    select(func.max(model_version.c.version)).where(_mine).scalar_subquery(),
    select(func.count()).select_from(model_version).where(_mine).scalar_subquery(),
    registered_model.c.protection,
    *(
        select(concatenated(table.c.entry)).where(table.c.model_id == registered_model.c.id).scalar_subquery()
        for table in (registered_model_tag, model_alias)
    ),
)
_GET = Statement(_read.where(_named))
_GET_MANY = Statement(_read.where(any_of(registered_model.c.id, "models")))
_EXISTS = Statement(select(registered_model.c.id).where(_named))
_LOCK = Statement(select(registered_model.c.id).where(_named).with_for_update())
_CREATE = Upsert(
    registered_model,
    ["name", "description", "protection", "create_us", "update_us", "version"],
    ["name"],
    returning=["id"],
)
_RENAME = Statement(
    update(registered_model)
    .where(_this)
    .values(name=bindparam("new_name"), update_us=bindparam("now"), version=registered_model.c.version + 1)
)
_RENAME_VERSIONS = Statement(
    update(model_version)
    .where(model_version.c.model_id == bindparam("model"))
    .values(name=bindparam("new_name"), update_us=bindparam("now"), edition=model_version.c.edition + 1)
)
_SET_TIMES = Statement(
    update(registered_model).where(_this).values(create_us=bindparam("created"), update_us=bindparam("updated"))
)
_DELETE = Statement(delete(registered_model).where(_this))
_SET_ALIAS = Upsert(
    model_alias,
    ["model_id", "alias", "version_id", "entry", "version_entry"],
    ["model_id", "alias"],
    ["version_id", "entry"],
)
_DELETE_ALIASES = Statement(
    delete(model_alias).where(model_alias.c.model_id == bindparam("model"), any_of(model_alias.c.alias, "aliases"))
)
_TAGS = TagTable(registered_model_tag, "model_id", pb.RegisteredModel)


def _resource(row: Row) -> pb.RegisteredModel:
    _, name, description, create_us, update_us, edition, latest, count, *entries = row
    message = pb.RegisteredModel(
        name=name,
        description=description,
        latest_version=latest or 0,
        version_count=count,
        create_time=timestamp(create_us),
        update_time=timestamp(update_us),
        etag=f"{edition:x}",
    )
    for entry in entries:
        if entry:
            message.MergeFromString(entry)
    return message


def _protection(model: pb.RegisteredModel) -> bytes:
    return pb.RegisteredModel(protected_aliases=model.protected_aliases).SerializeToString()


class RegisteredModelRows:
    """See `storage.registry.RegisteredModels`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, model: pb.RegisteredModel, now_us: int) -> ModelKey | None:
        created = await self._connection.fetch(
            _CREATE.on(self._connection),
            name=model.name,
            description=model.description,
            protection=_protection(model),
            create_us=now_us,
            update_us=now_us,
            version=1,
        )
        if not created:
            return None
        key = ModelKey(created[0][0], model.name)
        await self.set_tags(key, model.tags)
        return key

    async def get(self, name: str) -> pb.RegisteredModel | None:
        rows = await self._connection.fetch(_GET, name=name)
        return _resource(rows[0]) if rows else None

    async def exists(self, name: str) -> bool:
        return bool(await self._connection.fetch(_EXISTS, name=name))

    async def lock(self, name: str) -> ModelKey | None:
        rows = await self._connection.fetch(_LOCK, name=name)
        return ModelKey(rows[0][0], name) if rows else None

    async def list(self, query: Query) -> Page[pb.RegisteredModel]:
        numbers, last = await search_rows(self._connection, query, REGISTERED_MODEL, whole=True)
        if not numbers:
            return Page([], None)
        rows = await self._connection.fetch(_GET_MANY, models=self._connection.array(numbers))
        found = {row[0]: _resource(row) for row in rows}
        keep_fields(found.values(), query.fields)
        return Page([found[number] for number in numbers], last)

    async def update(self, key: ModelKey, model: pb.RegisteredModel, fields: Collection[str], now_us: int) -> None:
        values: dict[str, Any] = {}
        if "description" in fields:
            values["description"] = model.description
        if "protected_aliases" in fields:
            values["protection"] = _protection(model)
        await self._connection.execute(_update(frozenset(values)), model=key.row, now=now_us, **values)

    async def set_times(self, key: ModelKey, create_us: int, update_us: int) -> None:
        await self._connection.execute(_SET_TIMES, model=key.row, created=create_us, updated=update_us)

    async def rename(self, key: ModelKey, name: str, now_us: int) -> bool:
        if await self.exists(name):
            return False
        await inherit_last_number(self._connection, key.name, name)
        changed = {"model": key.row, "new_name": name, "now": now_us}
        await self._connection.execute(_RENAME, **changed)
        await self._connection.execute(_RENAME_VERSIONS, **changed)
        return True

    async def delete(self, key: ModelKey) -> None:
        await self._connection.execute(_DELETE, model=key.row)

    async def set_tags(self, key: ModelKey, tags: Mapping[str, str]) -> None:
        await _TAGS.set(self._connection, key.row, tags)

    async def delete_tags(self, key: ModelKey, keys: Collection[str]) -> None:
        await _TAGS.delete(self._connection, key.row, keys)

    async def set_alias(self, key: ModelKey, alias: str, version: VersionKey) -> None:
        await self._connection.execute(
            _SET_ALIAS.on(self._connection),
            model_id=key.row,
            alias=alias,
            version_id=version.row,
            entry=pb.RegisteredModel(aliases={alias: version.version}).SerializeToString(),
            version_entry=pb.ModelVersion(aliases=[alias]).SerializeToString(),
        )

    async def delete_aliases(self, key: ModelKey, aliases: Collection[str]) -> None:
        if aliases:
            names = self._connection.array(list(aliases))
            await self._connection.execute(_DELETE_ALIASES, model=key.row, aliases=names)


@cache
def _update(columns: frozenset[str]) -> Statement:
    """Writes columns, and that the model changed."""
    values: dict[str, Any] = {column: bindparam(column) for column in columns}
    changed = update(registered_model).where(_this)
    return Statement(changed.values(update_us=bindparam("now"), version=registered_model.c.version + 1, **values))
