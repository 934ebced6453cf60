"""The filter and order language: what texts mean as trees, and how wrong ones are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.filters import (
    EXPERIMENTS,
    MODEL_VERSIONS,
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
    parse_filter,
    parse_order_by,
)

NAME = Attribute("name", ValueKind.TEXT)
STATE = Attribute("state", ValueKind.STATE)
STAGE = Attribute("stage", ValueKind.STAGE)
VERSION_STATUS = Attribute("status", ValueKind.VERSION_STATUS)
NUMBER = Attribute("version", ValueKind.NUMBER)
ALIAS = Attribute("alias", ValueKind.TEXTS)
START = Attribute("start_time", ValueKind.TIME)
EXPERIMENT_ID = Attribute("experiment_id", ValueKind.INTEGER)
MLFLOW = replace(RUNS, summaries=False)
JANUARY_31 = 1_769_817_600_000_000


def is_x(name: str) -> Comparison:
    return Comparison(Tag(name), "=", "x")


def refusal(text: str) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        parse_filter(text, RUNS)
    return caught.value


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_blank_filter_is_none_and_blank_order_empty(text: str) -> None:
    assert parse_filter(text, RUNS) is None
    assert parse_order_by(text, RUNS) == ()


@pytest.mark.parametrize(
    ("name", "operand"),
    [
        ("name", NAME),
        ("run_name", NAME),
        ("`run name`", NAME),
        ('"run name"', NAME),
        ("attributes.run_name", NAME),
        ("attribute.name", NAME),
        ("attr.name", NAME),
        ("run.name", NAME),
        ('run."name"', NAME),
        ("user_id", Attribute("user", ValueKind.TEXT)),
        ("tag.a", Tag("a")),
        ("tags.mlflow.source.name", Tag("mlflow.source.name")),
        ("tags.`mlflow.parentRunId`", Tag("mlflow.parentRunId")),
        ("`tags`.a", Tag("a")),
        ("tags.'a b'", Tag("a b")),
        ("param.a", Param("a")),
        ("params.opt/lr:0-1", Param("opt/lr:0-1")),
        ("parameter.7", Param("7")),
        ('parameters."a`b"', Param("a`b")),
        ("params.größe", Param("größe")),
        ("params.not", Param("not")),
        ("dataset.name", DatasetField("name")),
        ("datasets.context", DatasetField("context")),
    ],
)
def test_names(name: str, operand: Operand) -> None:
    assert parse_filter(f"{name} = 'x'", RUNS) == Comparison(operand, "=", "x")


@pytest.mark.parametrize(
    ("name", "operand"),
    [
        ("metrics.loss", Metric("loss", "last")),
        ("metric.loss.last", Metric("loss", "last")),
        ("metrics.loss.min", Metric("loss", "min")),
        ("metrics.val.loss.max", Metric("val.loss", "max")),
        ("metrics.loss.mean", Metric("loss.mean", "last")),
        ("metrics.min", Metric("min", "last")),
        ('metrics."loss.min"', Metric("loss.min", "last")),
        ("metrics.`a b`.first", Metric("a b", "first")),
        ("`metrics`.loss.min", Metric("loss", "min")),
    ],
)
def test_metric_summaries(name: str, operand: Metric) -> None:
    assert parse_filter(f"{name} > 0", RUNS) == Comparison(operand, ">", 0.0)


def test_summaries_switched_off_belong_to_the_key() -> None:
    assert parse_filter("metrics.loss.min > 0", MLFLOW) == Comparison(Metric("loss.min", "last"), ">", 0.0)
    with pytest.raises(InvalidArgument):
        parse_filter('metrics."loss".min > 0', MLFLOW)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("params.a=1", Comparison(Param("a"), "=", 1)),
        ("params.a >= -1.5e-3", Comparison(Param("a"), ">=", -0.0015)),
        ("params.a = -" + "0" * 5000 + "1", Comparison(Param("a"), "=", -1)),
        ("params.a = -9223372036854775808", Comparison(Param("a"), "=", -(2**63))),
        ("params.a < .5", Comparison(Param("a"), "<", 0.5)),
        ("params.a != True", Comparison(Param("a"), "!=", True)),
        ("params.a > '10'", Comparison(Param("a"), ">", "10")),
        ("""params.a = "it's" """, Comparison(Param("a"), "=", "it's")),
        ("metrics.a < 2", Comparison(Metric("a", "last"), "<", 2.0)),
        ("metrics.a.count = 9007199254740993", Comparison(Metric("a", "count"), "=", 2**53 + 1)),
        ("experiment_id = '12'", Comparison(EXPERIMENT_ID, "=", 12)),
        ("experiment_id != 12", Comparison(EXPERIMENT_ID, "!=", 12)),
        ("status = 'FINISHED'", Comparison(STATE, "=", pb.Run.STATE_FINISHED)),
        ("state = 'state_failed'", Comparison(STATE, "=", pb.Run.STATE_FAILED)),
        ("created > 1769817600000", Comparison(START, ">", JANUARY_31)),
        ("start_time > 1769817600000.25", Comparison(START, ">", JANUARY_31 + 250)),
        ("start_time > '2026-01-31'", Comparison(START, ">", JANUARY_31)),
        ("start_time > '2026-01-31T01:00:00+01:00'", Comparison(START, ">", JANUARY_31)),
        ("start_time > '2026-01-31 00:00:00.000001Z'", Comparison(START, ">", JANUARY_31 + 1)),
    ],
)
def test_values(text: str, expression: Comparison) -> None:
    parsed = parse_filter(text, RUNS)
    assert parsed == expression
    assert isinstance(parsed, Comparison)
    assert type(parsed.value) is type(expression.value)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("stage = 'production'", Comparison(STAGE, "=", pb.ModelVersion.STAGE_PRODUCTION)),
        ("current_stage IN ('None', 'STAGE_ARCHIVED')", In(STAGE, (1, 4), negated=False)),
        ("stage LIKE '%ING'", In(STAGE, (2,), negated=False)),
        ("status != 'ready'", Comparison(VERSION_STATUS, "!=", pb.ModelVersion.STATUS_READY)),
        ("version > 3", Comparison(NUMBER, ">", 3)),
        ("version_number = '3'", Comparison(NUMBER, "=", 3)),
        ("alias = 'champion'", Comparison(ALIAS, "=", "champion")),
        ("aliases IS NULL", IsNull(ALIAS, negated=False)),
        ("version.name = 'a'", Comparison(NAME, "=", "a")),
    ],
)
def test_attributes_of_versions_of_models(text: str, expression: Expression) -> None:
    assert parse_filter(text, MODEL_VERSIONS) == expression


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("stage = 'live'", "expected 'NONE', 'STAGING', 'PRODUCTION' or 'ARCHIVED' after '='"),
        ("stage = 'STATUS_NONE'", "expected 'NONE', 'STAGING', 'PRODUCTION' or 'ARCHIVED' after '='"),
        ("version = 1.5", "expected a whole number after '='"),
        ("version = -1", "expected a whole number after '='"),
        ("alias < 'a'", "expected =, !=, LIKE, ILIKE, IN or IS NULL, got '<'"),
    ],
)
def test_refused_filters_of_versions_of_models(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_filter(text, MODEL_VERSIONS)
    assert problem in str(caught.value)


def test_what_an_entity_has_many_of_is_no_order() -> None:
    with pytest.raises(InvalidArgument, match="expected an attribute \\(name, version, stage"):
        parse_order_by("name, alias", MODEL_VERSIONS)


@pytest.mark.parametrize("text", ["start_time < 9223372036854775807", "start_time > -9223372036854775808"])
def test_times_beyond_the_calendar_lie_outside_all_stored_times(text: str) -> None:
    parsed = parse_filter(text, RUNS)
    assert isinstance(parsed, Comparison)
    assert not -62_135_596_800_000_000 <= int(parsed.value) < 253_402_300_800_000_000
    assert abs(int(parsed.value)) < 2**63


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("name LIKE 'a%'", Match(NAME, "a%", case_sensitive=True)),
        ("tags.a ilike 'A_'", Match(Tag("a"), "A_", case_sensitive=False)),
        ("name IN('a')", In(NAME, ("a",), negated=False)),
        ("params.a not in (1, 2.5)", In(Param("a"), (1, 2.5), negated=True)),
        ("metrics.a IN (1, 2)", In(Metric("a", "last"), (1.0, 2.0), negated=False)),
        ("state IN ('RUNNING', 'FAILED')", In(STATE, (2, 4), negated=False)),
        ("status LIKE 'F%ED'", In(STATE, (3, 4), negated=False)),
        ("status ILIKE '%run%'", In(STATE, (2,), negated=False)),
        ("parent_run_id IS NULL", IsNull(Attribute("parent_run_id", ValueKind.TEXT), negated=False)),
        ("metrics.a is not null", IsNull(Metric("a", "last"), negated=True)),
    ],
)
def test_conditions(text: str, expression: Expression) -> None:
    assert parse_filter(text, RUNS) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("tags.a='x' AND tags.b='x' AND tags.c='x'", And((is_x("a"), is_x("b"), is_x("c")))),
        ("tags.a='x' or tags.b='x' and tags.c='x'", Or((is_x("a"), And((is_x("b"), is_x("c")))))),
        ("(tags.a='x' OR tags.b='x')AND tags.c='x'", And((Or((is_x("a"), is_x("b"))), is_x("c")))),
        ("NOT tags.a='x' AND tags.b='x'", And((Not(is_x("a")), is_x("b")))),
        ("not(tags.a='x' Or tags.b='x')", Not(Or((is_x("a"), is_x("b"))))),
        ("NOT NOT tags.a='x'", Not(Not(is_x("a")))),
        ("((tags.a='x'))", is_x("a")),
        ("tags.a='x' and", is_x("a")),
        ("tags.a='x' AND tags.b='x' AND ", And((is_x("a"), is_x("b")))),
    ],
)
def test_logic_binds_not_before_and_before_or(text: str, expression: Expression) -> None:
    assert parse_filter(text, RUNS) == expression


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("metrics.loss < 'abc'", "column 16: expected a number after '<', got the quoted 'abc'"),
        ("metrics.loss < abc", "column 16: expected a number after '<', got 'abc'"),
        (
            "metrics.a = nan",
            "column 13: expected a number after '=', got 'nan'; NaN and infinities cannot be compared with",
        ),
        ("params.a > -inf", "got '-inf'; NaN and infinities cannot be compared with"),
        ("metrics.a LIKE 'x'", "column 11: expected =, !=, <, <=, >, >=, IN or IS NULL, got 'LIKE'"),
        ("metrics.a", "column 10: expected =, !=, <, <=, >, >=, IN or IS NULL after 'metrics.a', got the end"),
        ("metrics.a < ", "column 12: expected a number after '<', got the end"),
        ("metrics. < 1", "column 1: expected a key that is not empty, got 'metrics.'"),
        (
            "metrics.`a`.mean < 1",
            "column 12: expected .last, .first, .min, .max, .count, .nan_count, .last_step, .first_step, .min_step or "
            ".max_step after the quoted 'a'",
        ),
        ("tags.`a`.min = 'x'", "column 9: expected an operator after the quoted 'a', got '.min'"),
        ("loss < 1", "column 1: expected an attribute (run_id, experiment_id, name,"),
        ("model.loss < 1", "column 1: expected a prefix attributes., metrics., params., tags. or dataset."),
        (
            "dataset.size = 'x'",
            "column 1: expected dataset.name, dataset.digest or dataset.context, got 'dataset.size'",
        ),
        ("dataset.name IS NULL", "column 14: expected =, !=, LIKE, ILIKE or IN, got 'IS'"),
        ("name == 'x'", "got '=='"),
        ("name <> 'x'", "got '<>'"),
        ("name NOT LIKE 'x'", "column 10: expected IN after 'NOT', got 'LIKE'"),
        ("name = 5", "column 8: expected a string in quotes after '=', got '5'"),
        ("name LIKE 5", "column 11: expected a pattern in quotes after 'LIKE', got '5'"),
        ("name = 'x", "column 8: the quote that opens here is not closed"),
        ("name = 'it''s'", "column 12: expected AND, OR or the end after the quoted 'it', got the quoted 's'"),
        ("name = 'x'; DROP", "column 11: expected AND, OR or the end after the quoted 'x', got ';'"),
        ("name IN ()", "column 10: expected a string in quotes after '(', got ')'"),
        ("params.a IN (1, 'x')", "column 17: expected a number, as the first value is, got the quoted 'x'"),
        ("params.a IN (true)", "column 14: expected a string in quotes or a number after 'IN', got 'true'"),
        ("params.a < true", "column 12: expected a string in quotes or a number after '<', got 'true'"),
        ("params.a = yes", "expected a string in quotes, a number, true or false after '=', got 'yes'"),
        ("params.a = 9223372036854775808", "column 12: the integer does not fit 64 bits"),
        ("params.a = " + "9" * 5000, "column 12: the integer does not fit 64 bits"),
        ("params.a = 1e999", "column 12: the number does not fit a float of 64 bits"),
        ("experiment_id < 5", "column 15: expected =, != or IN, got '<'"),
        ("experiment_id = '1.0'", "column 17: expected an id of digits after '=', got the quoted '1.0'"),
        ("experiment_id = -1", "column 17: expected an id of digits after '=', got '-1'"),
        ("status = 'DONE'", "expected 'SCHEDULED', 'RUNNING', 'FINISHED', 'FAILED' or 'KILLED' after '='"),
        ("status = 'UNSPECIFIED'", "column 10"),
        ("status LIKE 'X%'", "column 13: expected a pattern that fits SCHEDULED, RUNNING, FINISHED, FAILED or KILLED"),
        ("status LIKE 5", "column 13: expected a pattern in quotes after 'LIKE', got '5'"),
        ("start_time > 'soon'", "column 14: expected milliseconds since 1970 or a date such as '2026-01-31'"),
        ("start_time LIKE '2026%'", "column 12: expected =, !=, <, <=, >, >=, IN or IS NULL, got 'LIKE'"),
        ("AND name = 'x'", "column 1: expected a name, NOT or '(', got 'AND'"),
        ("(name = 'x'", "column 12: expected ')', got the end"),
        ("name = 'x')", "column 11: expected AND, OR or the end, got ')'"),
        ("(name = 'x' AND)", "column 16: expected a name, NOT or '(' after 'AND', got ')'"),
        ("name = '\0'", "column 9: the character NUL cannot be searched for"),
    ],
)
def test_refusal_points_at_the_fault(text: str, problem: str) -> None:
    assert problem in str(refusal(text))


def test_refusal_is_data_too() -> None:
    error = refusal("metrics.loss\n< 'abc'")
    assert error.reason == pb.ERROR_REASON_BAD_FILTER
    assert error.metadata == {"field": "filter", "column": "16", "expected": "a number"}
    assert [violation.field for violation in error.violations] == ["filter"]
    assert str(error) == "filter: column 16: expected a number after '<', got the quoted 'abc'."


def test_refusal_cuts_long_texts() -> None:
    assert len(str(refusal(f"metrics.loss < '{'x' * 9000}'"))) < 300


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("NOT " * 100 + "name = 'x'", "nested too deep; there may be at most 100 levels"),
        ("name = 'x' AND " * 1000 + "name = 'x'", "too long; there may be at most 1,000 conditions and IN values"),
        ("name IN ('x'" + ", 'x'" * 1000 + ")", "too long; there may be at most 1,000 conditions and IN values"),
    ],
)
def test_size_and_nesting_are_bounded(text: str, limit: str) -> None:
    assert limit in str(refusal(text))


@pytest.mark.parametrize(
    "text",
    [
        "NOT " * 99 + "name = 'x'",
        "name = 'x' AND " * 999 + "name = 'x'",
        "(" * 4000 + "name = 'x'" + ")" * 4000,
    ],
)
def test_what_stays_within_the_bounds_is_parsed(text: str) -> None:
    assert parse_filter(text, RUNS) is not None


def test_experiments_have_tags_and_attributes_only() -> None:
    parsed = parse_filter("tags.a = 'x' AND last_update_time > 0 AND experiment.name = 'x'", EXPERIMENTS)
    updated = Attribute("update_time", ValueKind.TIME)
    assert parsed == And((is_x("a"), Comparison(updated, ">", 0), Comparison(NAME, "=", "x")))
    with pytest.raises(InvalidArgument, match=r"expected a prefix attributes\. or tags\."):
        parse_filter("metrics.loss < 1", EXPERIMENTS)


def test_order_takes_all_but_datasets() -> None:
    assert parse_order_by("metrics.loss.min, start_time DESC,params.`a b` asc , tags.t", RUNS) == (
        OrderKey(Metric("loss", "min"), descending=False),
        OrderKey(START, descending=True),
        OrderKey(Param("a b"), descending=False),
        OrderKey(Tag("t"), descending=False),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dataset.name", "column 1: expected an attribute, a metric, a param or a tag, got 'dataset.name'"),
        ("status, name, state DESC", "column 15: 'state' was named before; name each key once"),
        (", ".join(f"tags.t{i}" for i in range(9)), "column 73: there may be at most 8 keys"),
        ("name,", "column 6: expected a name after ',', got the end"),
        ("name up", "column 6: expected ASC, DESC, ',' or the end after 'name', got 'up'"),
        ("loss", "column 1: expected an attribute"),
    ],
)
def test_order_refusal_points_at_the_fault(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_order_by(text, RUNS)
    assert problem in str(caught.value)
    assert caught.value.reason == pb.ERROR_REASON_BAD_ORDER_BY
    assert str(caught.value).startswith("order_by: ")


def test_values_hold_no_parser_types() -> None:
    parsed = parse_filter("tags.a IN ('x') ", RUNS)
    assert isinstance(parsed, In)
    values: tuple[Value, ...] = parsed.values
    assert type(parsed.operand) is Tag
    assert type(parsed.operand.key) is str
    assert type(values[0]) is str
