"""No text breaks the parser, and every tree has a text that gives it back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.filters import EXPERIMENTS, RUNS, Expression, OrderKey, Schema, parse_filter, parse_order_by
from support.filter_renderer import render, render_order
from support.filter_strategies import WIDE, expressions, orders

PIECES = [
    *("metrics.", "params.", "tags.", "dataset.", "run.", "name", "state", "start_time", "experiment_id", "k", ".min"),
    *("=", "!=", "<", "<=", ">", ">=", "==", " LIKE ", " ilike ", " IN ", " IS ", " NOT ", " NULL", " AND ", " OR "),
    *("(", ")", ",", ".", "'", '"', "`", "'x'", '"a b"', "`k`", "1", "-0.5", "1e400", "nan", "true", "9" * 30),
    *("'RUNNING'", "'2026-01-31'", " ASC", " DESC", ";", "--", "%", "\\", "\0", "\n"),
    # Letters that ignoring case takes for i and s, and a digit that is none of 0-9.
    *("\u0131", "\u0130", "\u017f", "\u0663"),
]
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
# The first example builds a parser, which takes long beside the others.
NO_DEADLINE = settings(deadline=None)
SCHEMAS = st.sampled_from([RUNS, EXPERIMENTS])


@NO_DEADLINE
@given(TEXTS, SCHEMAS)
@pytest.mark.parametrize(
    ("parse", "field", "reason"),
    [
        (parse_filter, "filter", pb.ERROR_REASON_BAD_FILTER),
        (parse_order_by, "order_by", pb.ERROR_REASON_BAD_ORDER_BY),
    ],
)
def test_any_text_parses_or_is_refused_at_a_column(
    parse: Callable[[str, Schema], object], field: str, reason: int, text: str, schema: Schema
) -> None:
    refused: InvalidArgument | None = None
    try:
        parse(text, schema)
    except InvalidArgument as error:
        refused = error
    if refused:
        assert refused.reason == reason
        assert [violation.field for violation in refused.violations] == [field]
        assert 1 <= int(refused.metadata["column"]) <= len(text) + 1
        assert refused.metadata["expected"]


@NO_DEADLINE
@given(expressions(WIDE))
def test_filter_survives_its_text(expression: Expression) -> None:
    again = parse_filter(render(expression), RUNS)
    assert again == expression
    # `==` alone takes 1, 1.0 and True for the same.
    assert repr(again) == repr(expression)


@NO_DEADLINE
@given(orders(WIDE))
def test_order_survives_its_text(keys: tuple[OrderKey, ...]) -> None:
    assert parse_order_by(render_order(keys), RUNS) == keys


@NO_DEADLINE
@given(st.lists(st.sampled_from(["NOT ", "(", "name='x' AND ", "name='x' OR ("]), max_size=400).map("".join))
def test_nesting_never_overflows_the_stack(opening: str) -> None:
    text = f"{opening}name = 'x'{')' * opening.count('(')}"
    with suppress(InvalidArgument):
        render(parse_filter(text, RUNS))
