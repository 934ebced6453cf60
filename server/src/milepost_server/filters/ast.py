"""The typed syntax tree of filters and orders.

A tree that the parser returns is well typed: its operators and values fit their operands, and it is at most
`MAX_DEPTH` deep, so that recursion over it is safe. Trees compare by value; mind that `1 == 1.0 == True` in Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias, get_args

MAX_DEPTH = 100
MAX_TERMS = 1000
"""Most comparisons of a filter, where each value of an IN list counts as one."""

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
FloatSummary: TypeAlias = Literal["last", "first", "min", "max"]
IntegerSummary: TypeAlias = Literal["count", "nan_count", "last_step", "first_step", "min_step", "max_step"]
Summary: TypeAlias = FloatSummary | IntegerSummary
INTEGER_SUMMARIES: frozenset[str] = frozenset(get_args(IntegerSummary))
DatasetFieldName: TypeAlias = Literal["name", "digest", "context"]
Value: TypeAlias = str | int | float | bool


class ValueKind(Enum):
    """What an attribute holds, and so which Python type a value compared with it has in the tree."""

    TEXT = "text"
    """`str`. The empty text counts as missing."""
    INTEGER = "integer"
    """`int`, not negative, of 64 bits: an id that is decimal text on the wire."""
    NUMBER = "number"
    """`int`, not negative, of 64 bits: something that is counted."""
    TIME = "time"
    """`int`: microseconds since the Unix epoch."""
    STATE = "state"
    """`int`: a number of `milepost.v1.Run.State`, never `STATE_UNSPECIFIED`. Other enums likewise."""
    STAGE = "stage"
    """Of `milepost.v1.ModelVersion.Stage`."""
    VERSION_STATUS = "version_status"
    """Of `milepost.v1.ModelVersion.Status`."""
    MODEL_STATUS = "model_status"
    """Of `milepost.v1.LoggedModel.Status`."""
    TEXTS = "texts"
    """`str`, of which an entity has any number. A condition holds when it holds for any one; no order has it."""


@dataclass(frozen=True)
class Attribute:
    """A field of the entity itself, under its name in the proto."""

    name: str
    kind: ValueKind


@dataclass(frozen=True)
class Param:
    """A param by key. Compared as text with a `str`, by value with an `int` or `float`, as a boolean with a `bool`.

    Args:
        key: Its key.
        text_only: Whether it may be compared with a `str` only.
    """

    key: str
    text_only: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Tag:
    """A tag by key; values are `str`."""

    key: str


@dataclass(frozen=True)
class Metric:
    """A metric by key. Values are finite `float`; for `count` also `int`."""

    key: str
    summary: Summary


@dataclass(frozen=True)
class DatasetField:
    """A field of the run's inputs. A condition on it holds when it holds for any one input."""

    field: DatasetFieldName


Operand: TypeAlias = Attribute | Param | Tag | Metric | DatasetField


@dataclass(frozen=True)
class Comparison:
    """`operand operator value`. False when the operand is missing, whatever the operator."""

    operand: Operand
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Match:
    """LIKE, or ILIKE when not `case_sensitive`. False when the operand is missing."""

    operand: Operand
    pattern: str
    case_sensitive: bool


@dataclass(frozen=True)
class In:
    """`operand [NOT] IN (values)`: `=` with one value, or `!=` with all.

    There is at least one value. Those of a param are all `str` or all numbers.
    """

    operand: Operand
    values: tuple[Value, ...]
    negated: bool


@dataclass(frozen=True)
class IsNull:
    """`operand IS NULL`, or IS NOT NULL when `negated`: whether the operand is missing."""

    operand: Operand
    negated: bool


@dataclass(frozen=True)
class And:
    """All of two or more terms."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    """Any of two or more terms."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Not:
    """The opposite of a term: true also where the term is false because something is missing."""

    term: Expression


Expression: TypeAlias = Comparison | Match | In | IsNull | And | Or | Not


@dataclass(frozen=True)
class OrderKey:
    """One key of an order. The operand is no `DatasetField`."""

    operand: Operand
    descending: bool
