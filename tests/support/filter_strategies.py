"""Hypothesis strategies for well-typed filters and orders of runs, and for runs that they hit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.filters import (
    RUNS,
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
    OrderKey,
    Param,
    Tag,
    Value,
    ValueKind,
)
from milepost_server.filters.ast import INTEGER_SUMMARIES, FloatSummary, IntegerSummary

COMPARISONS: tuple[Literal["=", "!=", "<", "<=", ">", ">="], ...] = ("=", "!=", "<", "<=", ">", ">=")
EQUALITY: tuple[Literal["=", "!="], ...] = ("=", "!=")
STATES = st.sampled_from([number for number in pb.Run.State.values() if number])
ATTRIBUTES = st.sampled_from([Attribute(name, kind) for name, kind in RUNS.attributes.items()])
DATASET_FIELDS = st.builds(DatasetField, st.sampled_from(["name", "digest", "context"]))


@dataclass(frozen=True)
class Vocabulary:
    """What names and literals are made of."""

    keys: st.SearchStrategy[str]
    texts: st.SearchStrategy[str]
    patterns: st.SearchStrategy[str]
    integers: st.SearchStrategy[int]
    ids: st.SearchStrategy[int]
    floats: st.SearchStrategy[float]
    times: st.SearchStrategy[int]

    @property
    def operands(self) -> st.SearchStrategy[Operand]:
        """All that an order takes: everything but datasets."""
        metrics = st.builds(Metric, self.keys, st.sampled_from([*get_args(FloatSummary), *get_args(IntegerSummary)]))
        return st.one_of(ATTRIBUTES, metrics, st.builds(Param, self.keys), st.builds(Tag, self.keys))


# Without NUL, which filters refuse, and without one kind of each pair of quotes, so that the text can be rendered.
_ANY_TEXT = st.text(st.characters(exclude_characters="\0'", exclude_categories=["Cs"]), max_size=8)
WIDE = Vocabulary(
    keys=st.text(st.characters(exclude_characters="\0`", exclude_categories=["Cs"]), min_size=1, max_size=8),
    texts=_ANY_TEXT,
    patterns=_ANY_TEXT,
    integers=st.integers(-(2**63), 2**63 - 1),
    ids=st.integers(0, 2**63 - 1),
    floats=st.floats(allow_nan=False, allow_infinity=False),
    # The years 1 to 9999, and what stands for before and after them.
    times=st.integers(-62135596800000000, 253402300799999999) | st.sampled_from([-(10**17), 10**18]),
)
"""Everything that can be written; for parsers."""

NARROW = Vocabulary(
    keys=st.sampled_from(["a", "b c"]),
    texts=st.sampled_from(["", "a", "B", "Ab\n%", "1", "0.1", "true", "é"]),
    patterns=st.sampled_from(["", "%", "_", "a%", "%B%", "a_", "%\n%", "é", "1", "nan"]),
    integers=st.sampled_from([-1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1]),
    ids=st.sampled_from([0, 1, 2]),
    floats=st.sampled_from([-1.0, 0.0, 0.1, 1.0, 2.0**53, 1e300]),
    times=st.sampled_from([0, 1_000_000, 1_769_817_600_000_000]),
)
"""Few words, so that filters hit the runs of `runs()`; for meanings."""


def _value_kinds(operand: Operand, words: Vocabulary) -> list[st.SearchStrategy[Value]]:
    """The values that IN takes beside an operand; values of one kind only stand together."""
    numbers: st.SearchStrategy[Value] = st.one_of(words.integers, words.floats)
    if isinstance(operand, Metric):
        return [numbers if operand.summary in INTEGER_SUMMARIES else words.floats]
    if isinstance(operand, Param):
        return [words.texts, numbers]
    if not isinstance(operand, Attribute):
        return [words.texts]
    by_kind: dict[ValueKind, st.SearchStrategy[Value]] = {
        ValueKind.TEXT: words.texts,
        ValueKind.INTEGER: words.ids,
        ValueKind.STATE: STATES,
        ValueKind.TIME: words.times,
    }
    return [by_kind[operand.kind]]


@st.composite
def conditions(draw: st.DrawFn, words: Vocabulary) -> Expression:
    """One condition that fits its operand."""
    operand = draw(st.one_of(words.operands, DATASET_FIELDS))
    kind = operand.kind if isinstance(operand, Attribute) else ValueKind.TEXT
    values = draw(st.sampled_from(_value_kinds(operand, words)))
    equality_only = kind in (ValueKind.INTEGER, ValueKind.STATE) or isinstance(operand, DatasetField)
    operators = EQUALITY if equality_only else COMPARISONS
    choices: list[st.SearchStrategy[Expression]] = [
        st.builds(Comparison, st.just(operand), st.sampled_from(operators), values),
        st.builds(In, st.just(operand), st.lists(values, min_size=1, max_size=3).map(tuple), st.booleans()),
    ]
    if kind is ValueKind.TEXT and not isinstance(operand, Metric):
        choices.append(st.builds(Match, st.just(operand), words.patterns, st.booleans()))
    if not equality_only:
        choices.append(st.builds(IsNull, st.just(operand), st.booleans()))
    if isinstance(operand, Param):
        choices.append(st.builds(Comparison, st.just(operand), st.sampled_from(EQUALITY), st.booleans()))
    return draw(st.one_of(choices))


def expressions(words: Vocabulary) -> st.SearchStrategy[Expression]:
    """Filters of a few levels."""

    def extend(terms: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(terms, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, terms))

    return st.recursive(conditions(words), extend, max_leaves=8)


def orders(words: Vocabulary) -> st.SearchStrategy[tuple[OrderKey, ...]]:
    """Orders of at most eight different keys."""
    keys = st.builds(OrderKey, words.operands, st.booleans())
    return st.lists(keys, max_size=8, unique_by=lambda key: key.operand).map(tuple)


def param_values() -> st.SearchStrategy[pb.ParamValue]:
    """Params of every kind, NaN and the infinities included."""
    floats = NARROW.floats | st.sampled_from([math.nan, math.inf, -math.inf])
    return st.one_of(
        st.builds(lambda value: pb.ParamValue(string_value=value), NARROW.texts),
        st.builds(lambda value: pb.ParamValue(int_value=value), NARROW.integers),
        st.builds(lambda value: pb.ParamValue(double_value=value), floats),
        st.builds(lambda value: pb.ParamValue(bool_value=value), st.booleans()),
        st.builds(lambda value: pb.ParamValue(json_value=value), st.sampled_from(["{}", "1", '"a"'])),
    )


def metric_values() -> st.SearchStrategy[list[float]]:
    """Values of one metric, in the order of their steps."""
    return st.lists(NARROW.floats | st.sampled_from([math.nan, math.inf, -math.inf]), min_size=1, max_size=3)


def summary(values: list[float]) -> pb.MetricSummary:
    """What is known of a metric whose points have these values at the steps 0, 1, 2 …"""
    numbers = [value for value in values if not math.isnan(value)]
    made = pb.MetricSummary(
        first=values[0],
        last=values[-1],
        last_step=len(values) - 1,
        count=len(values),
        nan_count=len(values) - len(numbers),
    )
    if numbers:
        made.min, made.max = min(numbers), max(numbers)
        made.min_step, made.max_step = values.index(made.min), values.index(made.max)
    return made


@st.composite
def runs(draw: st.DrawFn, run_id: str = "r") -> pb.Run:
    """A run made of the words of `NARROW`, as a reader would see it."""
    texts = NARROW.texts
    run = pb.Run(
        run_id=run_id,
        experiment_id=str(draw(NARROW.ids)),
        name=draw(texts),
        state=pb.Run.State.ValueType(draw(STATES)),
        user=draw(texts),
        description=draw(texts),
        params=draw(st.dictionaries(NARROW.keys, param_values())),
        tags=draw(st.dictionaries(NARROW.keys, texts)),
        metrics={key: summary(values) for key, values in draw(st.dictionaries(NARROW.keys, metric_values())).items()},
    )
    run.start_time.FromMicroseconds(draw(NARROW.times))
    end_time = draw(st.none() | NARROW.times)
    if end_time is not None:
        run.end_time.FromMicroseconds(end_time)
    for name, digest, context in draw(st.lists(st.tuples(texts, texts, texts), max_size=2, unique=True)):
        run.inputs.add(dataset=pb.Dataset(name=name, digest=digest), context=context)
    return run
