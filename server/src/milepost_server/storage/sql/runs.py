"""Rows of runs; what hangs below a run is in `run_details`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import bindparam, exists, select, update

from milepost import v1 as pb
from milepost_server.filters.ast import Metric, Param, Tag
from milepost_server.storage.base import Page, Query, RunKey
from milepost_server.storage.sql import changes, run_details
from milepost_server.storage.sql.changes import Changes
from milepost_server.storage.sql.keys import find_keys
from milepost_server.storage.sql.run_details import KINDS, entry_columns
from milepost_server.storage.sql.run_inputs import fill_inputs, list_datasets, log_inputs
from milepost_server.storage.sql.run_models import FIELDS as MODEL_FIELDS
from milepost_server.storage.sql.run_models import log_models, model_entries, sort_models
from milepost_server.storage.sql.run_search import search_runs
from milepost_server.storage.sql.schema import run, run_input
from milepost_server.storage.sql.statements import Connection, Row, Statement, Upsert, any_of
from milepost_server.storage.sql.values import keep_fields, microseconds, timestamp

_COLUMNS = (
    run.c.id,
    run.c.run_id,
    run.c.experiment_id,
    run.c.name,
    run.c.state,
    run.c.start_us,
    run.c.end_us,
    run.c.description,
    run.c.user,
    run.c.parent_run_id,
    run.c.create_us,
    run.c.update_us,
    run.c.delete_us,
    run.c.version,
)
_FIELDS = [field.name for field in pb.Run.DESCRIPTOR.fields]
_KIND_OF = {Param: "params", Tag: "tags", Metric: "metrics"}
_this = run.c.run_id == bindparam("run_id")
_has_inputs = exists().where(run_input.c.run_id == run.c.id)
_LOCK_HEADER = Statement(select(*_COLUMNS).where(_this).with_for_update())
_key = select(run.c.id, run.c.run_id, run.c.experiment_id, run.c.delete_us, run.c.touch_us)
_KEY = Statement(_key.where(_this))
# Writers of one run queue here; key_share lets rows that refer to the run be inserted meanwhile.
_LOCK_KEY = Statement(_key.where(_this).with_for_update(key_share=True))
_CREATE = Upsert(
    run,
    [
        "run_id",
        "experiment_id",
        "name",
        "state",
        "start_us",
        "end_us",
        "description",
        "user",
        "parent_run_id",
        "create_us",
        "update_us",
        "deleted_with_experiment",
        "version",
        "touch_us",
    ],
    ["run_id"],
    returning=["id"],
)
_SET_DELETED = Statement(
    update(run)
    .where(run.c.id == bindparam("run"), run.c.purge_us.is_(None))
    .values(delete_us=bindparam("delete_us"), deleted_with_experiment=False, version=run.c.version + 1)
)


@cache
def _reading(by: str, kinds: frozenset[str], models: bool, named: bool = False) -> Statement:
    """Reads runs with the wanted kinds of entries: one by `run_id`, or several by their `run_ids` or their `rows`."""
    which = {"run_id": _this, "run_ids": any_of(run.c.run_id, "run_ids"), "rows": any_of(run.c.id, "rows")}
    entries = entry_columns(kinds, named=named)
    if models:
        entries.append(model_entries())
    return Statement(select(*_COLUMNS, _has_inputs, *entries).where(which[by]))


def _resource(row: Row, artifact_root: str) -> pb.Run:
    (_, run_id, number, name, state, start_us, end_us, description, user, parent, create, update_, deleted, version) = (
        row
    )
    return pb.Run(
        run_id=run_id,
        experiment_id=str(number),
        name=name,
        state=state,
        start_time=timestamp(start_us),
        end_time=None if end_us is None else timestamp(end_us),
        description=description,
        user=user,
        parent_run_id=parent,
        artifact_root=f"{artifact_root}/{number}/{run_id}/artifacts",
        create_time=timestamp(create),
        update_time=timestamp(update_),
        delete_time=None if deleted is None else timestamp(deleted),
        etag=f"{version:x}",
    )


def _written(message: pb.Run, fields: Collection[str]) -> dict[str, Any]:
    """Columns and values of the named fields."""
    columns: dict[str, Any] = {}
    for field in fields:
        if field == "start_time":
            columns["start_us"] = microseconds(message.start_time)
        elif field == "end_time":
            columns["end_us"] = microseconds(message.end_time) if message.HasField("end_time") else None
        else:
            columns[field] = getattr(message, field)
    return columns


class RunRows:
    """See `storage.base.Runs`."""

    def __init__(self, connection: Connection, artifact_root: str, changes: Changes) -> None:
        self._connection = connection
        self._artifact_root = artifact_root
        self._changes = changes

    async def create(self, message: pb.Run, now_us: int) -> RunKey | None:
        fields = ("run_id", "name", "state", "start_time", "end_time", "description", "user", "parent_run_id")
        number = int(message.experiment_id)
        touch_us = changes.now_us()
        created = await self._connection.fetch(
            _CREATE.on(self._connection),
            **_written(message, fields),
            experiment_id=number,
            create_us=now_us,
            update_us=now_us,
            deleted_with_experiment=False,
            version=1,
            touch_us=touch_us,
        )
        if not created:
            return None
        key = RunKey(created[0][0], message.run_id, number, deleted=False)
        self._changes.note(key)
        await self.log_params(key, message.params)
        await self.set_tags(key, message.tags)
        return key

    async def get(self, run_id: str) -> pb.Run | None:
        runs = await self._read("run_id", None, run_id=run_id)
        return next(iter(runs.values()), None)

    async def get_many(self, run_ids: Sequence[str], fields: frozenset[str] | None) -> dict[str, pb.Run]:
        # Runs are told apart by an id that the mask may leave out.
        wanted = None if fields is None else fields | {"run_id"}
        runs = await self._read("run_ids", wanted, run_ids=self._connection.array(run_ids))
        found = {message.run_id: message for message in runs.values()}
        keep_fields(found.values(), fields)
        return found

    async def list(self, query: Query) -> Page[pb.Run]:
        numbers, last = await search_runs(self._connection, query)
        if not numbers:
            return Page([], None)
        rows = self._connection.array(numbers)
        if query.columns is None:
            runs = await self._read("rows", query.fields, rows=rows)
        else:
            keys = await self._keys_of(query.columns)
            fields = (frozenset(_FIELDS) if query.fields is None else query.fields) - KINDS.keys() | keys.keys()
            runs = await self._read("rows", fields, named=True, rows=rows, **keys)
        return Page([runs[number] for number in numbers], last)

    async def _keys_of(self, columns: Sequence[Param | Tag | Metric]) -> dict[str, Any]:
        """Numbers of keys by their kind, bound to read no others."""
        numbers = await find_keys(self._connection, {column.key for column in columns})
        kinds: dict[str, list[int]] = {}
        for column in columns:
            kinds.setdefault(_KIND_OF[type(column)], []).append(numbers.get(column.key, 0))
        return {kind: self._connection.array(keys) for kind, keys in kinds.items()}

    async def _read(
        self, by: str, fields: frozenset[str] | None, *, named: bool = False, **values: Any
    ) -> dict[int, pb.Run]:
        """Runs by row number, with the wanted fields only."""
        kinds = frozenset(KINDS if fields is None else fields & KINDS.keys())
        models = fields is None or not fields.isdisjoint(MODEL_FIELDS)
        rows = await self._connection.fetch(_reading(by, kinds, models, named), **values)
        runs: dict[int, pb.Run] = {}
        with_inputs: dict[int, pb.Run] = {}
        for row in rows:
            message = runs[row[0]] = _resource(row[: len(_COLUMNS)], self._artifact_root)
            for entries in row[len(_COLUMNS) + 1 :]:
                if entries is not None:
                    message.MergeFromString(entries)
            if message.model_inputs or message.model_outputs:
                sort_models(message)
            if row[len(_COLUMNS)]:
                with_inputs[row[0]] = message
        if with_inputs and (fields is None or "inputs" in fields):
            await fill_inputs(self._connection, with_inputs)
        keep_fields(runs.values(), fields)
        return runs

    async def key(self, run_id: str, *, lock: bool = False) -> RunKey | None:
        rows = await self._connection.fetch(_LOCK_KEY if lock else _KEY, run_id=run_id)
        if not rows:
            return None
        key = _run_key(rows[0])
        if lock:
            self._changes.note(key)
            await self._changes.touch(key, rows[0][4])
        return key

    async def header(self, run_id: str) -> pb.Run | None:
        rows = await self._connection.fetch(_LOCK_HEADER, run_id=run_id)
        return _resource(rows[0], self._artifact_root) if rows else None

    async def update(self, key: RunKey, message: pb.Run, fields: Collection[str], now_us: int) -> None:
        values = {**_written(message, fields), "update_us": now_us, "version": run.c.version + 1}
        await self._connection.execute(Statement(update(run).where(run.c.id == key.row).values(values)))

    async def set_deleted(self, key: RunKey, deleted: bool, now_us: int) -> bool:
        return await self._connection.execute(_SET_DELETED, run=key.row, delete_us=now_us if deleted else None) == 1

    async def log_params(self, key: RunKey, params: Mapping[str, pb.ParamValue]) -> dict[str, pb.ParamValue]:
        return await run_details.log_params(self._connection, key, params)

    async def set_tags(self, key: RunKey, tags: Mapping[str, str]) -> None:
        await run_details.set_tags(self._connection, key, tags)

    async def delete_tags(self, key: RunKey, keys: Collection[str]) -> set[str]:
        return await run_details.delete_tags(self._connection, key, keys)

    async def log_inputs(self, key: RunKey, inputs: Sequence[pb.DatasetInput]) -> None:
        await log_inputs(self._connection, {key: inputs})

    async def log_models(self, key: RunKey, inputs: Sequence[pb.ModelInput], outputs: Sequence[pb.ModelOutput]) -> None:
        await log_models(self._connection, key, inputs, outputs)

    async def list_datasets(
        self, experiment_ids: Sequence[int], limit: int, after: tuple[Any, ...] | None
    ) -> Page[pb.ExperimentDataset]:
        return await list_datasets(self._connection, experiment_ids, limit, after)


def _run_key(row: Row) -> RunKey:
    return RunKey(row[0], row[1], row[2], deleted=row[3] is not None)
