"""Counts of runs, and the keys and values that they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, Select, Table, func, literal, select, union_all

from milepost import v1 as pb
from milepost_server.filters.ast import Param, Tag
from milepost_server.storage.base import Page, Query
from milepost_server.storage.run_facets import Grouping
from milepost_server.storage.sql.comparisons import Bool, begins
from milepost_server.storage.sql.dialects import characters
from milepost_server.storage.sql.groups import group_runs
from milepost_server.storage.sql.keys import find_keys
from milepost_server.storage.sql.run_search import count_runs
from milepost_server.storage.sql.schema import HEAD_LENGTH, attribute_key, run_param, run_tag, series
from milepost_server.storage.sql.statements import Connection, Statement
from milepost_server.storage.sql.values import BOOLEAN, FLOAT, INTEGER, JSON, STRING, head

# The table that has the keys of a kind, and the columns of an index behind key and experiment.
_INDEXES: dict[int, tuple[Table, tuple[str, ...]]] = {
    pb.ListRunKeysRequest.KIND_PARAM: (run_param, ("kind", "head", "run_id")),
    pb.ListRunKeysRequest.KIND_TAG: (run_tag, ("head", "run_id")),
    pb.ListRunKeysRequest.KIND_METRIC: (series, ("last_value", "run_id")),
}


class FacetRows:
    """See `storage.run_facets.RunFacets`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self, query: Query) -> int:
        return await count_runs(self._connection, query)

    async def group(self, query: Query, grouping: Grouping) -> list[pb.RunGroup]:
        return await group_runs(self._connection, query, grouping)

    async def keys(
        self,
        kind: pb.ListRunKeysRequest.Kind.ValueType,
        experiment_ids: Sequence[int],
        prefix: str,
        limit: int,
        after: str | None,
    ) -> Page[str]:
        # Known keys are few beside runs, and whether one is used is a look at the first entry of an index: 12,000 keys
        # take some 15 ms, whatever the number of runs. So nothing has to be kept up to date by those who write.
        table, order = _INDEXES[kind]
        used = select(table.c.run_id).where(table.c.key_id == attribute_key.c.id, *_within(table, experiment_ids))
        # By its order the index must be taken: PostgreSQL would rather look through all rows for the first of a key,
        # and does so in vain where there is none.
        first = used.order_by(*(table.c[column] for column in order)).limit(1).scalar_subquery()
        name = attribute_key.c.name
        chosen = select(name).where(*begins(name, prefix), first.is_not(None))
        if after is not None:
            chosen = chosen.where(name > after)
        rows = await self._connection.fetch(Statement(chosen.order_by(name).limit(limit + 1)))
        names = [row[0] for row in rows]
        return Page(names[:limit], (names[limit - 1],) if len(names) > limit else None)

    async def values(
        self, column: Param | Tag, experiment_ids: Sequence[int], prefix: str, limit: int, after: str | None
    ) -> Page[pb.RunValue]:
        keys = await find_keys(self._connection, [column.key])
        if not keys:
            return Page([], None)
        parts = self._parts(column, [keys[column.key]], experiment_ids, prefix)
        if after is not None:
            parts = [part.where(part.selected_columns[0] > literal(after)) for part in parts]
        firsts = [part.order_by(part.selected_columns[0]).limit(limit + 1).subquery() for part in parts]
        # A value may be in several parts: the integer 1 and the string.
        counts: Counter[str] = Counter()
        for text, count in await self._connection.fetch(Statement(union_all(*(select(first) for first in firsts)))):
            counts[text] += count
        found = sorted(counts.items())
        last = (found[limit - 1][0],) if len(found) > limit else None
        return Page([pb.RunValue(text=text, runs=count) for text, count in found[:limit]], last)

    def _parts(
        self, column: Param | Tag, key_ids: Sequence[int], experiment_ids: Sequence[int], prefix: str
    ) -> list[Select[tuple[str, int]]]:
        """Values with their numbers of runs, in parts that an index has in order."""
        table = (run_param if isinstance(column, Param) else run_tag).alias()
        text: ColumnElement[str] = table.c.text if isinstance(column, Param) else table.c.value
        within = [table.c.key_id.in_(key_ids), *_within(table, experiment_ids)]
        length = characters(self._connection.dialect, table.c.head)
        heads = select(table.c.head, func.count()).where(*within, *begins(table.c.head, prefix), length < HEAD_LENGTH)
        long = select(text, func.count()).where(
            *within, *begins(table.c.head, head(prefix)), length == HEAD_LENGTH, *begins(text, prefix)
        )
        parts = [long.group_by(text)]
        if not isinstance(column, Param):
            return [*parts, heads.group_by(table.c.head)]
        kinds = (STRING, INTEGER, FLOAT, BOOLEAN, JSON)
        return [*parts, *(heads.where(table.c.kind == kind).group_by(table.c.head) for kind in kinds)]


def _within(table: FromClause, experiment_ids: Sequence[int]) -> list[Bool]:
    return [table.c.experiment_id.in_(experiment_ids)] if experiment_ids else []
