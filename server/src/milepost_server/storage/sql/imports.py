"""Rows of histories of other systems: few statements for many runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select

from milepost_server.storage.base import RunKey
from milepost_server.storage.imports import NewExperiment, NewRun
from milepost_server.storage.sql import changes
from milepost_server.storage.sql.changes import Changes
from milepost_server.storage.sql.experiment_numbers import COUNTED, lock_numbers, set_last_number
from milepost_server.storage.sql.import_details import create_details
from milepost_server.storage.sql.schema import attribute_key, experiment, experiment_tag, run, series
from milepost_server.storage.sql.statements import Connection, Statement, any_of
from milepost_server.storage.sql.values import microseconds

_NAMED = Statement(select(experiment.c.name, experiment.c.id).where(any_of(experiment.c.name, "names")))
_CREATE_EXPERIMENT = Statement(
    insert(experiment).values(
        {name: bindparam(name) for name in ("id", "name", "description", "create_us", "update_us", "version")}
    )
)
_ADD_TAG = Statement(
    insert(experiment_tag).values({column.name: bindparam(column.name) for column in experiment_tag.c})
)
_RUNS = Statement(
    select(run.c.run_id, run.c.id, run.c.experiment_id, run.c.delete_us).where(any_of(run.c.run_id, "run_ids"))
)
_CREATE_RUN = Statement(
    insert(run).values(
        {column.name: bindparam(column.name) for column in run.c if column.name not in ("id", "delete_us", "purge_us")}
    )
)
_COUNTS = Statement(
    select(series.c.run_id, attribute_key.c.name, series.c.count)
    .join(attribute_key, attribute_key.c.id == series.c.key_id)
    .where(any_of(series.c.run_id, "runs"))
)


class ImportRows:
    """See `storage.imports.Imports`."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    async def lock_experiments(self) -> None:
        await lock_numbers(self._connection)

    async def named_experiments(self, names: Collection[str]) -> dict[str, int]:
        return dict(await self._connection.fetch(_NAMED, names=self._connection.array(list(names))))

    async def create_experiments(self, experiments: Sequence[NewExperiment]) -> list[int]:
        last = await lock_numbers(self._connection)
        given = (new.number for new in experiments if new.number is not None and new.number < COUNTED)
        last = max(last, *given, 0)
        numbers = []
        for new in experiments:
            last += new.number is None
            numbers.append(last if new.number is None else new.number)
        await set_last_number(self._connection, last)
        rows = [_experiment_row(new, number) for new, number in zip(experiments, numbers, strict=True)]
        await self._connection.execute_many(_CREATE_EXPERIMENT, rows)
        tags = [
            {"experiment_id": number, "key": key, "value": value}
            for new, number in zip(experiments, numbers, strict=True)
            for key, value in new.experiment.tags.items()
        ]
        if tags:
            await self._connection.execute_many(_ADD_TAG, tags)
        return numbers

    async def runs(self, run_ids: Collection[str]) -> dict[str, RunKey]:
        rows = await self._connection.fetch(_RUNS, run_ids=self._connection.array(list(run_ids)))
        return {
            run_id: RunKey(row, run_id, number, deleted=deleted is not None) for run_id, row, number, deleted in rows
        }

    async def create_runs(self, runs: Sequence[NewRun], now_us: int) -> None:
        touch_us = changes.now_us()
        await self._connection.execute_many(_CREATE_RUN, [_run_row(new, touch_us) for new in runs])
        stored = await self.runs([new.run.run_id for new in runs])
        for key in stored.values():
            self._changes.note(key)
        await create_details(self._connection, [(stored[new.run.run_id], new) for new in runs], now_us)

    async def point_counts(self, runs: Collection[RunKey]) -> dict[str, dict[str, int]]:
        ids = {key.row: key.run_id for key in runs}
        counts: dict[str, dict[str, int]] = {run_id: {} for run_id in ids.values()}
        for row, name, count in await self._connection.fetch(_COUNTS, runs=self._connection.array(list(ids))):
            counts[ids[row]][name] = count
        return counts


def _experiment_row(new: NewExperiment, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": new.experiment.name,
        "description": new.experiment.description,
        "create_us": new.times.create_us,
        "update_us": new.times.update_us,
        "version": 1,
    }


def _run_row(new: NewRun, touch_us: int) -> dict[str, Any]:
    message = new.run
    return {
        "run_id": message.run_id,
        "experiment_id": new.experiment_id,
        "name": message.name,
        "state": message.state,
        "start_us": new.start_us,
        "end_us": microseconds(message.end_time) if message.HasField("end_time") else None,
        "description": message.description,
        "user": message.user,
        "parent_run_id": message.parent_run_id,
        "create_us": new.times.create_us,
        "update_us": new.times.update_us,
        "deleted_with_experiment": False,
        "version": 1,
        "touch_us": touch_us,
    }
