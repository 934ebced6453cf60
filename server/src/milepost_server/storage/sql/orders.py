"""Orders of the filter language in SQL: as terms that are never null, and as parts that an index has in order.

Both give a row the same position, so that each page of a list may be read in either way. The rules: `docs/filters.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    tuple_,
)
from sqlalchemy.engine import Dialect

from milepost_server.filters.ast import INTEGER_SUMMARIES, Attribute, Metric, OrderKey, Param, Tag, ValueKind
from milepost_server.storage.sql.comparisons import Bool
from milepost_server.storage.sql.schema import HEAD_LENGTH, run, run_param, run_tag, series
from milepost_server.storage.sql.searchable import Keyed, Searchable
from milepost_server.storage.sql.sources import Source
from milepost_server.storage.sql.statements import named
from milepost_server.storage.sql.values import BOOLEAN, FLOAT, JSON, NAN, STRING

# Values sort before NaN, and NaN before what is missing, in both directions.
_VALUE, _NAN, _MISSING = 0, 1, 2
# Params by their kinds: an index has each kind by itself.
_NUMBERS, _BOOLEANS, _STRINGS, _DOCUMENTS = 0, 1, 2, 3


@dataclass(frozen=True)
class Term:
    """One expression to sort by."""

    value: ColumnElement[Any]
    descending: bool


@dataclass(frozen=True)
class Phase:
    """Runs that come one after the other in an order, and that an index has in this order.

    Args:
        source: The runs.
        terms: For each term of the order a column of the source, or the value that it has for all of these runs.
        has_key: Whether the source is the rows of a key.
    """

    source: Source
    terms: tuple[Any, ...]
    has_key: bool = False

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """The terms that are columns."""
        return [term for term in self.terms if isinstance(term, ColumnElement)]

    def holds(self, position: Sequence[Any]) -> bool:
        """Whether a position is that of one of these runs."""
        return all(isinstance(term, ColumnElement) or term == at for term, at in zip(self.terms, position, strict=True))

    def place(self, position: Sequence[Any]) -> list[Any]:
        """What a position has for the columns."""
        return [at for term, at in zip(self.terms, position, strict=True) if isinstance(term, ColumnElement)]

    def position(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The position of a run whose columns have some values."""
        rest = iter(values)
        return tuple(next(rest) if isinstance(term, ColumnElement) else term for term in self.terms)


class Ordered:
    """Rows joined with what they are sorted by.

    Args:
        entity: What the rows are of.
        rows: The rows.
        number: Their number.
        table: The entity's own rows where they are a part of `rows`.
        keys: Numbers of keys by name.
    """

    def __init__(
        self,
        entity: Searchable,
        rows: FromClause,
        number: ColumnElement[int],
        table: FromClause | None,
        keys: Mapping[str, int],
    ) -> None:
        self.rows = rows
        self._entity = entity
        self._number = number
        self._table = table
        self._keys = keys
        self._joins = 0

    def terms(self, key: OrderKey) -> list[Term]:
        """How to sort by a key; joins what that needs."""
        match key.operand:
            case Attribute(name, kind):
                column = self._entity.column(self._own(), name)
                if name in self._entity.long:
                    column = func.substr(column, 1, HEAD_LENGTH)
                return _attribute(column, name, kind, key.descending)
            case Metric(name, summary):
                metrics = self._entity.keyed[Metric]
                table = self._joined(metrics, name)
                if summary in INTEGER_SUMMARIES:
                    return _optional(table.c[summary], 0, key.descending)
                value, kind_name = metrics.floats(summary)
                return _float(table.c[kind_name], table.c[value], key.descending)
            case Param(name):
                return _param(self._joined(self._entity.keyed[Param], name), key.descending)
            case Tag(name):
                tags = self._entity.keyed[Tag]
                return _optional(tags.tag_head(self._joined(tags, name)), "", key.descending)
            case _:
                raise TypeError(f"cannot sort by {key.operand}")

    def _own(self) -> FromClause:
        if self._table is None:
            self._table = named(self._entity.table, "by_own")
            # An outer join, though there is always a row: it leaves the order of the rows to their index.
            self.rows = self.rows.outerjoin(self._table, self._table.c.id == self._number)
        return self._table

    def _joined(self, source: Keyed, key: str) -> FromClause:
        self._joins += 1
        table = named(source.table, f"by_{self._joins}")
        has_key = source.has_key(table, key, self._keys)
        mine = table.c[source.number] == self._number
        mine = and_(mine, *source.is_sorted_by(table))
        self.rows = self.rows.outerjoin(table, false() if has_key is None else and_(mine, has_key))
        return table


def _attribute(column: ColumnElement[Any], name: str, kind: ValueKind, descending: bool) -> list[Term]:
    if kind is ValueKind.TEXT:
        return [Term(case((column == "", _MISSING), else_=_VALUE), descending=False), Term(column, descending)]
    if name == "end_time":
        return _optional(column, 0, descending)
    return [Term(column, descending)]


def _optional(column: ColumnElement[Any], stand_in: Any, descending: bool) -> list[Term]:
    missing = case((column.is_(None), _MISSING), else_=_VALUE)
    return [Term(missing, descending=False), Term(func.coalesce(column, stand_in), descending)]


def _float(kind: ColumnElement[int], value: ColumnElement[float], descending: bool) -> list[Term]:
    place = case((kind.is_(None), _MISSING), (kind == NAN, _NAN), else_=_VALUE)
    return [Term(place, descending=False), Term(func.coalesce(value, 0.0), descending)]


def _param(table: FromClause, descending: bool) -> list[Term]:
    kind, number_kind = table.c.kind, table.c.number_kind
    place = case((kind.is_(None), _MISSING), (number_kind == NAN, _NAN), else_=_VALUE)
    is_number = or_(number_kind.is_not(None), kind.is_(None))
    group = case((is_number, _NUMBERS), (kind == BOOLEAN, _BOOLEANS), (kind == STRING, _STRINGS), else_=_DOCUMENTS)
    return [
        Term(place, descending=False),
        Term(group, descending),
        Term(func.coalesce(table.c.number, 0.0), descending),
        Term(case((is_number, ""), else_=table.c.head), descending),
    ]


def phases(keys: Mapping[str, int], experiment_id: int, key: OrderKey) -> list[Phase] | None:
    """The runs of an experiment in an order; None when no index has it."""
    match key.operand:
        case Attribute("start_time"):
            table = named(run, "sorted")
            within = table.c.experiment_id == experiment_id
            return [Phase(Source(table, table.c.id, (within,), table=table), (table.c.start_us,))]
        case Metric(name, "last" | "min" | "max" as summary):
            return _metric_phases(_Key(series, keys.get(name, 0), experiment_id), summary)
        case Param(name):
            return _param_phases(_Key(run_param, keys.get(name, 0), experiment_id), key.descending)
        case Tag(name):
            tags = _Key(run_tag, keys.get(name, 0), experiment_id)
            return [tags.phase(lambda table: ((), (_VALUE, table.c.head))), tags.missing((_MISSING, ""))]
    return None


def _metric_phases(metrics: _Key, summary: str) -> list[Phase]:
    kind, value = f"{summary}_kind", f"{summary}_value"
    return [
        metrics.phase(lambda table: ((table.c[value].is_not(None),), (_VALUE, table.c[value]))),
        metrics.phase(lambda table: ((table.c[value].is_(None), table.c[kind] == NAN), (_NAN, 0.0))),
        metrics.missing((_MISSING, 0.0), kind),
    ]


def _param_phases(params: _Key, descending: bool) -> list[Phase]:
    values = [
        params.phase(lambda table: ((table.c.number.is_not(None),), (_VALUE, _NUMBERS, table.c.number, ""))),
        *(params.texts(kind, group) for kind, group in ((BOOLEAN, _BOOLEANS), (STRING, _STRINGS), (JSON, _DOCUMENTS))),
    ]
    return [
        *(reversed(values) if descending else values),
        params.phase(lambda table: ((table.c.kind == FLOAT, table.c.head == "nan"), (_NAN, _NUMBERS, 0.0, ""))),
        params.missing((_MISSING, _NUMBERS, 0.0, "")),
    ]


@dataclass(frozen=True)
class _Key:
    """The rows of one key in one experiment."""

    rows: Table
    key_id: int
    experiment_id: int

    def phase(self, parts: Any) -> Phase:
        """The runs whose row meets conditions. `parts` makes these and the terms, of the table."""
        table = named(self.rows, "sorted")
        where, terms = parts(table)
        within = (table.c.key_id == self.key_id, table.c.experiment_id == self.experiment_id)
        return Phase(Source(table, table.c.run_id, (*within, *where)), terms, has_key=True)

    def texts(self, kind: int, group: int) -> Phase:
        """The runs whose param is of a kind that is sorted by its text."""
        return self.phase(lambda table: ((table.c.kind == kind,), (_VALUE, group, 0.0, table.c.head)))

    def missing(self, position: tuple[Any, ...], needed: str | None = None) -> Phase:
        """The runs that have no such row, or one where the column `needed` is null."""
        own, table = named(run, "sorted"), named(self.rows, "kept")
        found = exists().where(table.c.run_id == own.c.id, table.c.key_id == self.key_id)
        if needed is not None:
            found = found.where(table.c[needed].is_not(None))
        where = (own.c.experiment_id == self.experiment_id, not_(found))
        return Phase(Source(own, own.c.id, where, table=own), position)


def behind(dialect: Dialect, terms: Sequence[Term], position: Sequence[Any]) -> Bool:
    """What comes after a position: equal in the first terms and behind it in the next."""
    values = [literal(value, term.value.type) for term, value in zip(terms, position, strict=True)]
    if _by_tuples(dialect, terms):
        mine = tuple_(*(term.value for term in terms))
        return mine < tuple_(*values) if terms[0].descending else mine > tuple_(*values)
    alternatives: list[Bool] = []
    equal: list[Bool] = []
    for term, value in zip(terms, values, strict=True):
        after = term.value < value if term.descending else term.value > value
        alternatives.append(and_(*equal, after))
        equal.append(term.value == value)
    # Says nothing new, but indexes are read by it.
    first = terms[0].value <= values[0] if terms[0].descending else terms[0].value >= values[0]
    return and_(first, or_(*alternatives))


def not_behind(dialect: Dialect, terms: Sequence[Term], position: Sequence[Any]) -> Bool:
    """What comes up to a position, and perhaps some more that is equal in the first term."""
    values = [literal(value, term.value.type) for term, value in zip(terms, position, strict=True)]
    if _by_tuples(dialect, terms):
        mine = tuple_(*(term.value for term in terms))
        return mine >= tuple_(*values) if terms[0].descending else mine <= tuple_(*values)
    return terms[0].value >= values[0] if terms[0].descending else terms[0].value <= values[0]


def _by_tuples(dialect: Dialect, terms: Sequence[Term]) -> bool:
    # MariaDB does not read indexes by tuples.
    return dialect.name in ("sqlite", "postgresql") and len({term.descending for term in terms}) == 1
