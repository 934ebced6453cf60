# ruff: noqa: D102 - the callbacks are the rules of the grammar, which says what they are
"""Makes the syntax tree while the parser reads, from the leaves up; nothing here recurses."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypeVar, cast

from lark import Token, Transformer, v_args

from milepost_server.filters import literals, names
from milepost_server.filters.ast import (
    MAX_DEPTH,
    MAX_TERMS,
    And,
    Attribute,
    Comparison,
    DatasetField,
    Expression,
    In,
    IsNull,
    Match,
    Not,
    Operand,
    Operator,
    Or,
    OrderKey,
    Tag,
    ValueKind,
)
from milepost_server.filters.refusal import Refusal, position, unexpected
from milepost_server.filters.schema import Schema

T = TypeVar("T")


class Named(NamedTuple):
    """An operand and the first token of its name."""

    operand: Operand
    token: Token


class Built(NamedTuple):
    """An expression with what its limits need: height of the tree, number of terms, and a token of it."""

    expression: Expression
    depth: int
    terms: int
    token: Token


class Ordered(NamedTuple):
    """A key of an order and the first token of its name."""

    key: OrderKey
    token: Token


@v_args(inline=True)
class Builder(Transformer[Token, Built | Named | list[Ordered]]):
    """Callbacks of the grammar's rules, for one schema. Keeps no state between or within texts."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self._schema = schema

    def bare(self, name: Token) -> Named:
        return Named(names.bare(self._schema, name), name)

    def quoted(self, name: Token) -> Named:
        return Named(names.quoted(self._schema, name), name)

    def prefixed(self, prefix: Token, key: Token, summary: Token | None) -> Named:
        return Named(names.prefixed(self._schema, prefix, key, summary), prefix)

    def comparison(self, named: Named, operator: Token, literal: Token) -> Built:
        literals.check_operator(named.operand, operator)
        value = literals.convert(named.operand, operator, literal)
        return self._leaf(Comparison(named.operand, cast("Operator", operator.value), value), 1, operator)

    def match(self, named: Named, operator: Token, literal: Token) -> Built:
        operand = named.operand
        literals.check_operator(operand, operator)
        # Enums are numbers in the tree, so their names are matched here.
        numbers = literals.enum_like(operand, operator, literal)
        if numbers is not None:
            return _bounded(In(operand, numbers, negated=False), 1, 1, operator)
        pattern = literals.pattern(operand, operator, literal)
        return self._leaf(Match(operand, pattern, operator.upper() == "LIKE"), 1, operator)

    def membership(self, named: Named, negated: Token | None, operator: Token, values: list[Token]) -> Built:
        literals.check_operator(named.operand, operator)
        expression = In(named.operand, literals.convert_all(named.operand, operator, values), negated is not None)
        return self._leaf(expression, len(values), operator)

    def is_null(self, named: Named, operator: Token, negated: Token | None) -> Built:
        literals.check_operator(named.operand, operator)
        return self._leaf(IsNull(named.operand, negated is not None), 1, operator)

    def _leaf(self, condition: Comparison | Match | In | IsNull, terms: int, token: Token) -> Built:
        """A condition, with its twin where an attribute may hold the value of the tag."""
        twin = self._schema.twin_tags.get(condition.operand.key) if isinstance(condition.operand, Tag) else None
        if twin is None:
            return _bounded(condition, 1, terms, token)
        other = replace(condition, operand=Attribute(twin, self._schema.attributes[twin]))
        both = isinstance(condition, IsNull) and not condition.negated
        return _bounded((And if both else Or)((condition, other)), 2, 2 * terms, token)

    def negation(self, keyword: Token, term: Built) -> Built:
        return _bounded(Not(term.expression), term.depth + 1, term.terms, keyword)

    def all_of(self, terms: list[Built]) -> Built:
        return _joined(And, terms)

    def any_of(self, terms: list[Built]) -> Built:
        return _joined(Or, terms)

    def order_key(self, named: Named, direction: Token | None) -> Ordered:
        operand = named.operand
        if isinstance(operand, DatasetField):
            raise unexpected(named.token, "an attribute, a metric, a param or a tag")
        if isinstance(operand, Attribute) and operand.kind is ValueKind.TEXTS:
            raise unexpected(named.token, names.sortable(self._schema))
        descending = direction is not None and direction.upper() == "DESC"
        return Ordered(OrderKey(named.operand, descending), named.token)

    def column(self, named: Named) -> Named:
        return named

    def first(self, item: T) -> list[T]:
        return [item]

    def more(self, items: list[T], item: T) -> list[T]:
        items.append(item)
        return items


def _joined(kind: type[And] | type[Or], terms: list[Built]) -> Built:
    if len(terms) == 1:
        return terms[0]
    depth = 1 + max(term.depth for term in terms)
    count = sum(term.terms for term in terms)
    return _bounded(kind(tuple(term.expression for term in terms)), depth, count, terms[-1].token)


def _bounded(expression: Expression, depth: int, terms: int, token: Token) -> Built:
    if depth > MAX_DEPTH:
        limit = f"at most {MAX_DEPTH} levels"
        raise Refusal(position(token), f"AND, OR and NOT are nested too deep; there may be {limit}", limit)
    if terms > MAX_TERMS:
        limit = f"at most {MAX_TERMS:,} conditions and IN values"
        raise Refusal(position(token), f"the filter is too long; there may be {limit}", limit)
    return Built(expression, depth, terms, token)
