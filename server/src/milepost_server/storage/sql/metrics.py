"""Rows of metric points and their summaries."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from sqlalchemy import and_, bindparam, insert, select, update

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.keys import intern_keys
from milepost_server.storage.sql.schema import attribute_key, metric_point, series
from milepost_server.storage.sql.statements import Connection, Statement, any_of
from milepost_server.storage.sql.summaries import extend, sortable_columns

_SORTABLE = [column.name for column in series.columns if column.name.endswith(("_kind", "_value"))]
_WRITTEN = ["entry", "count", *_SORTABLE]
_written = {name: bindparam(name, type_=series.c[name].type) for name in _WRITTEN}

_FIND = Statement(
    select(attribute_key.c.name, series.c.id, series.c.entry)
    .join(series, and_(series.c.key_id == attribute_key.c.id, series.c.run_id == bindparam("run")))
    .where(any_of(attribute_key.c.name, "names"))
)
_FIND_ONE = Statement(
    select(attribute_key.c.name, series.c.id, series.c.entry)
    .join(series, and_(series.c.key_id == attribute_key.c.id, series.c.run_id == bindparam("run")))
    .where(attribute_key.c.name == bindparam("name"))
)
_CREATE = Statement(insert(series).values(run_id=bindparam("run_id"), key_id=bindparam("key_id"), **_written))
_UPDATE = Statement(update(series).where(series.c.id == bindparam("series_id")).values(_written))
_ADD = Statement(insert(metric_point).values({column.name: bindparam(column.name) for column in metric_point.columns}))
_SERIES = Statement(
    select(series.c.id)
    .join(attribute_key, attribute_key.c.id == series.c.key_id)
    .where(series.c.run_id == bindparam("run"), attribute_key.c.name == bindparam("name"))
)
_HISTORY = Statement(
    select(metric_point.c.sequence, metric_point.c.step, metric_point.c.time_ms, metric_point.c.bits)
    .where(metric_point.c.series_id == bindparam("series"), metric_point.c.sequence > bindparam("after"))
    .order_by(metric_point.c.sequence)
    .limit(bindparam("most"))
)


class MetricRows:
    """See `storage.base.Metrics`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(self, key: RunKey, metrics: Sequence[pb.MetricPoints]) -> int:
        by_key: dict[str, list[pb.MetricPoints]] = {}
        for points in metrics:
            if points.values:
                by_key.setdefault(points.key, []).append(points)
        if not by_key:
            return 0
        stored = await self._find(key, by_key)
        missing = by_key.keys() - stored.keys()
        if missing:
            await self._create(key, {name: by_key[name] for name in missing})
        changed = []
        for name, (series_id, summary) in stored.items():
            begin = summary.count
            _extend_all(summary, by_key[name])
            changed.append({"series_id": series_id, **_columns(name, summary)})
            await self._connection.execute_many(_ADD, _point_rows(series_id, begin, by_key[name]))
        if changed:
            await self._connection.execute_many(_UPDATE, changed)
        return sum(len(points.values) for points in metrics)

    async def _find(self, key: RunKey, names: Iterable[str]) -> dict[str, tuple[int, pb.MetricSummary]]:
        """Number and summary of the run's series that exist, by key."""
        wanted = list(names)
        if len(wanted) == 1:
            rows = await self._connection.fetch(_FIND_ONE, run=key.row, name=wanted[0])
        else:
            rows = await self._connection.fetch(_FIND, run=key.row, names=self._connection.array(wanted))
        return {name: (number, pb.Run.FromString(entry).metrics[name]) for name, number, entry in rows}

    async def _create(self, key: RunKey, by_key: dict[str, list[pb.MetricPoints]]) -> None:
        key_ids = await intern_keys(self._connection, by_key.keys())
        rows = []
        for name, metrics in by_key.items():
            summary = pb.MetricSummary()
            _extend_all(summary, metrics)
            rows.append({"run_id": key.row, "key_id": key_ids[name], **_columns(name, summary)})
        await self._connection.execute_many(_CREATE, rows)
        for name, (series_id, _) in (await self._find(key, by_key)).items():
            await self._connection.execute_many(_ADD, _point_rows(series_id, 0, by_key[name]))

    async def history(
        self, key: RunKey, metric: str, limit: int, after: int | None
    ) -> tuple[pb.MetricPoints, int | None] | None:
        found = await self._connection.fetch(_SERIES, run=key.row, name=metric)
        if not found:
            return None
        rows = await self._connection.fetch(
            _HISTORY, series=found[0][0], after=-1 if after is None else after, most=limit + 1
        )
        shown = rows[:limit]
        points = pb.MetricPoints(
            key=metric,
            steps=[row[1] for row in shown],
            timestamps_ms=[row[2] for row in shown],
            values=array("d", array("q", [row[3] for row in shown]).tobytes()),
        )
        return points, (shown[-1][0] if len(rows) > limit else None)


def _extend_all(summary: pb.MetricSummary, metrics: Iterable[pb.MetricPoints]) -> None:
    for points in metrics:
        extend(summary, points.steps, points.timestamps_ms, points.values)


def _columns(name: str, summary: pb.MetricSummary) -> dict[str, bytes | int | float | None]:
    entry = pb.Run(metrics={name: summary}).SerializeToString()
    return {"entry": entry, "count": summary.count, **sortable_columns(summary)}


def _point_rows(series_id: int, begin: int, metrics: Iterable[pb.MetricPoints]) -> list[dict[str, int]]:
    rows: list[dict[str, int]] = []
    for points in metrics:
        bits = array("q", array("d", points.values).tobytes())
        for step, time_ms, value in zip(points.steps, points.timestamps_ms, bits, strict=True):
            sequence = begin + len(rows)
            rows.append({"series_id": series_id, "sequence": sequence, "step": step, "time_ms": time_ms, "bits": value})
    return rows
