"""Runs grouped by what they agree in, with aggregates of their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Double, FromClause, and_, case, cast, func, select

from milepost import v1 as pb
from milepost_server.filters.ast import INTEGER_SUMMARIES, Attribute, Metric, Param, ValueKind
from milepost_server.storage.base import Query
from milepost_server.storage.run_facets import Grouping, GroupKey
from milepost_server.storage.sql.keys import find_keys
from milepost_server.storage.sql.run_search import chosen_runs
from milepost_server.storage.sql.schema import run, run_param, run_tag, series
from milepost_server.storage.sql.searchable import RUN
from milepost_server.storage.sql.statements import Connection, Row, Statement
from milepost_server.storage.sql.values import FINITE

# Databases sum up to find a mean, and a sum of great floats is too great for one. A power of two costs no precision.
_SCALE = 2.0**64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def group_runs(connection: Connection, query: Query, grouping: Grouping) -> list[pb.RunGroup]:
    """See `storage.run_facets.RunFacets.group`."""
    named = {key.key for key in (*grouping.by, *grouping.metrics) if not isinstance(key, Attribute)}
    joined = _Joined(await find_keys(connection, named) if named else {})
    values = [joined.value(key).label(f"value_{place}") for place, key in enumerate(grouping.by)]
    aggregates = [joined.aggregates(metric) for metric in grouping.metrics]
    runs = func.count().label("runs")
    chosen = (
        select(*values, runs, *(one for four in aggregates for one in four))
        .select_from(joined.rows)
        .where(*await chosen_runs(connection, query))
        .group_by(*values)
    ).subquery()
    width = len(values) + 1
    if grouping.order_by == "runs":
        sorted_by = chosen.c.runs
    else:
        place = ("count", "mean", "min", "max").index(grouping.order_by)
        sorted_by = list(chosen.c)[width + 4 * grouping.metric + place]
    page = (
        select(chosen)
        .order_by(
            *_missing_last(sorted_by, grouping.descending),
            *(term for column in list(chosen.c)[: len(values)] for term in _missing_last(column, descending=False)),
        )
        .limit(grouping.limit + 1)
        .offset(grouping.skipped)
    )
    return [_group(row, grouping.by) for row in await connection.fetch(Statement(page))]


def _missing_last(column: ColumnElement[Any], descending: bool) -> list[ColumnElement[Any]]:
    return [case((column.is_(None), 1), else_=0), column.desc() if descending else column.asc()]


class _Joined:
    """Rows of `run` joined with what is asked of them."""

    def __init__(self, keys: dict[str, int]) -> None:
        self.rows: FromClause = run
        self._keys = keys

    def value(self, key: GroupKey) -> ColumnElement[Any]:
        """What runs are grouped by; null where it is missing."""
        if isinstance(key, Attribute):
            column = RUN.column(run, key.name)
            return func.nullif(column, "") if key.kind is ValueKind.TEXT else column
        if isinstance(key, Param):
            value: ColumnElement[Any] = self._join(run_param, key.key).c.text
            return value
        return self._join(run_tag, key.key).c.value

    def aggregates(self, metric: Metric) -> Sequence[ColumnElement[Any]]:
        """Count, scaled mean, least and greatest of a metric."""
        table = self._join(series, metric.key)
        if metric.summary in INTEGER_SUMMARIES:
            value: ColumnElement[Any] = cast(table.c[metric.summary], Double)
        else:
            kind, finite = table.c[f"{metric.summary}_kind"], table.c[f"{metric.summary}_value"]
            value = case((kind == FINITE, finite))
        return func.count(value), func.avg(value / _SCALE), func.min(value), func.max(value)

    def _join(self, source: FromClause, key: str) -> FromClause:
        table = source.alias()
        # No key has the number 0.
        of_key = and_(table.c.run_id == run.c.id, table.c.key_id == self._keys.get(key, 0))
        self.rows = self.rows.outerjoin(table, of_key)
        return table


def _group(row: Row, by: Sequence[GroupKey]) -> pb.RunGroup:
    values = [pb.RunGroupValue(text=_text(key, value)) for key, value in zip(by, row[: len(by)], strict=True)]
    group = pb.RunGroup(values=values, runs=row[len(by)])
    aggregates = row[len(by) + 1 :]
    for place in range(0, len(aggregates), 4):
        count, mean, least, greatest = aggregates[place : place + 4]
        if count:
            # Summed up with rounding, a mean may end just outside of the values.
            bounded = min(max(mean * _SCALE, least), greatest)
            group.metrics.add(count=count, mean=bounded, min=least, max=greatest)
        else:
            group.metrics.add()
    return group


def _text(key: GroupKey, value: Any) -> str | None:
    if value is None or not isinstance(key, Attribute) or key.kind is ValueKind.TEXT:
        return None if value is None else str(value)
    if key.kind is ValueKind.STATE:
        return pb.Run.State.Name(value).removeprefix("STATE_")
    if key.kind is ValueKind.TIME:
        return (_EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
    return str(value)
