"""Points of the background writer become few batches of columns, whatever is among them."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost import _points
from milepost import v1 as pb
from milepost._batches import Batch
from milepost._points import numbered, pack_points, unary_twin

INT64 = st.integers(-(2**63), 2**63 - 1)


def flat(*points: tuple[Any, ...]) -> list[Any]:
    return [item for point in points for item in point]


def metric(key: Any, value: float, step: int = 0, run: str = "r") -> tuple[Any, ...]:
    return (run, key, value, step, 1000 + step)


def columns(batch: Batch) -> list[pb.MetricPoints]:
    return list(pb.StreamMetricsRequest.FromString(batch.wire).batch.metrics)


def test_points_of_a_key_become_columns_in_order() -> None:
    (batch,), refused = pack_points(flat(metric("a", 0.5, 1), metric("b", 9.0, 1), metric("a", 0.25, 2)))
    assert refused == []
    assert batch.values == 3
    assert columns(batch) == [
        pb.MetricPoints(key="a", values=[0.5, 0.25], steps=[1, 2], timestamps_ms=[1001, 1002]),
        pb.MetricPoints(key="b", values=[9.0], steps=[1], timestamps_ms=[1001]),
    ]


def test_each_run_has_a_batch_of_its_own() -> None:
    batches, _ = pack_points(flat(metric("a", 1.0, run="r1"), metric("a", 2.0, run="r2"), metric("a", 3.0, run="r1")))
    assert [(batch.run_id, batch.values) for batch in batches] == [("r1", 2), ("r2", 1)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(), INT64, INT64), min_size=1, max_size=300))
def test_the_wire_form_is_that_of_the_generated_classes(points: list[tuple[str, float, int, int]]) -> None:
    (batch,), _ = pack_points(flat(*(("run", *point) for point in points)))
    expected = pb.StreamMetricsBatch(sequence=7)
    for key in dict.fromkeys(point[0] for point in points):
        series = expected.metrics.add(key=key)
        for _, value, step, time_ms in (point for point in points if point[0] == key):
            series.values.append(value)
            series.steps.append(step)
            series.timestamps_ms.append(time_ms)
    found = pb.StreamMetricsRequest.FromString(numbered(batch.wire, 7)).batch
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


def test_values_keep_every_bit() -> None:
    (strange,) = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_DEAD_BEEF))
    values = [strange, -0.0, math.inf, 5e-324]
    (batch,), _ = pack_points(flat(*(metric("a", value) for value in values)))
    assert struct.pack("<4d", *columns(batch)[0].values) == struct.pack("<4d", *values)


def test_what_no_message_can_hold_is_refused_alone() -> None:
    points = [metric("half \ud800", 1.0), metric("half \ud800", 2.0), metric("ok", 3.0)]
    (batch,), (refused,) = pack_points(flat(*points))
    assert [series.key for series in columns(batch)] == ["ok"]
    assert (batch.values, refused.values) == (1, 2)


@pytest.mark.parametrize("bad", [["a"], None, 1, {}])
def test_a_key_that_cannot_be_one_is_refused_alone(bad: object) -> None:
    (batch,), refused = pack_points(flat(metric(bad, 1.0), metric("ok", 2.0), metric(bad, 3.0)))
    assert [series.key for series in columns(batch)] == ["ok"]
    assert (batch.values, sum(part.values for part in refused)) == (1, 2)


def test_only_bad_keys_make_no_batch() -> None:
    batches, refused = pack_points(flat(metric(["a"], 1.0), metric(["a"], 2.0)))
    assert batches == []
    assert sum(part.values for part in refused) == 2


def test_a_batch_never_grows_beyond_its_bound() -> None:
    points = [metric(f"{number:03d}" + "k" * 20_000, float(number)) for number in range(200)]
    batches, refused = pack_points(flat(*points))
    assert refused == []
    assert len(batches) > 1
    assert all(len(batch.wire) <= _points.MAX_BATCH_BYTES + 10 for batch in batches)
    assert [series.values[0] for batch in batches for series in columns(batch)] == list(range(200))


def test_a_point_that_is_too_large_by_itself_is_refused() -> None:
    batches, (refused,) = pack_points(flat(metric("ok", 1.0), metric("k" * 2 * 1024 * 1024, 2.0)))
    assert [batch.values for batch in batches] == [1]
    assert "2,097,152 characters" in str(refused.error)
    assert len(refused.what) < 200


def test_a_batch_without_its_stream_has_an_id_that_follows_from_it() -> None:
    (batch,), _ = pack_points(flat(metric("a", 1.0)))
    batch.writer_id, batch.sequence = "writer", 3
    assert unary_twin(batch) == pb.LogBatchRequest(run_id="r", request_id="writer-3", metrics=columns(batch))
