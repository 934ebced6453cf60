"""The search for runs.

Those of one experiment are found in one of three ways. Databases are left no choice between them, since each guesses
wrong about some data, and then takes minutes:

- When some condition finds few runs by an index: these are read, asked the other conditions and sorted.
- When an index has the order: it is followed from the position on, and each run asked all conditions. Where that finds
  too little for too long, it is given up.
- Else the runs of the condition that finds least, or all runs, are read and sorted.

Those of a few experiments are found one experiment after the other and merged; those of many by one plain statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, not_, select

from milepost import v1 as pb
from milepost_server.filters.ast import (
    Attribute,
    Comparison,
    Expression,
    In,
    IsNull,
    ValueKind,
)
from milepost_server.storage.base import Query
from milepost_server.storage.sql.comparisons import Bool, Leaf, join
from milepost_server.storage.sql.conditions import Scope, bounds_of, by_place, holds, in_turn, place_of
from milepost_server.storage.sql.orders import Ordered, Phase, Term, behind, not_behind, phases
from milepost_server.storage.sql.schema import experiment, run
from milepost_server.storage.sql.search import Position, key_numbers, limited, order_terms, page_of, sorted_rows
from milepost_server.storage.sql.searchable import RUN
from milepost_server.storage.sql.sources import Source, all_runs, counted, deleted_runs, indexed, terms_of
from milepost_server.storage.sql.statements import Connection, Statement, named

_START_TIME = Attribute("start_time", ValueKind.TIME)
# So many runs are read and sorted sooner than an index is followed.
_FEW = 3000
# Rows are counted up to this number, to ask the condition first that finds least.
_COUNTED = 10_000
# So many runs are looked at in order before that is given up.
_WALKED = 5000
# So many experiments are searched one by one.
_EXPERIMENTS = 8
# To have a run in a set costs a fraction of looking it up.
_SET = 8
# From so many runs on, conditions are asked of all at once.
_MANY = 20_000


async def search_runs(connection: Connection, query: Query) -> tuple[list[int], Position | None]:
    """Numbers of the runs of a page, and the position of the last; None when it is the last page."""
    keys = await key_numbers(connection, query.filter, query.order_by)
    return page_of(query, await _Search(connection, query, keys).page())


async def count_runs(connection: Connection, query: Query) -> int:
    """The number of runs that a query finds on all its pages."""
    return await _Search(connection, query, await key_numbers(connection, query.filter)).count()


async def chosen_runs(connection: Connection, query: Query) -> list[Bool]:
    """The conditions for rows of `run` that a query finds on all its pages."""
    search = _Search(connection, query, await key_numbers(connection, query.filter))
    return search.anywhere(search.scope(None), whole=True)


def _experiments(query: Query, terms: Sequence[Expression]) -> frozenset[int] | None:
    """The experiments that the request and the conditions of the filter leave; None for all."""
    wanted = frozenset(query.experiment_ids) if query.experiment_ids else None
    for term in terms:
        match term:
            case Comparison(Attribute("experiment_id"), "=", int(value)):
                named = frozenset([value])
            case In(Attribute("experiment_id"), values, negated=False):
                named = frozenset(value for value in values if isinstance(value, int))
            case _:
                continue
        wanted = named if wanted is None else wanted & named
    return wanted


class _Search:
    def __init__(self, connection: Connection, query: Query, keys: Mapping[str, int]) -> None:
        self.connection = connection
        self.query = query
        self.keys = keys
        self.terms = terms_of(query.filter)
        self._experiment_ids = _experiments(query, self.terms)

    def scope(self, experiment_id: int | None) -> Scope:
        return Scope(self.connection.dialect, RUN, run.c.id, self.keys, experiment_id=experiment_id)

    async def page(self) -> list[Position]:
        """Positions of the runs of a page, and of one more if there is one."""
        few = await self._few_experiments()
        if few is None:
            by_start = self.query.order_by[0].operand == _START_TIME
            where = self.anywhere(self.scope(None), whole=not by_start)
            ordered = Ordered(RUN, run, run.c.id, run, self.keys)
            return await sorted_rows(self.connection, self.query, ordered, run.c.id, where)
        parts = [await _Within(self, number).page() for number in few]
        return parts[0] if len(parts) == 1 else self._merged([one for part in parts for one in part])

    async def count(self) -> int:
        few = await self._few_experiments()
        if few is None:
            chosen = select(func.count()).select_from(run).where(*self.anywhere(self.scope(None), whole=True))
            ((count,),) = await self.connection.fetch(Statement(chosen))
            return int(count)
        return sum([await _Within(self, number).count() for number in few])

    async def _few_experiments(self) -> list[int] | None:
        """The experiments to look in when they are few and one statement for all of them would be slow."""
        if self._experiment_ids is not None:
            numbers = sorted(self._experiment_ids)
        else:
            rows = await self.connection.fetch(Statement(select(experiment.c.id).limit(_EXPERIMENTS + 1)))
            numbers = [row[0] for row in rows]
        if len(numbers) <= 1:
            return numbers
        if len(numbers) > _EXPERIMENTS:
            return None
        runs: Select[Any] = select(literal_column("1").label("one")).where(run.c.experiment_id.in_(numbers)).limit(_FEW)
        ((count,),) = await self.connection.fetch(Statement(select(func.count()).select_from(runs.subquery())))
        return None if count < _FEW else numbers

    def anywhere(self, scope: Scope, *, whole: bool) -> list[Bool]:
        """The conditions for rows of `run`, whatever their experiment."""
        where = () if self._experiment_ids is None else (run.c.experiment_id.in_(sorted(self._experiment_ids)),)
        return self.conditions(Source(run, run.c.id, where, rest=self.terms, table=run), scope, whole=whole)

    def conditions(
        self, source: Source, scope: Scope, *, whole: bool, view: pb.View.ValueType | None = None
    ) -> list[Bool]:
        """The conditions for the runs of a source, deleted or not as the query wants them or as `view` says."""
        view = self.query.view if view is None else view
        asked = source.asked(scope, whole=whole) + _in_view(source, view, scope.experiment_id, whole)
        if not asked:
            return list(source.where)
        return [*source.where, join(and_, asked) if whole else in_turn(scope.dialect, asked)]

    def _merged(self, found: list[Position]) -> list[Position]:
        terms = order_terms(Ordered(RUN, run, run.c.id, run, self.keys), self.query.order_by, run.c.id)
        for place, term in reversed(list(enumerate(terms))):
            found.sort(key=lambda position, place=place: position[place], reverse=term.descending)  # type: ignore[misc]
        return found[: self.query.limit + 1]


def _in_view(source: Source, view: pb.View.ValueType, experiment_id: int | None, whole: bool) -> list[Bool]:
    if view == pb.VIEW_ALL:
        return []
    if source.table is not None:
        delete_us: ColumnElement[int | None] = source.table.c.delete_us
        return [delete_us.is_not(None) if view == pb.VIEW_DELETED else delete_us.is_(None)]
    own = named(run, "viewed")
    if whole and experiment_id is not None:
        gone = select(own.c.id).where(own.c.experiment_id == experiment_id, own.c.delete_us.is_not(None))
        deleted: Bool = source.number.in_(gone)
    else:
        deleted = exists(select(own.c.id).where(own.c.id == source.number, own.c.delete_us.is_not(None)).offset(0))
    return [deleted if view == pb.VIEW_DELETED else not_(deleted)]


@dataclass(frozen=True)
class _Walk:
    """A phase of an order, followed from a position on.

    Args:
        phase: The runs.
        ordered: Them, with what they are sorted by beside.
        terms: The whole order.
        indexed: The terms that an index has.
        after: A position in `terms` to go on from. None to begin with the first run.
    """

    phase: Phase
    ordered: Ordered
    terms: list[Term]
    indexed: list[Term]
    after: list[Any] | None


class _Within:
    """A search in one experiment."""

    def __init__(self, search: _Search, experiment_id: int) -> None:
        self._search = search
        self._connection = search.connection
        self._query = search.query
        self._scope = search.scope(experiment_id)
        self._id = experiment_id

    async def page(self) -> list[Position]:
        """Positions of the runs of a page, and of one more if there is one."""
        sources = self._sources()
        if sources is None:
            return []
        if sources:
            sources = await counted(self._connection, sources, _COUNTED)
            self._note_counts(sources)
            least = min(sources, key=lambda source: source.count)
            if least.count <= _FEW:
                return await self._sorted(least, whole=False)
        walked = await self._walked()
        if walked is not None:
            return walked
        source, whole = await self._least(sources)
        return await self._sorted(source, whole=whole)

    async def count(self) -> int:
        """The number of runs on all pages."""
        sources = self._sources()
        if sources is None:
            return 0
        source, whole = await self._least(sources)
        scope = replace(self._scope, most_in_set=_SET * source.count)
        view = self._query.view
        if source.table is None and view in (pb.VIEW_UNSPECIFIED, pb.VIEW_ACTIVE):
            (deleted,) = await counted(self._connection, [deleted_runs(self._id, ())], 1)
            # Mostly there is none, and then no run needs to be looked up.
            view = view if deleted.count else pb.VIEW_ALL
        where = self._search.conditions(source, scope, whole=whole, view=view)
        ((count,),) = await self._connection.fetch(
            Statement(select(func.count()).select_from(source.rows).where(*where))
        )
        return int(count)

    def _sources(self) -> list[Source] | None:
        """Sources that have all runs to look for; None when there are no such runs."""
        sources = indexed(self._scope, self._id, self._search.terms)
        if sources is not None and self._query.view == pb.VIEW_DELETED:
            sources.append(deleted_runs(self._id, self._search.terms))
        return sources

    def _note_counts(self, sources: Sequence[Source]) -> None:
        self._scope = replace(self._scope, counts={one.place: one.count for one in sources if one.place})

    async def _least(self, sources: Sequence[Source]) -> tuple[Source, bool]:
        """The source with fewest runs, and whether these are so many that conditions are asked of all at once."""
        if not sources:
            return all_runs(self._id, self._search.terms), True
        if len(sources) == 1 and not sources[0].rest:
            return sources[0], True
        exact = await counted(self._connection, sources, None)
        self._note_counts(exact)
        least = min(exact, key=lambda source: source.count)
        return least, least.count > _MANY

    async def _sorted(self, source: Source, *, whole: bool) -> list[Position]:
        ordered = Ordered(RUN, source.rows, source.number, source.table, self._search.keys)
        where = self._search.conditions(source, self._scope, whole=whole)
        return await sorted_rows(self._connection, self._query, ordered, source.number, where)

    async def _walked(self) -> list[Position] | None:
        """The page by an index that has its order; None when there is none, or when that takes too long."""
        parts = phases(self._search.keys, self._id, self._query.order_by[0])
        if parts is None:
            return None
        found: list[Position] = []
        after = self._query.after
        place = place_of(IsNull(self._query.order_by[0].operand, negated=True))
        leaves = by_place(self._search.terms)[0].get(place, []) if place else []
        for phase in parts:
            if leaves and not phase.has_key and not isinstance(self._query.order_by[0].operand, Attribute):
                # Runs without the key, of which the filter asks something.
                continue
            if after is not None and not phase.holds(after[: len(phase.terms)]):
                continue
            some = await self._follow(
                self._walk(self._narrowed(phase, leaves), after), self._query.limit + 1 - len(found)
            )
            if some is None:
                return None
            found += some
            if len(found) > self._query.limit:
                break
            after = None
        return found

    def _narrowed(self, phase: Phase, leaves: Sequence[Leaf]) -> Phase:
        """A phase of the runs that meet the conditions on the key that it goes by, with the others left to ask."""
        source, scope = phase.source, self._scope
        if not phase.has_key or not leaves:
            return replace(phase, source=replace(source, rest=self._search.terms))
        rest = tuple(term for term in self._search.terms if term not in leaves)
        asked = [*bounds_of(RUN, source.rows, leaves), *(holds(scope, source.rows, leaf) for leaf in leaves)]
        return replace(phase, source=replace(source, where=(*source.where, join(and_, asked)), rest=rest))

    def _walk(self, phase: Phase, after: Position | None) -> _Walk:
        first, *others = self._query.order_by
        source, own = phase.source, len(phase.terms)
        ordered = Ordered(RUN, source.rows, source.number, source.table, self._search.keys)
        has = [Term(column, first.descending) for column in phase.columns]
        more = [term for key in others for term in ordered.terms(key)]
        tie = Term(source.number, self._query.order_by[-1].descending)
        place = None if after is None else [*phase.place(after[:own]), *after[own:]]
        return _Walk(phase, ordered, [*has, *more, tie], has if others else [*has, tie], place)

    async def _follow(self, walk: _Walk, limit: int) -> list[Position] | None:
        dialect, terms, source = self._connection.dialect, walk.terms, walk.phase.source
        where = self._search.conditions(source, replace(self._scope, most_in_set=_COUNTED), whole=False)
        if walk.after is not None:
            where.append(behind(dialect, terms, walk.after))
        end = await self._end(walk) if source.rest else None
        if end is not None:
            where.append(not_behind(dialect, walk.indexed, end))
        chosen = select(*(term.value for term in terms)).select_from(walk.ordered.rows).where(*where)
        rows = await self._connection.fetch(Statement(limited(chosen, terms, limit)))
        if end is not None and len(rows) < limit:
            return None
        own = len(walk.phase.columns)
        return [(*walk.phase.position(row[:own]), *row[own:]) for row in rows]

    async def _end(self, walk: _Walk) -> Sequence[Any] | None:
        """Where in an index to give up; None when all the rest of it may be looked at."""
        if not walk.indexed:
            return None
        source = walk.phase.source
        chosen: Select[Any] = select(*(term.value for term in walk.indexed)).select_from(source.rows)
        chosen = chosen.where(*source.where)
        if walk.after is not None:
            chosen = chosen.where(behind(self._connection.dialect, walk.indexed, walk.after[: len(walk.indexed)]))
        rows = await self._connection.fetch(Statement(limited(chosen, walk.indexed, 1).offset(_WALKED)))
        return rows[0] if rows else None
