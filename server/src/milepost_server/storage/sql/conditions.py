"""Filters as conditions of SQL that are never null: the logic has two values. `docs/filters.md` has the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    false,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.engine import Dialect

from milepost_server.filters.ast import (
    INTEGER_SUMMARIES,
    And,
    Attribute,
    DatasetField,
    Expression,
    IsNull,
    Metric,
    Not,
    Operand,
    Or,
    Param,
    Tag,
    ValueKind,
)
from milepost_server.storage.sql.comparisons import Bool, Compared, Count, Float, Leaf, ParamValue, Plain, join
from milepost_server.storage.sql.schema import dataset, run_input
from milepost_server.storage.sql.searchable import Searchable
from milepost_server.storage.sql.statements import named

# Hash tables of PostgreSQL's that fit its memory (`work_mem`) for sure.
_MOST_HASHED = 10_000
# PostgreSQL makes a join of each EXISTS without an OFFSET. That helps where most rows are looked at, but to plan
# hundreds of joins takes minutes.
_MOST_JOINS = 12
# Ranges of so many conditions on one place are told.
_MOST_BOUNDS = 10

Place: TypeAlias = tuple[type[Operand], str]
"""A row that holds operands: one of the entity itself, or that of one key of a param, tag or metric."""


@dataclass(frozen=True)
class Scope:
    """What a filter is asked of.

    Args:
        dialect: The database.
        entity: What is searched.
        number: The number of the entity's row, a column of the statement.
        keys: Numbers of the keys that the filter names, those that have one.
        table: The entity's rows, where they are a part of the statement; None where they must be looked up.
        experiment_id: The experiment of all rows, when there is only one.
        whole: Whether the statement goes through most rows, so that what a condition finds is better had once for all.
        counts: Of some places, about how many rows the conditions on them find. Those that find least are tried first.
        most_in_set: What conditions find is had once where `counts` says that it is less than this.
    """

    dialect: Dialect
    entity: Searchable
    number: ColumnElement[int]
    keys: Mapping[str, int]
    table: FromClause | None = None
    experiment_id: int | None = None
    whole: bool = False
    counts: Mapping[Place, int] = field(default_factory=dict)
    most_in_set: int = 0


def named_keys(expression: Expression | None) -> Iterator[str]:
    """Keys of params, tags and metrics that a filter names."""
    match expression:
        case None:
            return
        case And(terms) | Or(terms):
            for term in terms:
                yield from named_keys(term)
        case Not(term):
            yield from named_keys(term)
        case _:
            if isinstance(expression.operand, Param | Tag | Metric):
                yield expression.operand.key


def place_of(expression: Expression) -> Place | None:
    """The place whose one row decides a condition, true only where that row is; None for all else."""
    if isinstance(expression, And | Or | Not) or (isinstance(expression, IsNull) and not expression.negated):
        return None
    match expression.operand:
        case DatasetField() | Attribute(_, ValueKind.TEXTS):
            return None
        case Attribute():
            return Attribute, ""
        case operand:
            return type(operand), operand.key


def by_place(terms: Iterable[Expression]) -> tuple[dict[Place, list[Leaf]], list[Expression]]:
    """Conditions by the place that decides them, and those that none decides."""
    places: dict[Place, list[Leaf]] = {}
    others: list[Expression] = []
    for term in terms:
        place = place_of(term)
        if place is None or isinstance(term, And | Or | Not):
            others.append(term)
        else:
            places.setdefault(place, []).append(term)
    return places, others


def condition(scope: Scope, filter_: Expression) -> Bool:
    """The condition that holds for the rows that a filter finds."""
    return _Conditions(scope, _size(filter_)).of(filter_)


def in_turn(dialect: Dialect, conditions: Sequence[Bool]) -> Bool:
    """All of some conditions, asked in this order until one is false."""
    if dialect.name != "postgresql" or len(conditions) > _MOST_JOINS:
        return join(and_, list(conditions))
    # PostgreSQL would begin with what it takes for cheap, and make joins of sets.
    asked: Bool = true()
    for condition_ in reversed(conditions):
        asked = case((condition_, asked), else_=false())
    return asked


def _size(expression: Expression) -> int:
    """The number of conditions of a filter."""
    match expression:
        case And(terms) | Or(terms):
            return sum(map(_size, terms))
        case Not(term):
            return _size(term)
        case _:
            return 1


class _Conditions:
    def __init__(self, scope: Scope, size: int) -> None:
        self._scope = scope
        self._joins = scope.whole and size <= _MOST_JOINS

    def of(self, expression: Expression) -> Bool:
        match expression:
            case And(terms):
                parts = list(self._parts(terms, and_))
                return join(and_, parts) if self._scope.whole else in_turn(self._scope.dialect, parts)
            case Or(terms):
                return join(or_, list(self._parts(terms, or_)))
            case Not(term):
                return not_(self.of(term))
            case IsNull(operand, negated=False):
                return not_(self.of(IsNull(operand, negated=True)))
            case _ if isinstance(expression.operand, DatasetField):
                return self._has_dataset(expression.operand, expression)
            case _ if isinstance(expression.operand, Attribute) and expression.operand.kind is ValueKind.TEXTS:
                return self._has_listed(expression.operand, expression)
            case _:
                place = place_of(expression)
                assert place is not None
                return self._row(place, [expression], and_)

    def _parts(self, terms: Iterable[Expression], combine: Any) -> Iterator[Bool]:
        """Conditions on one row are asked of it together; cheap ones and those that find little come first."""
        places, others = by_place(terms)
        for place in sorted(places, key=self._cost):
            yield self._row(place, places[place], combine)
        for term in others:
            yield self.of(term)

    def _cost(self, place: Place) -> tuple[int, int]:
        kinds: tuple[type[Operand], ...] = (Attribute, Tag, Param, Metric)
        return self._scope.counts.get(place, 2**63), kinds.index(place[0])

    def _holds(self, table: FromClause, leaves: list[Leaf], combine: Any) -> Bool:
        return join(combine, [holds(self._scope, table, leaf) for leaf in leaves])

    def _once(self, place: Place) -> bool:
        """Whether what conditions on a place find is had as a set."""
        match self._scope.dialect.name:
            case "sqlite":
                # It has no other way to go through all rows of a place once.
                return self._scope.whole or self._count(place) < self._scope.most_in_set
            case "postgresql":
                return not self._scope.whole and self._count(place) < min(self._scope.most_in_set, _MOST_HASHED)
        return False

    def _count(self, place: Place) -> int:
        return self._scope.counts.get(place, self._scope.most_in_set)

    def _row(self, place: Place, leaves: list[Leaf], combine: Any) -> Bool:
        """Whether there is the row of a place, and conditions on it hold."""
        if place[0] is Attribute:
            if self._scope.table is not None:
                return self._holds(self._scope.table, leaves, combine)
            own = named(self._scope.entity.table, "own")
            return self._exists(own, own.c.id, self._holds(own, leaves, combine))
        rows = self._scope.entity.keyed[place[0]]
        if rows.sorting is not None and combine is and_ and len(leaves) > 1:
            # Each may be met by another of several rows.
            return join(and_, [self._row(place, [leaf], and_) for leaf in leaves])
        found = keyed(self._scope, place, "asked")
        if found is None:
            return false()
        table, where = found
        number = table.c[rows.number]
        asked = self._holds(table, leaves, combine)
        once = self._once(place)
        if once or self._scope.whole:
            # What is asked of single rows finds them by their key; this is for indexes over all of them.
            if self._scope.experiment_id is not None:
                where.append(table.c.experiment_id == self._scope.experiment_id)
            if combine is and_ or len(leaves) == 1:
                where += bounds_of(self._scope.entity, table, leaves)
        if not once:
            return self._exists(table, number, *where, asked)
        found_runs = select(number).select_from(table).where(*where, asked)
        if self._scope.dialect.name == "postgresql":
            # There are not more. PostgreSQL makes a hash table only where it knows that there are not too many.
            found_runs = found_runs.limit(_MOST_HASHED)
        # As a sum, it keeps SQLite from looking up each member of the set in the index of what asks.
        return (self._scope.number + 0).in_(found_runs)

    def _has_dataset(self, operand: DatasetField, leaf: Leaf) -> Bool:
        column = run_input.c.context if operand.field == "context" else dataset.c[operand.field]
        joined = run_input.join(dataset, dataset.c.id == run_input.c.dataset_id)
        within = () if self._scope.experiment_id is None else (dataset.c.experiment_id == self._scope.experiment_id,)
        return self._exists(joined, run_input.c.run_id, *within, Plain(column).holds(leaf, self._scope.dialect))

    def _has_listed(self, operand: Attribute, leaf: Leaf) -> Bool:
        listed = self._scope.entity.listed[operand.name]
        table = named(listed.table, "listed")
        number, asked = table.c[listed.number], Plain(table.c[listed.value]).holds(leaf, self._scope.dialect)
        if self._scope.whole and self._scope.dialect.name == "sqlite":
            return (self._scope.number + 0).in_(select(number).where(asked))
        return self._exists(table, number, asked)

    def _exists(self, source: FromClause, number: ColumnElement[int], *conditions: Bool) -> Bool:
        """Whether a row of `source` with the number meets conditions."""
        found: Select[Any] = select(literal_column("1")).select_from(source)
        found = found.where(number == self._scope.number, *conditions)
        # What has an OFFSET is looked up row by row. A planner that makes joins of it instead goes by what it guesses
        # of the data, and some guesses cost minutes.
        return exists(found if self._joins else found.offset(0))


def holds(scope: Scope, table: FromClause, leaf: Leaf) -> Bool:
    """Whether a condition is true of a row of the table that has its operand."""
    there, compared = compared_with(scope.entity, table, leaf.operand)
    return and_(*there, compared.holds(leaf, scope.dialect))


def keyed(scope: Scope, place: Place, role: str) -> tuple[FromClause, list[Bool]] | None:
    """The table that has the rows of a key, under a name, and which of them; None when nothing has the key."""
    kind, key = place
    rows = scope.entity.keyed[kind]
    table = named(rows.table, role)
    has_key = rows.has_key(table, key, scope.keys)
    return None if has_key is None else (table, [has_key])


def bounds_of(entity: Searchable, table: FromClause, leaves: Iterable[Leaf]) -> list[Bool]:
    """Ranges of indexed columns outside of which some condition on a row is false."""
    bounds = (bound for leaf in leaves for bound in compared_with(entity, table, leaf.operand)[1].bounds(leaf))
    return list(islice(bounds, _MOST_BOUNDS))


def compared_with(entity: Searchable, table: FromClause, operand: Operand) -> tuple[list[Bool], Compared]:
    """When the operand is there, in a row of its table, and what it is compared by."""
    match operand:
        case Attribute(name, kind):
            column = entity.column(table, name)
            there: Bool = column != "" if kind is ValueKind.TEXT else column.is_not(None)
            return [there], Plain(column)
        case Tag():
            return [], entity.keyed[Tag].tag_compared(table)
        case Param():
            return [], ParamValue(table)
        case Metric(_, summary) if summary in INTEGER_SUMMARIES:
            return [table.c[summary].is_not(None)], Count(table.c[summary])
        case Metric(_, summary):
            value, kind_name = entity.keyed[Metric].floats(summary)
            # No other check that it is there: where the index is enough, rows need not be read.
            return [], Float(table.c[value], table.c[kind_name])
        case DatasetField():
            raise TypeError("inputs of a run have more than one row")
