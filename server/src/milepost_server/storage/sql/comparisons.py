"""What one condition of a filter says about columns: exactly, and as a range that an index can be read by.

Within these conditions null stands for false; they are used where rows are chosen, never negated.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, and_, not_, or_, true
from sqlalchemy.engine import Dialect

from milepost_server.filters.ast import Comparison, In, IsNull, Match, Value
from milepost_server.storage.sql.dialects import like
from milepost_server.storage.sql.schema import HEAD_LENGTH
from milepost_server.storage.sql.statements import in_parentheses
from milepost_server.storage.sql.values import (
    BOOLEAN,
    FINITE,
    FLOAT,
    INTEGER,
    JSON,
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    STRING,
    head,
)

Bool: TypeAlias = ColumnElement[bool]
Leaf: TypeAlias = Comparison | In | Match | IsNull
OPERATORS: Mapping[str, Callable[[Any, Any], Bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Operators that hold wherever the stricter one does, for values that were rounded or cut off.
_WEAK = {"<": "<=", ">": ">="}
# SQLite reads `a OR b OR c` as a tree as deep as the list is long, and has a limit on its depth.
_CHUNK = 50
_GREATEST = sys.float_info.max
_NUMBER = re.compile("-?[0-9]|-?inf|nan")


def join(combine: Callable[..., Bool], terms: list[Bool]) -> Bool:
    """Joins any number of conditions by `and_` or `or_`."""
    while len(terms) > _CHUNK:
        terms = [in_parentheses(combine(*terms[begin : begin + _CHUNK])) for begin in range(0, len(terms), _CHUNK)]
    return combine(*terms)


class Compared:
    """Columns that hold the operand of a condition."""

    def holds(self, leaf: Leaf, dialect: Dialect) -> Bool:
        """Whether the condition is true of them, where the operand is there."""
        match leaf:
            case Comparison(_, sign, value):
                return self.compare(sign, value)
            case In(_, values, negated):
                return self.one_of(values, negated)
            case Match(_, pattern, case_sensitive):
                return self.matches(pattern, case_sensitive, dialect)
            case IsNull():
                return true()

    def bounds(self, leaf: Leaf) -> list[Bool]:
        """Ranges of an indexed column outside of which the condition is false."""
        return []

    def compare(self, sign: str, value: Value) -> Bool:
        """The condition of a comparison."""
        raise NotImplementedError

    def one_of(self, values: Sequence[Value], negated: bool) -> Bool:
        """The condition of an IN."""
        raise NotImplementedError

    def matches(self, pattern: str, case_sensitive: bool, dialect: Dialect) -> Bool:
        """The condition of a LIKE."""
        raise NotImplementedError


@dataclass(frozen=True)
class Plain(Compared):
    """A column that the database compares as the language does. It is not null."""

    column: ColumnElement[Any]

    def compare(self, sign: str, value: Value) -> Bool:
        return OPERATORS[sign](self.column, value)

    def one_of(self, values: Sequence[Value], negated: bool) -> Bool:
        return self.column.not_in(values) if negated else self.column.in_(values)

    def matches(self, pattern: str, case_sensitive: bool, dialect: Dialect) -> Bool:
        return like(dialect, self.column, pattern, case_sensitive=case_sensitive)

    def bounds(self, leaf: Leaf) -> list[Bool]:
        match leaf:
            case Comparison(_, sign, value) if sign != "!=":
                return [self.compare(sign, value)]
            case In(_, values, negated=False):
                return [self.one_of(values, negated=False)]
        return []


class Count(Plain):
    """A column of integers without an index, which may be compared with floats too."""

    def one_of(self, values: Sequence[Value], negated: bool) -> Bool:
        # One by one: PostgreSQL wants all values of an `IN` to be of one type.
        found = join(or_, [self.compare("=", value) for value in values])
        return not_(found) if negated else found

    def bounds(self, leaf: Leaf) -> list[Bool]:
        return []


@dataclass(frozen=True)
class Texts(Compared):
    """A text and its head."""

    head: ColumnElement[str]
    text: ColumnElement[str]

    def compare(self, sign: str, value: Value) -> Bool:
        # A text that is shorter than heads are compares with the head as with the text.
        column = self.head if len(str(value)) < HEAD_LENGTH else self.text
        return OPERATORS[sign](column, value)

    def one_of(self, values: Sequence[Value], negated: bool) -> Bool:
        column = self.head if all(len(str(value)) < HEAD_LENGTH for value in values) else self.text
        return column.not_in(values) if negated else column.in_(values)

    def matches(self, pattern: str, case_sensitive: bool, dialect: Dialect) -> Bool:
        return like(dialect, self.text, pattern, case_sensitive=case_sensitive)

    def bounds(self, leaf: Leaf) -> list[Bool]:
        match leaf:
            case Comparison(_, sign, value) if sign != "!=":
                return [OPERATORS[_WEAK.get(sign, sign)](self.head, head(str(value)))]
            case In(_, values, negated=False):
                return [self.head.in_([head(str(value)) for value in values])]
            case Match(_, pattern, case_sensitive=True):
                return begins(self.head, head(pattern.partition("%")[0].partition("_")[0]))
        return []


def begins(column: ColumnElement[str], prefix: str) -> list[Bool]:
    """The range of texts that begin with a prefix."""
    # The last letter gives way to the next one, past the surrogates; after the very last there is none.
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return [column >= prefix] if prefix else []
    following = "\ue000" if stem[-1] == "\ud7ff" else chr(ord(stem[-1]) + 1)
    return [column >= prefix, column < stem[:-1] + following]


@dataclass(frozen=True)
class Float(Compared):
    """A float as its kind and a finite value, which for infinities is the greatest or least there is, for NaN null."""

    value: ColumnElement[float]
    kind: ColumnElement[int]

    def holds(self, leaf: Leaf, dialect: Dialect) -> Bool:
        return self.kind.is_not(None) if isinstance(leaf, IsNull) else super().holds(leaf, dialect)

    def compare(self, sign: str, value: Value) -> Bool:
        number = float(value)
        if sign == "!=":
            return or_(self.kind != FINITE, self.value != number)
        compared = OPERATORS[sign](self.value, number)
        if abs(number) != _GREATEST:
            return compared
        finite = and_(self.kind == FINITE, compared)
        if sign in (">", ">="):
            return or_(self.kind == POSITIVE_INFINITY, finite)
        return or_(self.kind == NEGATIVE_INFINITY, finite) if sign in ("<", "<=") else finite

    def one_of(self, values: Sequence[Value], negated: bool) -> Bool:
        numbers = [float(value) for value in values]
        if negated:
            return or_(self.kind != FINITE, self.value.not_in(numbers))
        found = self.value.in_(numbers)
        return and_(self.kind == FINITE, found) if _GREATEST in map(abs, numbers) else found

    def bounds(self, leaf: Leaf) -> list[Bool]:
        match leaf:
            case Comparison(_, sign, value) if sign != "!=":
                return [OPERATORS[_WEAK.get(sign, sign)](self.value, float(value))]
            case In(_, values, negated=False):
                return [self.value.in_([float(value) for value in values])]
        return []


@dataclass(frozen=True)
class ParamValue(Compared):
    """A param: as text whatever its kind, as a number or a boolean only when it is one."""

    table: FromClause

    @property
    def _texts(self) -> Texts:
        return Texts(self.table.c.head, self.table.c.text)

    @property
    def _number(self) -> Float:
        return Float(self.table.c.number, self.table.c.number_kind)

    def compare(self, sign: str, value: Value) -> Bool:
        columns = self.table.c
        if isinstance(value, str):
            return self._texts.compare(sign, value)
        if isinstance(value, bool):
            return and_(columns.kind == BOOLEAN, OPERATORS[sign](columns.integer, int(value)))
        if isinstance(value, int):
            exact = and_(columns.kind == INTEGER, OPERATORS[sign](columns.integer, value))
            return or_(exact, and_(columns.kind == FLOAT, self._number.compare(sign, value)))
        return and_(columns.kind.in_((INTEGER, FLOAT)), self._number.compare(sign, value))

    def one_of(self, values: Sequence[Value], negated: bool) -> Bool:
        if isinstance(values[0], str):
            return self._texts.one_of(values, negated)
        if negated:
            return join(and_, [self.compare("!=", value) for value in values])
        return join(or_, [self.compare("=", value) for value in values])

    def matches(self, pattern: str, case_sensitive: bool, dialect: Dialect) -> Bool:
        return self._texts.matches(pattern, case_sensitive, dialect)

    def bounds(self, leaf: Leaf) -> list[Bool]:
        value = leaf.value if isinstance(leaf, Comparison) else leaf.values[0] if isinstance(leaf, In) else ""
        if isinstance(value, bool):
            return [self.table.c.kind == BOOLEAN]
        if not isinstance(value, str):
            return self._number.bounds(leaf)
        texts = self._texts.bounds(leaf)
        return [self.table.c.kind.in_(_kinds_like(leaf)), *texts] if texts else []


def _kinds_like(leaf: Leaf) -> list[int]:
    """The kinds of params whose text can be what a condition on texts asks for: the index has each by itself."""
    match leaf:
        case Comparison(_, "=", str(value)):
            wanted = [value]
        case In(_, values):
            wanted = [str(value) for value in values]
        case _:
            return [STRING, INTEGER, FLOAT, BOOLEAN, JSON]
    kinds = [STRING, JSON]
    if any(value in ("true", "false") for value in wanted):
        kinds.append(BOOLEAN)
    # As integers and floats are written, `nan` and `inf` too.
    return [*kinds, INTEGER, FLOAT] if any(_NUMBER.match(value) for value in wanted) else kinds
