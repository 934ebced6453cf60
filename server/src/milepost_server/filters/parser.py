"""The two entry points: texts to typed trees, and what is wrong with them to `InvalidArgument`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import cast

from lark import Lark, Token, UnexpectedInput, UnexpectedToken

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field
from milepost_server.filters import literals
from milepost_server.filters.ast import Expression, Operand, OrderKey
from milepost_server.filters.builder import Builder, Built, Named, Ordered
from milepost_server.filters.hiding import shown
from milepost_server.filters.refusal import QUOTES, Refusal, either, position, show
from milepost_server.filters.schema import Schema

MAX_ORDER_KEYS = 8

# What the reader of an error calls each terminal, in the order in which the error lists them.
_TERMINALS = {
    "NAME": "a name",
    "OPERATOR": "=, !=, <, <=, >, >=",
    "LIKE": "LIKE",
    "ILIKE": "ILIKE",
    "IN": "IN",
    "IS": "IS",
    "NOT": "NOT",
    "_NULL": "NULL",
    "DIRECTION": "ASC, DESC",
    "_AND": "AND",
    "_OR": "OR",
    "COMMA": "','",
    "LPAR": "'('",
    "RPAR": "')'",
    "$END": "the end",
}
# A piece of text that a reader sees as one thing.
_PIECE = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|[^\s'"`(),=<>!]+|[=<>!]+|.""", re.DOTALL)


def parse_filter(text: str, schema: Schema) -> Expression | None:
    """The tree of a filter; None when everything passes.

    Raises:
        InvalidArgument: `BAD_FILTER`; it points at the character.
    """
    if not text.strip():
        return shown(None, schema)
    try:
        return shown(cast("Built", _parse(text, schema, "filter")).expression, schema)
    except Refusal as refusal:
        raise _invalid("filter", pb.ERROR_REASON_BAD_FILTER, refusal) from None


def parse_order_by(text: str, schema: Schema) -> tuple[OrderKey, ...]:
    """The keys of an order, most significant first; none for a blank one.

    Raises:
        InvalidArgument: `BAD_ORDER_BY`; it points at the character.
    """
    if not text.strip():
        return ()
    try:
        keys = cast("list[Ordered]", _parse(text, schema, "order_by"))
        _check_order(keys)
    except Refusal as refusal:
        raise _invalid("order_by", pb.ERROR_REASON_BAD_ORDER_BY, refusal) from None
    return tuple(each.key for each in keys)


def parse_column(text: str, schema: Schema, field: str) -> Operand:
    """The operand that a name stands for.

    Args:
        text: The name, as a filter has it.
        schema: What may be named.
        field: Path of the request's field that the name came in.

    Raises:
        InvalidArgument: `INVALID_FIELD`; it points at the character.
    """
    try:
        return cast("Named", _parse(text, schema, "column")).operand
    except Refusal as refusal:
        raise _invalid(field, pb.ERROR_REASON_INVALID_FIELD, refusal) from None


@lru_cache(maxsize=16)
def _parser(schema: Schema) -> Lark:
    """Built on first use, as that takes long: some 15 ms."""
    return Lark.open(
        "grammar.lark",
        rel_to=__file__,
        parser="lalr",
        start=["filter", "order_by", "column"],
        maybe_placeholders=True,
        transformer=Builder(schema),
    )


def _parse(text: str, schema: Schema, start: str) -> object:
    if "\0" in text:
        raise Refusal(text.index("\0"), "the character NUL cannot be searched for", "text without NUL")
    try:
        return _parser(schema).parse(text, start=start)
    except UnexpectedInput as error:
        raise _explain(text, error) from None


def _explain(text: str, error: UnexpectedInput) -> Refusal:
    """What is wrong where lark stopped."""
    cursor = error.interactive_parser
    stack = cursor.parser_state.value_stack
    expected = _expected(cursor.accepts(), stack)  # type: ignore[no-untyped-call]
    last = stack[-1] if stack else None
    before = last.token if isinstance(last, Named) else last
    after = f" after {show(before)}" if isinstance(before, Token) else ""
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return Refusal(len(text.rstrip()), f"expected {expected}{after}, got the end", expected)
    offset = error.pos_in_stream or 0
    first = text[offset]
    if first in QUOTES and first not in text[offset + 1 :]:
        return Refusal(offset, "the quote that opens here is not closed", f"a closing {first}")
    piece = _PIECE.match(text, offset)
    return Refusal(offset, f"expected {expected}{after}, got {show(piece[0] if piece else first)}", expected)


def _expected(accepted: set[str], stack: list[object]) -> str:
    """In words, what the parser would have accepted."""
    if "STRING" in accepted:
        index = max(i for i, item in enumerate(stack) if isinstance(item, Named))
        return literals.expected_literal(cast("Named", stack[index]).operand, str(stack[index + 1]).upper())
    if "OPERATOR" in accepted and isinstance(stack[-1], Named):
        return literals.expected_operator(stack[-1].operand)
    return either([words for terminal, words in _TERMINALS.items() if terminal in accepted])


def _check_order(keys: list[Ordered]) -> None:
    seen: set[Operand] = set()
    for number, (key, token) in enumerate(keys, start=1):
        if number > MAX_ORDER_KEYS:
            limit = f"at most {MAX_ORDER_KEYS} keys"
            raise Refusal(position(token), f"there may be {limit}", limit)
        if key.operand in seen:
            problem = f"{show(token)} was named before; name each key once"
            raise Refusal(position(token), problem, "another key")
        seen.add(key.operand)


def _invalid(field: str, reason: pb.ErrorReason.ValueType, refusal: Refusal) -> InvalidArgument:
    column = refusal.position + 1
    return invalid_field(
        field,
        f"column {column}: {refusal.problem}",
        reason=reason,
        column=str(column),
        expected=refusal.expected,
    )
