"""Rows of versions of registered models, and their tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, insert, literal, select, update

from milepost import v1 as pb
from milepost_server.filters.ast import Attribute, Comparison, Expression
from milepost_server.storage.base import Page, Query
from milepost_server.storage.registry import ModelKey, VersionKey
from milepost_server.storage.sql import model_numbers
from milepost_server.storage.sql.model_schema import model_alias, model_version, model_version_tag, registered_model
from milepost_server.storage.sql.model_tags import TagTable
from milepost_server.storage.sql.search import search_rows
from milepost_server.storage.sql.searchable import MODEL_VERSION
from milepost_server.storage.sql.sources import terms_of
from milepost_server.storage.sql.statements import Connection, Row, Statement, any_of, concatenated
from milepost_server.storage.sql.values import keep_fields, timestamp

# Fields of the message that are columns of the same name.
_SAME = (
    "name",
    "version",
    "description",
    "stage",
    "status",
    "status_message",
    "run_id",
    "path",
    "source_uri",
    "sha256",
    "size",
    "user",
)
# Attributes that tell a few versions from all others, and have an index.
_TELLING = ("name", "run_id", "model_id")
_WRITABLE = ("description", "model_card", "status", "status_message")


def _reading(*, card: bool) -> Select[tuple[object, ...]]:
    """One statement for a version with all below it, its model card only if wanted: that may be a megabyte."""
    columns = model_version.c
    entries = (
        select(concatenated(table.c[name])).where(table.c.version_id == columns.id).scalar_subquery()
        for table, name in ((model_version_tag, "entry"), (model_alias, "version_entry"))
    )
    return select(
        columns.id,
        columns.logged_model_id,
        columns.model_card if card else literal(""),
        columns.create_us,
        columns.update_us,
        columns.edition,
        *(columns[name] for name in _SAME),
        columns.lineage,
        *entries,
    )


_numbered = (model_version.c.name == bindparam("name"), model_version.c.version == bindparam("version"))
_whole = _reading(card=True)
_GET = Statement(_whole.where(*_numbered))
_LATEST = Statement(
    _whole.where(model_version.c.name == bindparam("name")).order_by(model_version.c.version.desc()).limit(1)
)
# As subqueries, which leave databases no choice of where to begin: many models may have the alias.
_model = select(registered_model.c.id).where(registered_model.c.name == bindparam("name")).scalar_subquery()
_pointed = select(model_alias.c.version_id).where(
    model_alias.c.model_id == _model, model_alias.c.alias == bindparam("alias")
)
_BY_ALIAS = Statement(_whole.where(model_version.c.id == _pointed.scalar_subquery()))
_these = any_of(model_version.c.id, "versions")
_GET_MANY = {card: Statement(_reading(card=card).where(_these)) for card in (False, True)}
_newest = (
    select(model_version.c.model_id, func.max(model_version.c.version).label("version"))
    .where(any_of(model_version.c.name, "names"))
    .group_by(model_version.c.model_id, model_version.c.stage)
    .subquery()
)
_of_newest = and_(model_version.c.model_id == _newest.c.model_id, model_version.c.version == _newest.c.version)
_LATEST_OF_STAGES = Statement(_reading(card=False).join(_newest, _of_newest).order_by(model_version.c.version))
_key = select(model_version.c.id, model_version.c.version, model_version.c.stage).where(
    model_version.c.model_id == bindparam("model")
)
_KEY = Statement(_key.where(model_version.c.version == bindparam("version")))
_IN_STAGE = Statement(_key.where(model_version.c.stage == bindparam("stage")).order_by(model_version.c.version))
_CREATE = Statement(
    insert(model_version).values(
        {column.name: bindparam(column.name) for column in model_version.columns if column.name != "id"}
    )
)
_touched = {"update_us": bindparam("now"), "edition": model_version.c.edition + 1}
_SET_STAGE = Statement(update(model_version).where(_these).values(stage=bindparam("new_stage"), **_touched))
_DELETE = Statement(delete(model_version).where(model_version.c.id == bindparam("row")))
_TAGS = TagTable(model_version_tag, "version_id", pb.ModelVersion)


@cache
def _update(fields: frozenset[str]) -> Statement:
    values: dict[str, Any] = {field: bindparam(field) for field in fields}
    return Statement(update(model_version).where(model_version.c.id == bindparam("row")).values(**_touched, **values))


def _resource(row: Row) -> pb.ModelVersion:
    _, model_id, card, create_us, update_us, edition, *rest = row
    same, entries = rest[: len(_SAME)], rest[len(_SAME) :]
    message = pb.ModelVersion(
        model_id=model_id,
        model_card=card,
        create_time=timestamp(create_us),
        update_time=timestamp(update_us),
        etag=f"{edition:x}",
        **dict(zip(_SAME, same, strict=True)),
    )
    for entry in entries:
        if entry:
            message.MergeFromString(entry)
    if len(message.aliases) > 1:
        message.aliases.sort()
    return message


class ModelVersionRows:
    """See `storage.registry.ModelVersions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, model: ModelKey, version: pb.ModelVersion, now_us: int) -> int:
        number = await model_numbers.next_number(self._connection, model.name)
        await self._insert(model, number, version, now_us, now_us)
        return number

    async def create_numbered(
        self, model: ModelKey, version: pb.ModelVersion, create_us: int, update_us: int
    ) -> VersionKey:
        key = await self._insert(model, version.version, version, create_us, update_us)
        await self.raise_last_number(model, version.version)
        return key

    async def last_number(self, model: ModelKey) -> int:
        return await model_numbers.last_number(self._connection, model.name)

    async def raise_last_number(self, model: ModelKey, number: int) -> None:
        await model_numbers.raise_last_number(self._connection, model.name, number)

    async def _insert(
        self, model: ModelKey, number: int, version: pb.ModelVersion, create_us: int, update_us: int
    ) -> VersionKey:
        lineage = pb.ModelVersion(inputs=version.inputs)
        if version.HasField("copied_from"):
            lineage.copied_from.CopyFrom(version.copied_from)
        same = {name: getattr(version, name) for name in _SAME}
        await self._connection.execute(
            _CREATE,
            **{**same, "name": model.name, "version": number},
            model_id=model.row,
            model_card=version.model_card,
            logged_model_id=version.model_id,
            lineage=lineage.SerializeToString(),
            create_us=create_us,
            update_us=update_us,
            edition=1,
        )
        key = await self.key(model, number)
        assert key is not None
        await self.set_tags(key, version.tags)
        return key

    async def get(self, name: str, version: int) -> pb.ModelVersion | None:
        return _one(await self._connection.fetch(_GET, name=name, version=version))

    async def by_alias(self, name: str, alias: str) -> pb.ModelVersion | None:
        return _one(await self._connection.fetch(_BY_ALIAS, name=name, alias=alias))

    async def latest(self, name: str) -> pb.ModelVersion | None:
        return _one(await self._connection.fetch(_LATEST, name=name))

    async def latest_of_stages(self, names: Collection[str]) -> Sequence[pb.ModelVersion]:
        rows = await self._connection.fetch(_LATEST_OF_STAGES, names=self._connection.array(list(names)))
        return [_resource(row) for row in rows]

    async def key(self, model: ModelKey, version: int) -> VersionKey | None:
        rows = await self._connection.fetch(_KEY, model=model.row, version=version)
        return VersionKey(*rows[0]) if rows else None

    async def in_stage(self, model: ModelKey, stage: pb.ModelVersion.Stage.ValueType) -> Sequence[VersionKey]:
        return [VersionKey(*row) for row in await self._connection.fetch(_IN_STAGE, model=model.row, stage=stage)]

    async def list(self, query: Query) -> Page[pb.ModelVersion]:
        numbers, last = await search_rows(self._connection, query, MODEL_VERSION, whole=not _finds_few(query.filter))
        if not numbers:
            return Page([], None)
        card = query.fields is None or "model_card" in query.fields
        rows = await self._connection.fetch(_GET_MANY[card], versions=self._connection.array(numbers))
        found = {row[0]: _resource(row) for row in rows}
        keep_fields(found.values(), query.fields)
        return Page([found[number] for number in numbers], last)

    async def update(self, key: VersionKey, version: pb.ModelVersion, fields: Collection[str], now_us: int) -> None:
        values = {field: getattr(version, field) for field in fields if field in _WRITABLE}
        await self._connection.execute(_update(frozenset(values)), row=key.row, now=now_us, **values)

    async def set_stage(self, keys: Sequence[VersionKey], stage: pb.ModelVersion.Stage.ValueType, now_us: int) -> None:
        rows = self._connection.array([key.row for key in keys])
        await self._connection.execute(_SET_STAGE, versions=rows, new_stage=stage, now=now_us)

    async def delete(self, key: VersionKey) -> None:
        await self._connection.execute(_DELETE, row=key.row)

    async def set_tags(self, key: VersionKey, tags: Mapping[str, str]) -> None:
        await _TAGS.set(self._connection, key.row, tags)

    async def delete_tags(self, key: VersionKey, keys: Collection[str]) -> None:
        await _TAGS.delete(self._connection, key.row, keys)


def _finds_few(filter_: Expression | None) -> bool:
    """Whether a condition that must be true finds few versions by an index."""
    return any(
        isinstance(term, Comparison)
        and isinstance(term.operand, Attribute)
        and term.operator == "="
        and term.operand.name in _TELLING
        for term in terms_of(filter_)
    )


def _one(rows: Sequence[Row]) -> pb.ModelVersion | None:
    return _resource(rows[0]) if rows else None
