"""Records of the background writer become few requests, and requests fall into halves."""

from __future__ import annotations

import math

from milepost import v1 as pb
from milepost._batches import MAX_ENTRIES, Entries, Record, count, describe, group, split


def metric(key: str, value: float, step: int = 0, run: str = "r") -> Record:
    return (run, key, value, step, 1000 + step)


def param(key: str, value: str, run: str = "r") -> Record:
    return Entries(run, "params", ((key, pb.ParamValue(string_value=value)),), 100)


def tag(key: str, value: str, run: str = "r") -> Record:
    return Entries(run, "tags", ((key, value),), 100)


def test_points_of_a_key_become_columns_in_order() -> None:
    (request,), refused = group([metric("a", 0.5, 1), metric("b", 9.0, 1), metric("a", 0.25, 2)])
    assert refused == []
    assert list(request.metrics) == [
        pb.MetricPoints(key="a", values=[0.5, 0.25], steps=[1, 2], timestamps_ms=[1001, 1002]),
        pb.MetricPoints(key="b", values=[9.0], steps=[1], timestamps_ms=[1001]),
    ]


def test_each_run_has_a_request_with_an_id_of_its_own() -> None:
    requests, _ = group([metric("a", 1.0, run="r1"), metric("a", 2.0, run="r2"), metric("a", 3.0, run="r1")])
    assert [(request.run_id, count(request)) for request in requests] == [("r1", 2), ("r2", 1)]
    assert len({request.request_id for request in requests}) == 2


def test_of_a_tag_set_twice_the_last_value_counts() -> None:
    (request,), _ = group([tag("k", "old"), tag("k", "new")])
    assert dict(request.tags) == {"k": "new"}


def test_the_same_param_twice_with_one_value_is_one_param() -> None:
    (request,), _ = group([param("k", "x"), param("k", "x")])
    assert len(request.params) == 1


def test_a_param_with_another_value_goes_into_a_later_request() -> None:
    first, second = group([param("k", "x"), param("k", "y")])[0]
    assert first.params["k"].string_value == "x"
    assert second.params["k"].string_value == "y"


def test_params_equal_as_numbers_but_of_other_types_differ() -> None:
    one = Entries("r", "params", (("k", pb.ParamValue(int_value=1)),), 100)
    true = Entries("r", "params", (("k", pb.ParamValue(bool_value=True)),), 100)
    assert len(group([one, true])[0]) == 2


def test_a_request_holds_no_more_params_than_its_limit() -> None:
    many = Entries("r", "params", tuple((f"k{i}", pb.ParamValue(int_value=i)) for i in range(MAX_ENTRIES + 1)), 1)
    requests, _ = group([many])
    assert [count(request) for request in requests] == [MAX_ENTRIES, 1]


def test_long_texts_are_spread_over_requests() -> None:
    size = 3 * 1024 * 1024
    records = [Entries("r", "tags", ((f"k{i}", "x"),), size) for i in range(4)]
    assert [count(request) for request in group(records)[0]] == [2, 2]


def test_what_no_message_can_hold_is_refused_alone() -> None:
    (request,), refused = group([metric("half \ud800", 1.0), metric("ok", math.nan), tag("bad", "\ud800")])
    assert [points.key for points in request.metrics] == ["ok"]
    assert len(refused) == 2


def test_a_key_that_cannot_be_one_is_refused_alone() -> None:
    (request,), refused = group([("r", ["a"], 1.0, 0, 0), metric("ok", 1.0)])  # type: ignore[list-item]
    assert [points.key for points in request.metrics] == ["ok"]
    assert len(refused) == 1


def test_halves_log_the_same_together_under_new_ids() -> None:
    (request,), _ = group([param("p", "x"), tag("t", "y"), metric("m", 1.0)])
    halves = split(request)
    together = pb.LogBatchRequest()
    for half in halves:
        together.MergeFrom(half)
    assert (together.params, together.tags, together.metrics) == (request.params, request.tags, request.metrics)
    assert len({request.request_id, *(half.request_id for half in halves)}) == 3


def test_one_part_cannot_be_halved() -> None:
    (request,), _ = group([metric("m", 1.0, 1), metric("m", 2.0, 2)])
    assert split(request) == []


def test_a_request_is_described_by_kind_and_first_key() -> None:
    (request,), _ = group([param("p", "x"), metric("m", 1.0), metric("n", 1.0)])
    assert describe(request) == "param 'p', metric 'm' and 1 more of run r"
