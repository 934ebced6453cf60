"""Syntax trees back to text, for round trips and for tests that generate filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from milepost import v1 as pb
from milepost_server.filters import (
    And,
    Attribute,
    DatasetField,
    Expression,
    In,
    IsNull,
    Match,
    Metric,
    Not,
    Operand,
    Or,
    OrderKey,
    Param,
    Value,
    ValueKind,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render(expression: Expression | None) -> str:
    """The text of a filter. Keys and strings must lack one kind of quote that may stand around them."""
    if expression is None:
        return ""
    if isinstance(expression, And):
        return " AND ".join(_group(term) for term in expression.terms)
    if isinstance(expression, Or):
        return " OR ".join(_group(term) for term in expression.terms)
    if isinstance(expression, Not):
        return f"NOT {_group(expression.term)}"
    operand = render_operand(expression.operand)
    if isinstance(expression, IsNull):
        return f"{operand} IS {'NOT ' if expression.negated else ''}NULL"
    if isinstance(expression, Match):
        return f"{operand} {'LIKE' if expression.case_sensitive else 'ILIKE'} {_quoted(expression.pattern)}"
    if isinstance(expression, In):
        values = ", ".join(render_value(expression.operand, value) for value in expression.values)
        return f"{operand} {'NOT ' if expression.negated else ''}IN ({values})"
    return f"{operand} {expression.operator} {render_value(expression.operand, expression.value)}"


def render_order(keys: Sequence[OrderKey]) -> str:
    """The text of an order."""
    return ", ".join(f"{render_operand(key.operand)} {'DESC' if key.descending else 'ASC'}" for key in keys)


def render_operand(operand: Operand) -> str:
    """The name of an operand, quoted where it is a key."""
    if isinstance(operand, Attribute):
        return operand.name
    if isinstance(operand, DatasetField):
        return f"dataset.{operand.field}"
    key = _quoted(operand.key, '"`')
    if isinstance(operand, Metric):
        return f"metrics.{key}.{operand.summary}"
    return f"params.{key}" if isinstance(operand, Param) else f"tags.{key}"


def render_value(operand: Operand, value: Value) -> str:
    """The literal of a value beside its operand."""
    kind = operand.kind if isinstance(operand, Attribute) else None
    if kind is ValueKind.TIME:
        assert isinstance(value, int)
        try:
            return _quoted((_EPOCH + timedelta(microseconds=value)).isoformat())
        except OverflowError:
            return str(value // 1000)
    if kind is ValueKind.STATE:
        return _quoted(pb.Run.State.Name(pb.Run.State.ValueType(int(value))).removeprefix("STATE_"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _group(term: Expression) -> str:
    return f"({render(term)})" if isinstance(term, And | Or) else render(term)


def _quoted(text: str, quotes: str = "'\"") -> str:
    quote = next(each for each in quotes if each not in text)
    return f"{quote}{text}{quote}"
