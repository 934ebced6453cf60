"""Params and tags become few requests, and requests fall into halves."""

from __future__ import annotations

import pytest

from milepost import _batches
from milepost import v1 as pb
from milepost._batches import MAX_ENTRIES, Batch, Entries, count, describe, pack_entries, split


def param(key: str, value: str, run: str = "r") -> Entries:
    return Entries(run, "params", ((key, pb.ParamValue(string_value=value)),), 100)


def tag(key: str, value: str, run: str = "r") -> Entries:
    return Entries(run, "tags", ((key, value),), 100)


def request(batch: Batch) -> pb.LogBatchRequest:
    return pb.LogBatchRequest.FromString(batch.wire)


def mixed() -> pb.LogBatchRequest:
    return pb.LogBatchRequest(
        run_id="r",
        request_id="id",
        params={"p": pb.ParamValue(string_value="x")},
        tags={"t": "y"},
        metrics=[pb.MetricPoints(key="m", values=[1.0, 2.0]), pb.MetricPoints(key="n", values=[3.0])],
    )


def test_each_run_has_a_batch_with_an_id_of_its_own() -> None:
    batches, refused = pack_entries([tag("a", "1", "r1"), param("a", "2", "r2"), tag("b", "3", "r1")])
    assert refused == []
    assert [(batch.run_id, batch.values) for batch in batches] == [("r1", 2), ("r2", 1)]
    assert len({request(batch).request_id for batch in batches}) == 2


def test_of_a_tag_set_twice_the_last_value_counts() -> None:
    (batch,), _ = pack_entries([tag("k", "old"), tag("k", "new")])
    assert dict(request(batch).tags) == {"k": "new"}


def test_the_same_param_twice_with_one_value_is_one_param() -> None:
    (batch,), _ = pack_entries([param("k", "x"), param("k", "x")])
    assert batch.values == 1


def test_a_param_with_another_value_goes_into_a_later_batch() -> None:
    first, second = pack_entries([param("k", "x"), param("k", "y")])[0]
    assert request(first).params["k"].string_value == "x"
    assert request(second).params["k"].string_value == "y"


def test_params_equal_as_numbers_but_of_other_types_differ() -> None:
    one = Entries("r", "params", (("k", pb.ParamValue(int_value=1)),), 100)
    true = Entries("r", "params", (("k", pb.ParamValue(bool_value=True)),), 100)
    assert len(pack_entries([one, true])[0]) == 2


def test_a_batch_holds_no_more_params_than_its_limit() -> None:
    many = Entries("r", "params", tuple((f"k{i}", pb.ParamValue(int_value=i)) for i in range(MAX_ENTRIES + 1)), 1)
    assert [batch.values for batch in pack_entries([many])[0]] == [MAX_ENTRIES, 1]


def test_long_texts_are_spread_over_batches() -> None:
    size = 3 * 1024 * 1024
    records = [Entries("r", "tags", ((f"k{i}", "x"),), size) for i in range(4)]
    assert [batch.values for batch in pack_entries(records)[0]] == [2, 2]


def test_what_no_message_can_hold_is_refused_alone() -> None:
    (batch,), (refused,) = pack_entries([tag("ok", "x"), tag("bad", "\ud800")])
    assert dict(request(batch).tags) == {"ok": "x"}
    assert refused.values == 1


def test_a_text_beyond_what_a_request_may_hold_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batches, "MAX_REQUEST_BYTES", 1000)
    batches, (refused,) = pack_entries([tag("long", "x" * 2000), tag("ok", "x")])
    assert [dict(request(batch).tags) for batch in batches] == [{"ok": "x"}]
    assert "1,000 allowed" in str(refused.error)


def test_halves_log_the_same_together() -> None:
    halves = split(mixed())
    together = pb.LogBatchRequest()
    for half in halves:
        together.MergeFrom(half)
    assert (together.params, together.tags, together.metrics) == (mixed().params, mixed().tags, mixed().metrics)


def test_the_ids_of_halves_follow_from_that_of_the_whole() -> None:
    assert [half.request_id for half in split(mixed())] == ["id-0", "id-1"]
    assert split(mixed()) == split(mixed())


def test_one_part_cannot_be_halved() -> None:
    assert split(pb.LogBatchRequest(metrics=[pb.MetricPoints(key="m", values=[1.0, 2.0])])) == []


def test_a_request_is_counted_and_described_by_kind_and_first_key() -> None:
    assert count(mixed()) == 5
    assert describe(mixed()) == "param 'p', tag 't', metric 'm' and 1 more of run r"
