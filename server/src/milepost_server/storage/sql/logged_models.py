"""Rows of logged models."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, update

from milepost import v1 as pb
from milepost_server.storage.base import Page, Query, RunKey
from milepost_server.storage.logged_models import LoggedModelKey, StoredFile
from milepost_server.storage.sql.artifacts import below
from milepost_server.storage.sql.entries import ParamEntries, TagEntries
from milepost_server.storage.sql.logged_model_metrics import log_metrics
from milepost_server.storage.sql.model_schema import (
    logged_model,
    logged_model_metric,
    logged_model_param,
    logged_model_tag,
)
from milepost_server.storage.sql.schema import artifact, run
from milepost_server.storage.sql.search import in_view, search_rows
from milepost_server.storage.sql.searchable import LOGGED_MODEL
from milepost_server.storage.sql.statements import Connection, Row, Statement, Upsert, any_of, concatenated
from milepost_server.storage.sql.values import keep_fields, timestamp

_KINDS = {"params": logged_model_param, "tags": logged_model_tag, "metrics": logged_model_metric}
_DESCRIPTION = ("status_message", "flavors", "signature_json")
_PARAMS = ParamEntries(logged_model_param, "model_id", pb.LoggedModel)
_TAGS = TagEntries(logged_model_tag, "model_id", pb.LoggedModel)

_columns = logged_model.c
_COLUMNS = (
    _columns.id,
    _columns.model_id,
    _columns.run_key,
    _columns.experiment_id,
    _columns.name,
    _columns.status,
    _columns.model_type,
    _columns.sha256,
    _columns.size,
    _columns.create_us,
    _columns.update_us,
    _columns.delete_us,
)
_CREATE = Upsert(
    logged_model,
    [column.name for column in _columns if column.name not in ("id", "delete_us")],
    ["model_id"],
    returning=["id"],
)
_KEY = Statement(
    select(
        _columns.id, _columns.status, _columns.delete_us, run.c.id, run.c.run_id, run.c.experiment_id, run.c.delete_us
    )
    .join(run, run.c.id == _columns.run_id)
    .where(_columns.model_id == bindparam("model_id"))
)
_is_ready = _columns.status == int(pb.LoggedModel.STATUS_READY)
_of_run = _columns.run_id == bindparam("run")
_READY = Statement(select(_columns.id).where(_columns.model_id == bindparam("model_id"), _of_run, _is_ready))
_READY_OF_RUN = Statement(select(_columns.model_id).where(_of_run, _is_ready).limit(10))
_FILES = Statement(
    select(artifact.c.path, artifact.c.size, artifact.c.sha256)
    .where(
        artifact.c.run_id == bindparam("run"), artifact.c.path > bindparam("low"), artifact.c.path < bindparam("high")
    )
    .order_by(artifact.c.path)
)
_this = _columns.id == bindparam("row")
_FINALIZE = Statement(
    update(logged_model)
    .where(_this)
    .values({name: bindparam(name) for name in ("status", "description", "sha256", "size", "update_us")})
)
_TOUCH = Statement(update(logged_model).where(_this).values(update_us=bindparam("now")))
_SET_TIMES = Statement(
    update(logged_model).where(_this).values(create_us=bindparam("created"), update_us=bindparam("updated"))
)
_SET_DELETED = Statement(
    update(logged_model).where(_this).values(delete_us=bindparam("delete_us"), update_us=bindparam("now"))
)


@cache
def _reading(by: str, kinds: frozenset[str], described: bool) -> Statement:
    """Reads models with the wanted kinds of entries: one by `model_id`, or several by their `rows`."""
    which = {"model_id": _columns.model_id == bindparam("model_id"), "rows": any_of(_columns.id, "rows")}
    entries: list[ColumnElement[Any]] = [
        select(concatenated(table.c.entry)).where(table.c.model_id == _columns.id).scalar_subquery()
        for kind, table in _KINDS.items()
        if kind in kinds
    ]
    described_by = [_columns.description] if described else []
    return Statement(select(*_COLUMNS, *described_by, *entries).where(which[by]))


class LoggedModelRows:
    """See `storage.logged_models.LoggedModels`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, run_key: RunKey, model: pb.LoggedModel, now_us: int) -> bool:
        created = await self._connection.fetch(
            _CREATE.on(self._connection),
            model_id=model.model_id,
            run_id=run_key.row,
            run_key=run_key.run_id,
            experiment_id=run_key.experiment_id,
            name=model.name,
            status=pb.LoggedModel.STATUS_PENDING,
            model_type=model.model_type,
            description=_description(model),
            sha256="",
            size=0,
            create_us=now_us,
            update_us=now_us,
        )
        if not created:
            return False
        place = {"model_id": created[0][0]}
        await _PARAMS.log(self._connection, place, model.params)
        await _TAGS.write(self._connection, place, model.tags)
        return True

    async def get(self, model_id: str) -> pb.LoggedModel | None:
        models = await self._read("model_id", None, model_id=model_id)
        return next(iter(models.values()), None)

    async def key(self, model_id: str) -> LoggedModelKey | None:
        rows = await self._connection.fetch(_KEY, model_id=model_id)
        if not rows:
            return None
        number, status, delete_us, run_row, run_id, experiment_id, run_delete_us = rows[0]
        run_key = RunKey(run_row, run_id, experiment_id, deleted=run_delete_us is not None)
        return LoggedModelKey(number, model_id, run_key, status, deleted=delete_us is not None)

    async def is_ready(self, run_key: RunKey, model_id: str) -> bool:
        return bool(await self._connection.fetch(_READY, run=run_key.row, model_id=model_id))

    async def ready(self, run_key: RunKey) -> Sequence[str]:
        return [row[0] for row in await self._connection.fetch(_READY_OF_RUN, run=run_key.row)]

    async def files(self, key: LoggedModelKey) -> list[StoredFile]:
        folder = path_of(key.model_id)
        rows = await self._connection.fetch(_FILES, run=key.run.row, **below(folder))
        skip = len(folder) + 1
        return [StoredFile(path[skip:], size, sha256) for path, size, sha256 in rows]

    async def list(self, query: Query) -> Page[pb.LoggedModel]:
        within = in_view(logged_model, query.view)
        if query.experiment_ids:
            within.append(_columns.experiment_id.in_(query.experiment_ids))
        numbers, last = await search_rows(self._connection, query, LOGGED_MODEL, within)
        if not numbers:
            return Page([], None)
        models = await self._read("rows", query.fields, rows=self._connection.array(numbers))
        return Page([models[number] for number in numbers], last)

    async def _read(self, by: str, fields: frozenset[str] | None, **values: Any) -> dict[int, pb.LoggedModel]:
        """Models by row number, with the wanted fields only."""
        kinds = frozenset(_KINDS if fields is None else fields & _KINDS.keys())
        described = fields is None or not fields.isdisjoint(_DESCRIPTION)
        models: dict[int, pb.LoggedModel] = {}
        for row in await self._connection.fetch(_reading(by, kinds, described), **values):
            model = models[row[0]] = _resource(row[: len(_COLUMNS)])
            for entries in row[len(_COLUMNS) :]:
                if entries is not None:
                    model.MergeFromString(entries)
            # They come in any order.
            model.metrics.sort(key=lambda metric: (metric.key, metric.dataset_name, metric.dataset_digest))
        keep_fields(models.values(), fields)
        return models

    async def finalize(self, key: LoggedModelKey, model: pb.LoggedModel, now_us: int) -> None:
        await self._connection.execute(
            _FINALIZE,
            row=key.row,
            status=model.status,
            description=_description(model),
            sha256=model.sha256,
            size=model.size,
            update_us=now_us,
        )

    async def touch(self, key: LoggedModelKey, now_us: int) -> None:
        await self._connection.execute(_TOUCH, row=key.row, now=now_us)

    async def set_times(self, key: LoggedModelKey, create_us: int, update_us: int) -> None:
        await self._connection.execute(_SET_TIMES, row=key.row, created=create_us, updated=update_us)

    async def set_deleted(self, key: LoggedModelKey, deleted: bool, now_us: int) -> None:
        await self._connection.execute(_SET_DELETED, row=key.row, delete_us=now_us if deleted else None, now=now_us)

    async def log_params(self, key: LoggedModelKey, params: Mapping[str, pb.ParamValue]) -> dict[str, pb.ParamValue]:
        return await _PARAMS.log(self._connection, {"model_id": key.row}, params)

    async def set_tags(self, key: LoggedModelKey, tags: Mapping[str, str]) -> None:
        await _TAGS.write(self._connection, {"model_id": key.row}, tags)

    async def delete_tags(self, key: LoggedModelKey, keys: Collection[str]) -> set[str]:
        return await _TAGS.delete(self._connection, {"model_id": key.row}, keys)

    async def log_metrics(self, key: LoggedModelKey, metrics: Sequence[pb.ModelMetric]) -> None:
        await log_metrics(self._connection, key.row, metrics)


def path_of(model_id: str) -> str:
    """Directory of a model's files below its run's artifact folder."""
    return f"models/{model_id}"


def _resource(row: Row) -> pb.LoggedModel:
    _, model_id, run_id, number, name, status, model_type, sha256, size, create, update_, deleted = row
    return pb.LoggedModel(
        model_id=model_id,
        run_id=run_id,
        experiment_id=str(number),
        name=name,
        path=path_of(model_id),
        status=status,
        model_type=model_type,
        sha256=sha256,
        size=size,
        create_time=timestamp(create),
        update_time=timestamp(update_),
        delete_time=None if deleted is None else timestamp(deleted),
    )


def _description(model: pb.LoggedModel) -> bytes:
    """What the column of that name holds of a model."""
    return pb.LoggedModel(
        status_message=model.status_message, flavors=model.flavors, signature_json=model.signature_json
    ).SerializeToString()
