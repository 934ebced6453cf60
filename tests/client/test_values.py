"""Python values as params, points and times."""

from __future__ import annotations

import enum
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from milepost import _values
from milepost import v1 as pb


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "string_value"),
        (True, "bool_value"),
        (3, "int_value"),
        (-(2**63), "int_value"),
        (0.5, "double_value"),
        (math.inf, "double_value"),
        (None, "json_value"),
        ({"a": [1, None, "é"]}, "json_value"),
        ([1, 2], "json_value"),
    ],
)
def test_a_param_keeps_its_type_and_comes_back_equal(value: Any, kind: str) -> None:
    param = _values.to_param("key", value)
    assert param.WhichOneof("kind") == kind
    back = _values.from_param(param)
    assert back == value
    assert type(back) is type(value)


def test_a_tuple_comes_back_as_a_list() -> None:
    assert _values.from_param(_values.to_param("key", (1, 2))) == [1, 2]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.float32(0.5), "double_value"), (np.int64(3), "int_value"), (np.bool_(True), "bool_value")],
)
def test_a_numpy_scalar_counts_as_the_number_in_it(value: Any, kind: str) -> None:
    assert _values.to_param("key", value).WhichOneof("kind") == kind


def test_numpy_values_inside_json_become_numbers_and_lists() -> None:
    param = _values.to_param("key", {"a": np.float64(0.5), "b": np.array([1, 2])})
    assert _values.from_param(param) == {"a": 0.5, "b": [1, 2]}


def test_an_int_beyond_64_bits_is_refused_with_its_key() -> None:
    with pytest.raises(ValueError, match="'big'"):
        _values.to_param("big", 2**63)


@pytest.mark.parametrize("value", [Path("x"), object(), {1, 2}, b"x"])
def test_a_value_of_another_type_is_refused_with_its_key(value: Any) -> None:
    with pytest.raises(TypeError, match="'key'"):
        _values.to_param("key", value)


def test_nan_inside_json_is_refused_with_its_key() -> None:
    with pytest.raises(ValueError, match="'key'"):
        _values.to_param("key", [math.nan])


@pytest.mark.parametrize("value", [Path("x"), 2**70, [math.nan]])
def test_the_fluent_form_falls_back_to_text(value: Any) -> None:
    assert _values.to_param_or_text("key", value) == pb.ParamValue(string_value=str(value))


def test_a_text_enum_is_the_text_of_its_value() -> None:
    class Color(str, enum.Enum):
        RED = "red"

    assert _values.to_param("key", Color.RED).string_value == "red"


def test_values_become_one_column_each_with_step_and_time() -> None:
    points = _values.to_points({"a": 1, "b": float(np.float32(0.5))}, step=7, timestamp_ms=9)
    assert points == [
        pb.MetricPoints(key="a", values=[1.0], steps=[7], timestamps_ms=[9]),
        pb.MetricPoints(key="b", values=[0.5], steps=[7], timestamps_ms=[9]),
    ]


def test_columns_are_taken_as_they_are() -> None:
    columns = [pb.MetricPoints(key="a", values=[1.0, 2.0])]
    assert _values.to_points(iter(columns)) == columns


def test_a_step_beyond_64_bits_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="step"):
        _values.to_points({"a": 1.0}, step=2**63)


def test_times_keep_their_moment_whatever_their_zone() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5)))
    back = _values.from_timestamp(_values.to_timestamp(moment))
    assert back == moment
    assert back.tzinfo == timezone.utc
