"""The evaluator is total and follows the laws that the documentation states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.filters import Comparison, Expression, In, IsNull, Match, Metric, Not, Or, OrderKey, Value
from support.filter_evaluator import matches, sort_runs
from support.filter_strategies import NARROW, conditions, expressions, orders, runs

SEVERAL = st.integers(0, 6).flatmap(lambda count: st.tuples(*(runs(run_id=f"r{number}") for number in range(count))))


@given(expressions(NARROW), runs())
def test_every_filter_is_true_or_false_of_every_run(expression: Expression, run: pb.Run) -> None:
    assert matches(Not(expression), run) is not matches(expression, run)


@given(conditions(NARROW), runs())
def test_no_condition_but_is_null_holds_for_what_is_missing(condition: Expression, run: pb.Run) -> None:
    assert isinstance(condition, Comparison | Match | In | IsNull)
    if not isinstance(condition, IsNull) and matches(IsNull(condition.operand, negated=False), run):
        assert not matches(condition, run)


@given(st.lists(NARROW.floats, min_size=1, max_size=3), runs())
def test_in_is_any_equality(values: list[float], run: pb.Run) -> None:
    operand = Metric("a", "last")
    literals: tuple[Value, ...] = tuple(values)
    equalities = Or(tuple(Comparison(operand, "=", value) for value in literals))
    assert matches(In(operand, literals, negated=False), run) == matches(equalities, run)


@given(SEVERAL, orders(NARROW))
def test_order_has_every_run_once(several: tuple[pb.Run, ...], keys: tuple[OrderKey, ...]) -> None:
    ordered = [run.run_id for run in sort_runs(several, keys)]
    assert sorted(ordered) == [run.run_id for run in several]
