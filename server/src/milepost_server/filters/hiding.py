"""What a filter does not find unless it asks for it: see `Schema.hiding_tag`."""

from __future__ import annotations

from milepost_server.filters.ast import And, Comparison, Expression, IsNull, Not, Operand, Or, Tag
from milepost_server.filters.schema import Schema

# What finds the hidden items; any other comparison finds the others.
_ASKED = (("=", "true"), ("!=", "false"))


def shown(expression: Expression | None, schema: Schema) -> Expression | None:
    """A filter that leaves out what is hidden, unless it names the tag that hides it."""
    if schema.absent_tag:
        tag = Tag(schema.absent_tag)
        return _without(expression, tag, IsNull(tag, negated=False))
    if not schema.hiding_tag:
        return expression
    # As in MLflow, items without the tag count as those where it is `false`.
    hidden = Comparison(Tag(schema.hiding_tag), "=", "true")
    found = None if expression is None else _with_missing(expression, hidden)
    return _without(found, hidden.operand, Not(hidden))


def _without(expression: Expression | None, tag: Operand, absent: Expression) -> Expression:
    if expression is None:
        return absent
    return expression if _names(expression, tag) else And((expression, absent))


def _with_missing(expression: Expression, hidden: Comparison) -> Expression:
    match expression:
        case And(terms):
            return And(tuple(_with_missing(term, hidden) for term in terms))
        case Or(terms):
            return Or(tuple(_with_missing(term, hidden) for term in terms))
        case Not(term):
            return Not(_with_missing(term, hidden))
        case Comparison(operand, "=" | "!=", str(value)) if operand == hidden.operand:
            asked = (expression.operator, value.lower()) in _ASKED
            return hidden if asked else Not(hidden)
        case _:
            return expression


def _names(expression: Expression, tag: Operand) -> bool:
    match expression:
        case And(terms) | Or(terms):
            return any(_names(term, tag) for term in terms)
        case Not(term):
            return _names(term, tag)
        case _:
            return expression.operand == tag
