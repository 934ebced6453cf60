"""Rows of experiments and their tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, false, null, select, true, update

from milepost import v1 as pb
from milepost_server.storage.base import Page, Query
from milepost_server.storage.sql import changes
from milepost_server.storage.sql.changes import Changes
from milepost_server.storage.sql.experiment_numbers import lock_numbers, set_last_number
from milepost_server.storage.sql.schema import experiment, experiment_tag, run
from milepost_server.storage.sql.search import in_view, search_rows
from milepost_server.storage.sql.searchable import EXPERIMENT
from milepost_server.storage.sql.statements import Connection, Row, Statement, Upsert, any_of
from milepost_server.storage.sql.values import keep_fields, timestamp

_COLUMNS = (
    experiment.c.id,
    experiment.c.name,
    experiment.c.description,
    experiment.c.create_us,
    experiment.c.update_us,
    experiment.c.delete_us,
    experiment.c.version,
)
_this = experiment.c.id == bindparam("experiment")

_GET = Statement(select(*_COLUMNS).where(_this))
_LOCK = Statement(select(*_COLUMNS).where(_this).with_for_update())
_LOCK_SHARED = Statement(select(*_COLUMNS).where(_this).with_for_update(read=True))
_FIND = Statement(select(*_COLUMNS).where(experiment.c.name == bindparam("name")))
_GET_MANY = Statement(select(*_COLUMNS).where(any_of(experiment.c.id, "experiments")))
_TAGS = Statement(
    select(experiment_tag.c.experiment_id, experiment_tag.c.key, experiment_tag.c.value).where(
        any_of(experiment_tag.c.experiment_id, "experiments")
    )
)
_CREATE = Upsert(
    experiment,
    ["id", "name", "description", "create_us", "update_us", "version"],
    ["name"],
    returning=["id"],
)
_NAME_TAKEN = Statement(
    select(experiment.c.id).where(experiment.c.name == bindparam("name"), experiment.c.id != bindparam("experiment"))
)
_TOUCH = Statement(update(experiment).where(_this).values(update_us=bindparam("now"), version=experiment.c.version + 1))
_SET_TAG = Upsert(experiment_tag, ["experiment_id", "key", "value"], ["experiment_id", "key"], ["value"])
_these_tags = (
    experiment_tag.c.experiment_id == bindparam("experiment"),
    any_of(experiment_tag.c.key, "keys"),
)
_FIND_TAGS = Statement(select(experiment_tag.c.key).where(*_these_tags))
_DELETE_TAGS = Statement(delete(experiment_tag).where(*_these_tags))
_DELETE = Statement(
    update(experiment)
    .where(_this)
    .values(delete_us=bindparam("now"), update_us=bindparam("now"), version=experiment.c.version + 1)
)
_DELETE_RUNS = Statement(
    update(run)
    .where(run.c.experiment_id == bindparam("experiment"), run.c.delete_us.is_(None))
    .values(delete_us=bindparam("now"), deleted_with_experiment=true(), touch_us=bindparam("touch_us"))
)
_RESTORE = Statement(
    update(experiment)
    .where(_this)
    .values(delete_us=null(), update_us=bindparam("now"), version=experiment.c.version + 1)
)
_RESTORE_RUNS = Statement(
    update(run)
    .where(
        run.c.experiment_id == bindparam("experiment"),
        run.c.deleted_with_experiment == true(),
        run.c.purge_us.is_(None),
    )
    .values(delete_us=null(), deleted_with_experiment=false(), touch_us=bindparam("touch_us"))
)
_PURGE = Statement(delete(experiment).where(_this))


def _resource(row: Row, artifact_root: str) -> pb.Experiment:
    number, name, description, create_us, update_us, delete_us, version = row
    return pb.Experiment(
        experiment_id=str(number),
        name=name,
        description=description,
        artifact_root=f"{artifact_root}/{number}",
        create_time=timestamp(create_us),
        update_time=timestamp(update_us),
        delete_time=None if delete_us is None else timestamp(delete_us),
        etag=f"{version:x}",
    )


class ExperimentRows:
    """See `storage.base.Experiments`."""

    def __init__(self, connection: Connection, artifact_root: str, changes: Changes) -> None:
        self._connection = connection
        self._artifact_root = artifact_root
        self._changes = changes

    async def create(self, experiment: pb.Experiment, now_us: int) -> int | None:
        number = await lock_numbers(self._connection) + 1
        created = await self._connection.fetch(
            _CREATE.on(self._connection),
            id=number,
            name=experiment.name,
            description=experiment.description,
            create_us=now_us,
            update_us=now_us,
            version=1,
        )
        if not created:
            return None
        await set_last_number(self._connection, number)
        await self.set_tags(number, experiment.tags)
        return number

    async def get(self, experiment_id: int) -> pb.Experiment | None:
        return await self._one(await self._connection.fetch(_GET, experiment=experiment_id))

    async def find(self, name: str) -> pb.Experiment | None:
        return await self._one(await self._connection.fetch(_FIND, name=name))

    async def _one(self, rows: Sequence[Row]) -> pb.Experiment | None:
        return (await self._with_tags(rows))[0] if rows else None

    async def _with_tags(self, rows: Sequence[Row]) -> list[pb.Experiment]:
        experiments = {row[0]: _resource(row, self._artifact_root) for row in rows}
        wanted = self._connection.array(list(experiments))
        for number, key, value in await self._connection.fetch(_TAGS, experiments=wanted):
            experiments[number].tags[key] = value
        return list(experiments.values())

    async def get_many(self, experiment_ids: Sequence[int]) -> dict[int, pb.Experiment]:
        rows = await self._connection.fetch(_GET_MANY, experiments=self._connection.array(experiment_ids))
        return dict(zip((row[0] for row in rows), await self._with_tags(rows), strict=True))

    async def list(self, query: Query) -> Page[pb.Experiment]:
        within = in_view(experiment, query.view)
        numbers, last = await search_rows(self._connection, query, EXPERIMENT, within)
        found = await self.get_many(numbers) if numbers else {}
        keep_fields(found.values(), query.fields)
        return Page([found[number] for number in numbers], last)

    async def update(self, experiment_id: int, values: Mapping[str, str], now_us: int) -> bool:
        connection = self._connection
        if "name" in values and await connection.fetch(_NAME_TAKEN, name=values["name"], experiment=experiment_id):
            return False
        if values:
            await connection.execute(
                Statement(update(experiment).where(experiment.c.id == experiment_id).values(values))
            )
        await connection.execute(_TOUCH, experiment=experiment_id, now=now_us)
        return True

    async def set_tags(self, experiment_id: int, tags: Mapping[str, str]) -> None:
        rows: list[dict[str, Any]] = [
            {"experiment_id": experiment_id, "key": key, "value": value} for key, value in tags.items()
        ]
        if rows:
            await self._connection.execute_many(_SET_TAG.on(self._connection), rows)

    async def delete_tags(self, experiment_id: int, keys: Collection[str]) -> set[str]:
        these = {"experiment": experiment_id, "keys": self._connection.array(list(keys))}
        found = {row[0] for row in await self._connection.fetch(_FIND_TAGS, **these)}
        await self._connection.execute(_DELETE_TAGS, **these)
        return found

    async def lock(self, experiment_id: int, *, shared: bool = False) -> pb.Experiment | None:
        rows = await self._connection.fetch(_LOCK_SHARED if shared else _LOCK, experiment=experiment_id)
        return _resource(rows[0], self._artifact_root) if rows else None

    async def set_deleted(self, experiment_id: int, deleted: bool, now_us: int) -> None:
        touched = {"experiment": experiment_id, "touch_us": changes.now_us()}
        self._changes.note_all()
        if deleted:
            await self._connection.execute(_DELETE, experiment=experiment_id, now=now_us)
            await self._connection.execute(_DELETE_RUNS, now=now_us, **touched)
        else:
            await self._connection.execute(_RESTORE, experiment=experiment_id, now=now_us)
            await self._connection.execute(_RESTORE_RUNS, **touched)

    async def purge(self, experiment_id: int) -> None:
        await self._connection.execute(_PURGE, experiment=experiment_id)
        self._changes.note_all()
