"""Every list of points comes back as it was, to the bit, and damage is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from milepost import v1 as pb
from milepost_server.points.codec import ROW_POINTS, DamagedChunk, decode, decode_many, encode, encode_rows
from milepost_server.points.columns import Points
from support.point_strategies import Point, columns, point_lists, rows, splits


@given(point_lists())
def test_points_come_back_exact(points: list[Point]) -> None:
    assert rows(decode(encode(columns(points)), len(points))) == points


@given(point_lists(max_size=ROW_POINTS))
def test_a_few_points_are_encoded_alike_with_and_without_arrays(points: list[Point]) -> None:
    arrays = columns(points)
    plain = encode_rows(arrays.steps.tolist(), arrays.times_ms.tolist(), arrays.values.tolist())
    assert plain == encode(arrays)


@given(point_lists().flatmap(splits))
def test_chunks_decoded_together_are_the_points_in_order(parts: list[list[Point]]) -> None:
    chunks = [(encode(columns(part)), len(part)) for part in parts]
    assert rows(decode_many(chunks)) == [point for part in parts for point in part]


@given(point_lists(), st.data())
def test_a_changed_byte_is_refused(points: list[Point], data: st.DataObject) -> None:
    chunk = bytearray(encode(columns(points)))
    chunk[data.draw(st.integers(0, len(chunk) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedChunk):
        decode(bytes(chunk), len(points))


@given(point_lists(), st.integers(0, 2**31))
def test_another_number_of_points_is_refused(points: list[Point], count: int) -> None:
    assume(count != len(points))
    with pytest.raises(DamagedChunk):
        decode(encode(columns(points)), count)


@given(point_lists(), st.data())
def test_a_piece_of_a_chunk_is_refused(points: list[Point], data: st.DataObject) -> None:
    chunk = encode(columns(points))
    with pytest.raises(DamagedChunk):
        decode(chunk[: data.draw(st.integers(0, len(chunk) - 1))], len(points))


@given(st.binary(max_size=300), st.integers(-2, 40))
def test_bytes_that_are_no_chunk_are_refused(data: bytes, count: int) -> None:
    with pytest.raises(DamagedChunk):
        decode(data, count)


@given(point_lists())
def test_points_pass_through_a_message_exact(points: list[Point]) -> None:
    message = pb.MetricPoints.FromString(columns(points).to_message("loss").SerializeToString())
    assert rows(Points.of_message(message)) == points


@given(point_lists())
def test_a_message_is_the_same_as_one_filled_value_by_value(points: list[Point]) -> None:
    arrays = columns(points)
    plain = pb.MetricPoints(key="loss")
    plain.values.extend(arrays.values.tolist())
    plain.steps.extend(arrays.steps.tolist())
    plain.timestamps_ms.extend(arrays.times_ms.tolist())
    assert arrays.to_message("loss").SerializeToString() == plain.SerializeToString()


def test_no_points_are_no_chunks() -> None:
    assert len(decode_many([])) == 0
    assert len(Points.concatenate([])) == 0
    assert len(Points.of([], [], []).to_message("loss").values) == 0
    assert rows(Points.concatenate([Points.of([1], [2], [3.0]), Points.of([], [], np.empty(0))]))[0].step == 1
