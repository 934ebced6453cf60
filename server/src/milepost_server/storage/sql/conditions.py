"""Filters as conditions of SQL that are never null: the logic has two values. `docs/filters.md` has the rules."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, exists, literal_column, not_, or_, select, true
from sqlalchemy.engine import Dialect

from milepost_server.filters.ast import (
    And,
    Attribute,
    Comparison,
    DatasetField,
    Expression,
    In,
    IsNull,
    Match,
    Metric,
    Not,
    Operand,
    Or,
    Param,
    Tag,
    Value,
    ValueKind,
)
from milepost_server.storage.sql.dialects import like
from milepost_server.storage.sql.keys import key_number
from milepost_server.storage.sql.schema import (
    dataset,
    experiment,
    experiment_tag,
    run_input,
    run_param,
    run_tag,
    series,
)
from milepost_server.storage.sql.statements import in_parentheses
from milepost_server.storage.sql.values import BOOLEAN, FINITE, FLOAT, INTEGER, NEGATIVE_INFINITY, POSITIVE_INFINITY

_Bool = ColumnElement[bool]
_OPERATORS: Mapping[str, Callable[[Any, Any], _Bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# SQLite reads `a OR b OR c` as a tree as deep as the list is long, and has a limit on its depth.
_CHUNK = 50
# PostgreSQL makes a join of each EXISTS, which helps a few of them, but takes minutes to plan hundreds.
_MOST_JOINS = 12


def condition(
    dialect: Dialect, number: ColumnElement[int], attributes: Mapping[str, ColumnElement[Any]], filter_: Expression
) -> _Bool:
    """The condition that holds for the rows that a filter finds.

    Args:
        dialect: The database.
        number: Column of the entity's row number.
        attributes: Columns of the entity's attributes by name.
        filter_: What to look for.
    """
    return _Conditions(dialect, number, attributes, joins=_size(filter_) <= _MOST_JOINS).of(filter_)


def _size(expression: Expression) -> int:
    """The number of conditions of a filter."""
    match expression:
        case And(terms) | Or(terms):
            return sum(map(_size, terms))
        case Not(term):
            return _size(term)
        case _:
            return 1


@dataclass(frozen=True)
class _Conditions:
    dialect: Dialect
    number: ColumnElement[int]
    attributes: Mapping[str, ColumnElement[Any]]
    joins: bool

    def of(self, expression: Expression) -> _Bool:
        match expression:
            case And(terms):
                return _join(and_, [self.of(term) for term in terms])
            case Or(terms):
                return _join(or_, [self.of(term) for term in terms])
            case Not(term):
                return not_(self.of(term))
            case IsNull(operand, negated):
                present = self._where(operand, lambda _: true())
                return present if negated else not_(present)
            case Comparison(operand, sign, value):
                return self._where(operand, lambda value_: value_.compare(sign, value))
            case In(operand, values, negated):
                return self._where(operand, lambda value_: value_.one_of(values, negated))
            case Match(operand, pattern, case_sensitive):
                return self._where(
                    operand,
                    lambda value_: like(self.dialect, value_.text, pattern, case_sensitive=case_sensitive),
                )

    def _where(self, operand: Operand, holds: Callable[[_Compared], _Bool]) -> _Bool:
        """Whether the operand is there and `holds` is true of it."""
        match operand:
            case Attribute(name, kind):
                column = self.attributes[name]
                there = column != "" if kind is ValueKind.TEXT else column.is_not(None)
                return and_(there, holds(_Plain(column)))
            case Tag(key):
                return self._with_tag(key, holds)
            case Param(key):
                table = run_param.alias()
                return self._with_key(table, key, holds(_ParamValue(table.c.text, table)))
            case Metric(key, "count"):
                table = series.alias()
                return self._with_key(table, key, holds(_Count(table.c.count)))
            case Metric(key, summary):
                table = series.alias()
                kind_column, value_column = table.c[f"{summary}_kind"], table.c[f"{summary}_value"]
                return self._with_key(
                    table, key, and_(kind_column.is_not(None), holds(_Float(value_column, kind_column)))
                )
            case DatasetField(field):
                column = run_input.c.context if field == "context" else dataset.c[field]
                joined = run_input.join(dataset, dataset.c.id == run_input.c.dataset_id)
                return self._exists(joined, run_input.c.run_id == self.number, holds(_Plain(column)))

    def _with_key(self, table: FromClause, key: str, holds: _Bool) -> _Bool:
        return self._exists(table, table.c.run_id == self.number, table.c.key_id == key_number(key), holds)

    def _with_tag(self, key: str, holds: Callable[[_Compared], _Bool]) -> _Bool:
        if self.number.table is not experiment:
            table = run_tag.alias()
            return self._with_key(table, key, holds(_Plain(table.c.value)))
        table = experiment_tag.alias()
        return self._exists(
            table, table.c.experiment_id == self.number, table.c.key == key, holds(_Plain(table.c.value))
        )

    def _exists(self, source: FromClause, *conditions: _Bool) -> _Bool:
        found: Select[Any] = select(literal_column("1")).select_from(source).where(*conditions)
        # What has an OFFSET is looked up row by row.
        return exists(found if self.joins else found.offset(0))


def _join(combine: Callable[..., _Bool], terms: list[_Bool]) -> _Bool:
    while len(terms) > _CHUNK:
        terms = [in_parentheses(combine(*terms[begin : begin + _CHUNK])) for begin in range(0, len(terms), _CHUNK)]
    return combine(*terms)


@dataclass(frozen=True)
class _Plain:
    """A column that the database compares as the language does. It is not null."""

    text: ColumnElement[Any]

    def compare(self, sign: str, value: Value) -> _Bool:
        return _OPERATORS[sign](self.text, value)

    def one_of(self, values: Sequence[Value], negated: bool) -> _Bool:
        return self.text.not_in(values) if negated else self.text.in_(values)


class _Count(_Plain):
    """A column of integers, which may be compared with floats too."""

    def one_of(self, values: Sequence[Value], negated: bool) -> _Bool:
        # One by one: PostgreSQL wants all values of an `IN` to be of one type.
        found = _join(or_, [self.compare("=", value) for value in values])
        return not_(found) if negated else found


@dataclass(frozen=True)
class _Float:
    """A float as a finite value and its kind; neither null but for the value of NaN."""

    text: ColumnElement[Any]
    kind: ColumnElement[int]

    def compare(self, sign: str, value: Value) -> _Bool:
        finite = and_(self.kind == FINITE, _OPERATORS[sign](self.text, float(value)))
        if sign == "!=":
            return or_(self.kind != FINITE, finite)
        if sign in (">", ">="):
            return or_(self.kind == POSITIVE_INFINITY, finite)
        if sign in ("<", "<="):
            return or_(self.kind == NEGATIVE_INFINITY, finite)
        return finite

    def one_of(self, values: Sequence[Value], negated: bool) -> _Bool:
        found = and_(self.kind == FINITE, self.text.in_([float(value) for value in values]))
        return or_(self.kind != FINITE, self.text.not_in([float(value) for value in values])) if negated else found


@dataclass(frozen=True)
class _ParamValue:
    """A param: as text whatever its kind, as a number or a boolean only when it is one."""

    text: ColumnElement[Any]
    table: FromClause

    def compare(self, sign: str, value: Value) -> _Bool:
        columns = self.table.c
        if isinstance(value, str):
            return _OPERATORS[sign](self.text, value)
        if isinstance(value, bool):
            return and_(columns.kind == BOOLEAN, _OPERATORS[sign](columns.integer, int(value)))
        number = _Float(columns.number, columns.number_kind)
        if isinstance(value, int):
            exact = and_(columns.kind == INTEGER, _OPERATORS[sign](columns.integer, value))
            return or_(exact, and_(columns.kind == FLOAT, number.compare(sign, value)))
        return and_(columns.kind.in_((INTEGER, FLOAT)), number.compare(sign, value))

    def one_of(self, values: Sequence[Value], negated: bool) -> _Bool:
        if isinstance(values[0], str):
            return _Plain(self.text).one_of(values, negated)
        found = _join(or_, [self.compare("=", value) for value in values])
        return and_(self.table.c.kind.in_((INTEGER, FLOAT)), not_(found)) if negated else found


_Compared = _Plain | _Float | _ParamValue
