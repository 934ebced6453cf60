"""What chunks of many points cost, and that messages of many points are whole."""

from __future__ import annotations

import numpy as np
import pytest

from milepost import v1 as pb
from milepost_server.points.codec import DamagedChunk, decode, decode_many, encode, encode_rows
from milepost_server.points.columns import CHUNK_POINTS, Points
from support.point_strategies import rows

_HEAD_BYTES = 48 + 4


def _typical(count: int, *, single: bool = True) -> Points:
    """A noisy metric logged every 100 ms or so, with a pause of a minute each 2,000 points."""
    random = np.random.default_rng(1)
    changes = 100 + random.integers(-20, 21, count)
    changes[1999::2000] += 60_000
    values = random.normal(size=count)
    if single:
        values = values.astype(np.float32).astype(np.float64)
    return Points.of(np.arange(count), 1_767_225_600_000 + np.cumsum(changes), values)


@pytest.mark.parametrize(("single", "most"), [(True, 5.1), (False, 9.1)])
def test_a_typical_metric_takes_few_bytes_despite_pauses(single: bool, most: float) -> None:
    points = _typical(CHUNK_POINTS, single=single)
    data = encode(points)
    assert len(data) < most * CHUNK_POINTS
    assert rows(decode(data, CHUNK_POINTS)) == rows(points)


def test_a_constant_metric_takes_no_bytes_for_its_values() -> None:
    points = Points.of(np.arange(1000), np.arange(1000), np.full(1000, 0.1))
    assert len(encode(points)) == _HEAD_BYTES + 8


def test_a_step_that_restarts_is_an_outlier() -> None:
    points = Points.of([*range(500), *range(500)], np.arange(1000), np.full(1000, 0.1))
    assert len(encode(points)) == _HEAD_BYTES + 8 + 2 * 12


def test_many_single_points_and_full_chunks_are_decoded_together() -> None:
    points = _typical(CHUNK_POINTS)
    single = encode_rows([7], [8], [0.5])
    found = decode_many([(single, 1)] * 1000 + [(encode(points), CHUNK_POINTS)] + [(single, 1)])
    assert len(found) == 1000 + CHUNK_POINTS + 1
    assert rows(found.slice(1000, 1000 + CHUNK_POINTS)) == rows(points)
    assert found.steps[[0, 999, -1]].tolist() == [7, 7, 7]


def test_one_damaged_single_point_among_many_is_refused() -> None:
    single = encode_rows([7], [8], [0.5])
    with pytest.raises(DamagedChunk, match="check sum"):
        decode_many([(single, 1)] * 1000 + [(single[:-1] + b"\0", 1)])


def test_a_message_of_more_points_than_are_written_at_once_is_whole() -> None:
    points = _typical(20_000)
    points.steps[15_000] = -1  # which takes a longer varint than the others
    message = points.to_message("loss")
    assert message.steps[15_000] == -1
    assert rows(Points.of_message(message)) == rows(points)
    plain = pb.MetricPoints(key="loss", values=points.values, steps=points.steps, timestamps_ms=points.times_ms)
    assert message == plain
