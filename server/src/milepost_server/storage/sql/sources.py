"""Where the runs of a search can be read from: all of an experiment, or those that one condition finds by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, literal_column, select

from milepost_server.filters.ast import And, Attribute, Comparison, DatasetField, Expression, In
from milepost_server.storage.sql.comparisons import Bool, Leaf, Plain, join
from milepost_server.storage.sql.conditions import (
    Place,
    Scope,
    bounds_of,
    by_place,
    condition,
    holds,
    keyed,
)
from milepost_server.storage.sql.schema import dataset, run, run_input
from milepost_server.storage.sql.searchable import RUN
from milepost_server.storage.sql.statements import Connection, Statement, named


@dataclass(frozen=True)
class Source:
    """Runs of one experiment.

    Args:
        rows: What to read.
        number: The column of the runs' numbers.
        where: Which rows of it. No run is among them twice.
        bounds: A part of that: the range of an index.
        rest: The conditions of the filter that remain to be asked of them.
        place: What decided.
        table: The alias of the table of runs when that is what is read.
        count: How many rows there are within `bounds`, as far as they were counted.
    """

    rows: FromClause
    number: ColumnElement[int]
    where: tuple[Bool, ...]
    bounds: tuple[Bool, ...] = ()
    rest: tuple[Expression, ...] = ()
    place: Place | None = None
    table: FromClause | None = None
    count: int = 0

    def scope(self, scope: Scope, *, whole: bool = False) -> Scope:
        """Where conditions are asked that are no part of the source."""
        return replace(scope, number=self.number, table=self.table, whole=whole)

    def asked(self, scope: Scope, *, whole: bool) -> list[Bool]:
        """The conditions of the filter that are not in `where`."""
        return [condition(self.scope(scope, whole=whole), joined(self.rest))] if self.rest else []


def joined(terms: Sequence[Expression]) -> Expression:
    """One expression that is true where all are."""
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def terms_of(filter_: Expression | None) -> tuple[Expression, ...]:
    """The expressions that must all be true."""
    if filter_ is None:
        return ()
    return filter_.terms if isinstance(filter_, And) else (filter_,)


def all_runs(experiment_id: int, terms: Sequence[Expression]) -> Source:
    """All runs of an experiment."""
    return Source(run, run.c.id, (run.c.experiment_id == experiment_id,), rest=tuple(terms), table=run)


def deleted_runs(experiment_id: int, terms: Sequence[Expression]) -> Source:
    """The deleted runs of an experiment."""
    table = named(run, "found")
    where = (table.c.experiment_id == experiment_id, table.c.delete_us.is_not(None))
    return Source(table, table.c.id, where, where, tuple(terms), table=table)


def indexed(scope: Scope, experiment_id: int, terms: Sequence[Expression]) -> list[Source] | None:
    """For each of some conditions that must all be true, the runs that it finds, where an index has them.

    None when one of them is true of no run, since nothing has its key.
    """
    places, others = by_place(terms)
    sources: list[Source] = []
    for place, leaves in places.items():
        rest = tuple(other for other in terms if other not in leaves)
        if place[0] is Attribute:
            sources += _by_attributes(scope, experiment_id, leaves, rest)
            continue
        found = keyed(scope, place, "found")
        if found is None:
            return None
        table, where = found
        within = (*where, table.c.experiment_id == experiment_id)
        bounded = tuple(bounds_of(RUN, table, leaves))
        exact = join(and_, [holds(scope, table, leaf) for leaf in leaves])
        sources.append(Source(table, table.c.run_id, (*within, *bounded, exact), (*within, *bounded), rest, place))
    for term in others:
        sources += _by_dataset(scope, experiment_id, term, tuple(other for other in terms if other is not term))
    return sources


def _by_attributes(
    scope: Scope, experiment_id: int, leaves: Sequence[Leaf], rest: tuple[Expression, ...]
) -> Iterator[Source]:
    table = named(run, "found")
    names = {getattr(leaf.operand, "name", ""): leaf for leaf in leaves}
    quick = [leaf for name, leaf in names.items() if name in ("run_id", "parent_run_id")]
    bounds = bounds_of(RUN, table, quick)
    # Runs of one id or one parent are fewer than those of an experiment: written so, no index is read by the latter.
    within = table.c.experiment_id + 0 == experiment_id
    if not bounds and "start_time" in names:
        bounds = bounds_of(RUN, table, [names["start_time"]])
        within = table.c.experiment_id == experiment_id
    if bounds:
        exact = join(and_, [holds(scope, table, leaf) for leaf in leaves])
        yield Source(table, table.c.id, (within, exact), (within, *bounds), rest, (Attribute, ""), table)


def _by_dataset(scope: Scope, experiment_id: int, term: Expression, rest: tuple[Expression, ...]) -> Iterator[Source]:
    match term:
        case Comparison(DatasetField("name" | "digest" as name), "=") | In(
            DatasetField("name" | "digest" as name), negated=False
        ):
            uses = (
                select(run_input.c.run_id)
                .join(dataset, dataset.c.id == run_input.c.dataset_id)
                .where(dataset.c.experiment_id == experiment_id, Plain(dataset.c[name]).holds(term, scope.dialect))
                .distinct()
                .subquery()
            )
            yield Source(uses, uses.c.run_id, (), (), rest)


async def counted(connection: Connection, sources: Sequence[Source], most: int | None) -> list[Source]:
    """Sources with the number of rows within their bounds, of which `most` are counted."""
    if not sources:
        return []
    counts = [_count(source, most) for source in sources]
    (row,) = await connection.fetch(Statement(select(*counts)))
    return [replace(source, count=count) for source, count in zip(sources, row, strict=True)]


def _count(source: Source, most: int | None) -> ColumnElement[int]:
    rows: Select[tuple[int]] = select(literal_column("1").label("one")).select_from(source.rows).where(*source.bounds)
    if most is not None:
        rows = rows.limit(most)
    return select(func.count()).select_from(rows.subquery()).scalar_subquery()
