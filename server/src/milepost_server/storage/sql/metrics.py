"""Rows of metric points and their summaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import bindparam, insert, select, update

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.keys import intern_keys
from milepost_server.storage.sql.schema import attribute_key, metric_point, series
from milepost_server.storage.sql.statements import Connection, Row, Statement, any_of
from milepost_server.storage.sql.values import SUMMARY_COLUMNS, from_bits, sortable, to_bits

_STORED = ("id", "key_id", "first_time_ms", *SUMMARY_COLUMNS)
_WRITTEN = ("count", "nan_count", "first_time_ms", *SUMMARY_COLUMNS[2:])

_FIND = Statement(
    select(*(series.c[name] for name in _STORED)).where(
        series.c.run_id == bindparam("run"), any_of(series.c.key_id, "keys")
    )
)
_CREATE = Statement(
    insert(series).values(
        {name: bindparam(name, type_=series.c[name].type) for name in ("run_id", "key_id", *_WRITTEN)}
    )
)
_UPDATE = Statement(
    update(series)
    .where(series.c.id == bindparam("series_id"))
    .values({name: bindparam(name, type_=series.c[name].type) for name in _WRITTEN})
)
_IDS = Statement(
    select(series.c.key_id, series.c.id).where(series.c.run_id == bindparam("run"), any_of(series.c.key_id, "keys"))
)
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


@dataclass(slots=True)
class _Point:
    value: float
    step: int
    time_ms: int = 0


@dataclass(slots=True)
class _Summary:
    """A series' summary while points are added. The rules are in `metric.proto`."""

    id: int | None = None
    count: int = 0
    nan_count: int = 0
    last: _Point | None = None
    first: _Point | None = None
    min: _Point | None = None
    max: _Point | None = None

    @classmethod
    def stored(cls, row: Row) -> _Summary:
        names = dict(zip(_STORED, row, strict=True))

        def point(name: str) -> _Point | None:
            if names[f"{name}_bits"] is None:
                return None
            return _Point(from_bits(names[f"{name}_bits"]), names[f"{name}_step"], names.get(f"{name}_time_ms", 0))

        return cls(
            names["id"],
            names["count"],
            names["nan_count"],
            point("last"),
            point("first"),
            point("min"),
            point("max"),
        )

    def add(self, step: int, time_ms: int, value: float) -> None:
        self.count += 1
        last, first = self.last, self.first
        if last is None or (step, time_ms, _rank(value)) > (last.step, last.time_ms, _rank(last.value)):
            self.last = _Point(value, step, time_ms)
        if first is None or (step, time_ms) < (first.step, first.time_ms):
            self.first = _Point(value, step, time_ms)
        if math.isnan(value):
            self.nan_count += 1
            return
        if self.min is None or value < self.min.value:
            self.min = _Point(value, step)
        if self.max is None or value > self.max.value:
            self.max = _Point(value, step)

    def columns(self) -> dict[str, Any]:
        assert self.last is not None
        assert self.first is not None
        columns: dict[str, Any] = {
            "count": self.count,
            "nan_count": self.nan_count,
            "last_time_ms": self.last.time_ms,
            "first_time_ms": self.first.time_ms,
        }
        for name, point in (("last", self.last), ("first", self.first), ("min", self.min), ("max", self.max)):
            kind, finite = sortable(point.value) if point else (None, None)
            columns[f"{name}_kind"] = kind
            columns[f"{name}_value"] = finite
            columns[f"{name}_bits"] = to_bits(point.value) if point else None
            columns[f"{name}_step"] = point.step if point else None
        return columns


def _rank(value: float) -> float:
    return 0.0 if math.isnan(value) else value


class MetricRows:
    """See `storage.base.Metrics`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(self, key: RunKey, metrics: Sequence[pb.MetricPoints]) -> int:
        connection = self._connection
        key_ids = await intern_keys(connection, {points.key for points in metrics})
        wanted = connection.array(list(key_ids.values()))
        stored = await connection.fetch(_FIND, run=key.row, keys=wanted)
        summaries = {row[1]: _Summary.stored(row) for row in stored}
        positions: dict[int, int] = {key_id: summary.count for key_id, summary in summaries.items()}
        for points in metrics:
            summary = summaries.setdefault(key_ids[points.key], _Summary())
            for step, time_ms, value in zip(points.steps, points.timestamps_ms, points.values, strict=True):
                summary.add(step, time_ms, value)
        await self._write_summaries(key, summaries)
        ids: dict[int, int] = dict(await connection.fetch(_IDS, run=key.row, keys=wanted))
        added = 0
        for points in metrics:
            key_id = key_ids[points.key]
            begin = positions.get(key_id, 0)
            positions[key_id] = begin + len(points.values)
            added += len(points.values)
            await connection.execute_many(_ADD, _point_rows(ids[key_id], begin, points))
        return added

    async def _write_summaries(self, key: RunKey, summaries: dict[int, _Summary]) -> None:
        new, changed = [], []
        for key_id, summary in summaries.items():
            if summary.id is None:
                new.append({"run_id": key.row, "key_id": key_id, **summary.columns()})
            else:
                changed.append({"series_id": summary.id, **summary.columns()})
        if new:
            await self._connection.execute_many(_CREATE, new)
        if changed:
            await self._connection.execute_many(_UPDATE, changed)

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
        bits = np.fromiter((row[3] for row in shown), dtype=np.int64, count=len(shown))
        points = pb.MetricPoints(
            key=metric,
            steps=[row[1] for row in shown],
            timestamps_ms=[row[2] for row in shown],
            values=bits.view(np.float64).tolist(),
        )
        return points, (shown[-1][0] if len(rows) > limit else None)


def _point_rows(series_id: int, begin: int, points: pb.MetricPoints) -> list[dict[str, int]]:
    bits = np.array(points.values, dtype=np.float64).view(np.int64).tolist()
    columns = zip(points.steps, points.timestamps_ms, bits, strict=True)
    return [
        {"series_id": series_id, "sequence": begin + index, "step": step, "time_ms": time_ms, "bits": value}
        for index, (step, time_ms, value) in enumerate(columns)
    ]
