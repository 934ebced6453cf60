"""Rows removed for good: which runs, what that takes away, and bounded parts of it at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, delete, exists, func, not_, select, update

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.changes import Changes
from milepost_server.storage.sql.conditions import Scope, condition, named_keys
from milepost_server.storage.sql.keys import find_keys
from milepost_server.storage.sql.logged_model_purging import take_models
from milepost_server.storage.sql.model_schema import model_version, run_model
from milepost_server.storage.sql.schema import artifact, metric_chunk, run, run_param, run_tag, series
from milepost_server.storage.sql.searchable import RUN
from milepost_server.storage.sql.statements import Connection, Statement, any_of
from milepost_server.storage.upkeep import DeletedRun, PurgeChoice, PurgeStep

# What one transaction removes at most, in rows: other writers wait meanwhile.
_BUDGET = 512
# Points are up to 24 bytes each, so that these weigh as much as one row of another kind.
_POINTS_OF_A_ROW = 512
# The same for a full chunk.
_CHUNK_COST = 8

_LOCK = Statement(
    select(run.c.id, run.c.delete_us).where(any_of(run.c.id, "rows")).order_by(run.c.id).with_for_update(key_share=True)
)
# Versions of files that are elsewhere name a run, and do not need it.
_kept = model_version.c.source_uri == ""
_USED = Statement(select(model_version.c.run_id).where(any_of(model_version.c.run_id, "run_ids"), _kept).distinct())
_BEGIN = Statement(
    update(run).where(any_of(run.c.id, "rows"), run.c.purge_us.is_(None)).values(purge_us=bindparam("now"))
)
_SERIES = Statement(
    select(series.c.id, series.c.count, series.c.small_chunks)
    .where(series.c.run_id == bindparam("run"))
    .order_by(series.c.key_id)
    .limit(bindparam("most"))
)
_REMOVE_SERIES = Statement(delete(series).where(any_of(series.c.id, "numbers")))
_CHUNKS = Statement(
    select(metric_chunk.c.sequence, metric_chunk.c.count)
    .where(metric_chunk.c.series_id == bindparam("series"))
    .order_by(metric_chunk.c.sequence)
    .limit(bindparam("most"))
)
_REMOVE_CHUNKS = Statement(
    delete(metric_chunk).where(
        metric_chunk.c.series_id == bindparam("series"), metric_chunk.c.sequence <= bindparam("last")
    )
)
_SHORTEN_SERIES = Statement(
    update(series).where(series.c.id == bindparam("series")).values(count=series.c.count - bindparam("points"))
)
_EMPTIED = Statement(
    select(run.c.id).where(any_of(run.c.id, "rows"), run.c.purge_us.is_not(None)).order_by(run.c.id).with_for_update()
)
_REMOVE_RUNS = Statement(delete(run).where(any_of(run.c.id, "rows")))


class _Rows:
    """Rows of a table below runs that are removed in order of a key.

    Args:
        table: The table.
        key: Name of the column that tells rows of one run apart.
        also: Names of further columns that `take` returns.
    """

    def __init__(self, table: Table, key: str, *also: str) -> None:
        of_run = table.c.run_id == bindparam("run")
        columns = [table.c[name] for name in (key, *also)]
        self._find = Statement(select(*columns).where(of_run).order_by(table.c[key]).limit(bindparam("most")))
        self._remove = Statement(delete(table).where(of_run, table.c[key] <= bindparam("last")))

    async def take(self, connection: Connection, run_row: int, most: int) -> Sequence[tuple[Any, ...]]:
        """Removes some rows of a run and returns what they were."""
        rows = await connection.fetch(self._find, run=run_row, most=most)
        if rows:
            await connection.execute(self._remove, run=run_row, last=rows[-1][0])
        return rows


_ARTIFACTS = _Rows(artifact, "path", "size")
_DETAILS = (_Rows(run_param, "key_id"), _Rows(run_tag, "key_id"), _Rows(run_model, "model_id"))


class PurgeRows:
    """See `storage.base.Purges`."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    async def count(self, choice: PurgeChoice) -> pb.PurgeSummary:
        inside = select(run.c.id).where(*await self._conditions(choice))
        counts = select(
            select(func.count()).select_from(inside.subquery()).scalar_subquery(),
            select(func.coalesce(func.sum(series.c.count), 0)).where(series.c.run_id.in_(inside)).scalar_subquery(),
            select(func.count()).select_from(artifact).where(artifact.c.run_id.in_(inside)).scalar_subquery(),
            select(func.coalesce(func.sum(artifact.c.size), 0)).where(artifact.c.run_id.in_(inside)).scalar_subquery(),
        )
        (row,) = await self._connection.fetch(Statement(counts))
        runs, points, files, size = (int(count) for count in row)
        return pb.PurgeSummary(runs=runs, metric_points=points, artifacts=files, artifact_bytes=size)

    async def count_runs(self, choice: PurgeChoice) -> int:
        counted = select(func.count()).select_from(run).where(*await self._conditions(choice))
        rows = await self._connection.fetch(Statement(counted))
        return int(rows[0][0])

    async def choose(self, choice: PurgeChoice, limit: int) -> Sequence[DeletedRun]:
        columns = select(run.c.id, run.c.run_id, run.c.experiment_id, run.c.delete_us)
        chosen = columns.where(*await self._conditions(choice)).order_by(run.c.id).limit(limit)
        rows = await self._connection.fetch(Statement(chosen))
        return [DeletedRun(RunKey(row[0], row[1], row[2], deleted=True), row[3]) for row in rows]

    async def _conditions(self, choice: PurgeChoice) -> list[ColumnElement[bool]]:
        used = exists().where(model_version.c.run_id == run.c.run_id, _kept)
        conditions: list[ColumnElement[bool]] = [run.c.delete_us.is_not(None), not_(used)]
        if choice.run_id:
            conditions.append(run.c.run_id == choice.run_id)
        if choice.experiment_ids:
            conditions.append(run.c.experiment_id.in_(choice.experiment_ids))
        if choice.deleted_before_us is not None:
            conditions.append(run.c.delete_us < choice.deleted_before_us)
        if choice.filter is not None:
            names = set(named_keys(choice.filter))
            keys = await find_keys(self._connection, names) if names else {}
            conditions.append(condition(Scope(self._connection.dialect, RUN, run.c.id, keys, run), choice.filter))
        return conditions

    async def empty(self, runs: Sequence[DeletedRun], now_us: int) -> PurgeStep:
        rows = self._connection.array([one.key.row for one in runs])
        states: dict[int, int | None] = dict(await self._connection.fetch(_LOCK, rows=rows))
        # Asked under the lock, which those who make versions hold too.
        run_ids = self._connection.array([one.key.run_id for one in runs])
        used = {row[0] for row in await self._connection.fetch(_USED, run_ids=run_ids)}
        still = [one for one in runs if states.get(one.key.row) == one.delete_us and one.key.run_id not in used]
        await self._connection.execute(_BEGIN, rows=self._connection.array([one.key.row for one in still]), now=now_us)
        removed = pb.PurgeSummary()
        left = _BUDGET
        for index, one in enumerate(still):
            left -= await self._empty_some(one.key.row, left, removed)
            if left <= 0:
                return PurgeStep(removed, still[:index], still[index:])
        return PurgeStep(removed, still, [])

    async def _empty_some(self, row: int, budget: int, removed: pb.PurgeSummary) -> int:
        """Removes what is below a run and returns what that cost: all of `budget` or more when there may be more."""
        cost = 1
        for take in (self._take_points, self._take_artifacts, self._take_models, self._take_details):
            while cost < budget and (taken := await take(row, budget - cost, removed)):
                cost += taken
        return cost

    async def _take_points(self, row: int, budget: int, removed: pb.PurgeSummary) -> int:
        """Removes some series, or a part of one that is too large to go at once. Returns the cost; 0: none is left."""
        found = await self._connection.fetch(_SERIES, run=row, most=budget)
        numbers: list[int] = []
        cost = 0
        for number, count, small_chunks in found:
            needed = 1 + small_chunks + count // _POINTS_OF_A_ROW
            if cost + needed > budget:
                if not numbers:
                    return await self._take_chunks(number, budget, removed)
                break
            numbers.append(number)
            removed.metric_points += count
            cost += needed
        if numbers:
            await self._connection.execute(_REMOVE_SERIES, numbers=self._connection.array(numbers))
        return cost

    async def _take_chunks(self, number: int, budget: int, removed: pb.PurgeSummary) -> int:
        most = max(budget // _CHUNK_COST, 1)
        chunks = await self._connection.fetch(_CHUNKS, series=number, most=most)
        if not chunks:
            return await self._connection.execute(_REMOVE_SERIES, numbers=self._connection.array([number]))
        points = sum(count for _, count in chunks)
        await self._connection.execute(_REMOVE_CHUNKS, series=number, last=chunks[-1][0])
        await self._connection.execute(_SHORTEN_SERIES, series=number, points=points)
        removed.metric_points += points
        return len(chunks) * _CHUNK_COST

    async def _take_artifacts(self, row: int, budget: int, removed: pb.PurgeSummary) -> int:
        taken = await _ARTIFACTS.take(self._connection, row, budget)
        removed.artifacts += len(taken)
        removed.artifact_bytes += sum(size for _, size in taken)
        return len(taken)

    async def _take_models(self, row: int, budget: int, _: pb.PurgeSummary) -> int:
        return await take_models(self._connection, row, budget)

    async def _take_details(self, row: int, budget: int, _: pb.PurgeSummary) -> int:
        for rows in _DETAILS:
            if taken := await rows.take(self._connection, row, budget):
                return len(taken)
        return 0

    async def remove(self, runs: Sequence[DeletedRun]) -> int:
        array = self._connection.array
        there = {row[0] for row in await self._connection.fetch(_EMPTIED, rows=array([one.key.row for one in runs]))}
        await self._connection.execute(_REMOVE_RUNS, rows=array(list(there)))
        for one in runs:
            if one.key.row in there:
                self._changes.note(one.key)
        return len(there)
