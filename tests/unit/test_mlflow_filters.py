"""What MLflow's spelling of names means as trees."""

from __future__ import annotations

import pytest

from milepost_server.errors import InvalidArgument
from milepost_server.filters import (
    And,
    Attribute,
    Comparison,
    Expression,
    In,
    IsNull,
    Metric,
    Not,
    Or,
    OrderKey,
    Param,
    Tag,
    ValueKind,
    mlflow,
    parse_filter,
    parse_order_by,
)

NAME = Attribute("name", ValueKind.TEXT)
NOTE = Attribute("description", ValueKind.TEXT)
PARENT = Attribute("parent_run_id", ValueKind.TEXT)
PARENT_TAG = Tag("mlflow.parentRunId")
HOLDER = Tag("milepost.holds_model")
NO_HOLDER = IsNull(HOLDER, False)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("metrics.loss.min < 1", Comparison(Metric("loss.min", "last"), "<", 1.0)),
        ("tags.mlflow.runName = 'x'", Comparison(NAME, "=", "x")),
        ("tags.\"mlflow.note.content\" = 'x'", Comparison(NOTE, "=", "x")),
        ("params.p = '1'", Comparison(Param("p"), "=", "1")),
        (
            "tags.`mlflow.parentRunId` = 'x'",
            Or((Comparison(PARENT_TAG, "=", "x"), Comparison(PARENT, "=", "x"))),
        ),
        (
            "tags.mlflow.parentRunId NOT IN ('x', 'y')",
            Or((In(PARENT_TAG, ("x", "y"), True), In(PARENT, ("x", "y"), True))),
        ),
        ("tags.mlflow.parentRunId IS NULL", And((IsNull(PARENT_TAG, False), IsNull(PARENT, False)))),
        ("tags.mlflow.parentRunId IS NOT NULL", Or((IsNull(PARENT_TAG, True), IsNull(PARENT, True)))),
    ],
)
def test_filters_of_runs(text: str, expression: Expression) -> None:
    assert parse_filter(text, mlflow.RUNS) == And((expression, NO_HOLDER))


PROMPT = Comparison(Tag("mlflow.prompt.is_prompt"), "=", "true")
MODEL_NAME = Comparison(NAME, "=", "x")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("", Not(PROMPT)),
        ("name = 'x'", And((MODEL_NAME, Not(PROMPT)))),
        ("name = 'x' AND tag.`mlflow.prompt.is_prompt` = 'TRUE'", And((MODEL_NAME, PROMPT))),
        ("tags.`mlflow.prompt.is_prompt` != 'false'", PROMPT),
        ("tags.`mlflow.prompt.is_prompt` != 'true'", Not(PROMPT)),
        ("NOT tags.`mlflow.prompt.is_prompt` = 'false'", Not(Not(PROMPT))),
    ],
)
def test_prompts_are_found_only_by_filters_that_name_their_tag(text: str, expression: Expression) -> None:
    assert parse_filter(text, mlflow.REGISTERED_MODELS) == expression
    assert parse_filter(text, mlflow.MODEL_VERSIONS) == expression


def test_the_source_of_a_version_is_a_tag_or_an_attribute() -> None:
    tag, attribute = Tag("milepost.model_source"), Attribute("source_uri", ValueKind.TEXT)
    either = Or((Comparison(tag, "=", "x"), Comparison(attribute, "=", "x")))
    assert parse_filter("source_path = 'x'", mlflow.MODEL_VERSIONS) == And((either, Not(PROMPT)))


def test_runs_that_hold_models_are_found_when_the_filter_names_their_tag() -> None:
    assert parse_filter("", mlflow.RUNS) == NO_HOLDER
    named = IsNull(HOLDER, True)
    assert parse_filter("tags.`milepost.holds_model` IS NOT NULL", mlflow.RUNS) == named


@pytest.mark.parametrize("text", ["params.p = 1", "params.p > 0.5", "params.p = true", "params.p IN (1, 2)"])
def test_params_are_text(text: str) -> None:
    with pytest.raises(InvalidArgument, match="expected a string in quotes after"):
        parse_filter(text, mlflow.RUNS)


def test_the_name_is_ordered_by_as_a_tag() -> None:
    assert parse_order_by("tags.mlflow.runName DESC", mlflow.RUNS) == (OrderKey(NAME, True),)
