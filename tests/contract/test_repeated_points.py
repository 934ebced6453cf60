"""`skip_repeated_points`: what is there already is not stored again."""

from __future__ import annotations

import asyncio

import pytest

from milepost import v1 as pb
from support.api import Api
from support.values import INT64_MAX, INT64_MIN, QUIET_NAN, bits, points


async def _log(api: Api, run: pb.Run, *metrics: pb.MetricPoints) -> int:
    return await api.log_batch(run.run_id, metrics=metrics, skip_repeated_points=True)


async def _values(api: Api, run: pb.Run, key: str) -> list[str]:
    return bits((await api.list_metric_history(run.run_id, key)).points.values)


async def test_points_that_are_there_are_not_stored_again(api: Api, run: pb.Run) -> None:
    batch = [points("m", [1.0, 2.0, 3.0], timestamps_ms=[5, 5, 5]), points("n", [4.0], timestamps_ms=[6])]
    assert await _log(api, run, *batch) == 4
    after = await api.get_run(run.run_id)
    assert await _log(api, run, *batch) == 0
    assert await _log(api, run, batch[1], points("m", [3.0, 9.0], [2, 2], [5, 5])) == 1
    assert await _values(api, run, "m") == bits([1.0, 2.0, 3.0, 9.0])
    assert (await api.get_run(run.run_id)).metrics["n"] == after.metrics["n"]


async def test_without_the_option_they_are(api: Api, run: pb.Run) -> None:
    batch = [points("m", [1.0, 1.0], [0, 0], [5, 5])]
    assert [await api.log_batch(run.run_id, metrics=batch) for _ in range(2)] == [2, 2]


async def test_points_twice_in_one_batch_are_stored_once(api: Api, run: pb.Run) -> None:
    assert await _log(api, run, points("m", [1.0, 2.0, 1.0], [0, 1, 0], [5, 5, 5]), points("m", [2.0], [1], [5])) == 2
    assert await _values(api, run, "m") == bits([1.0, 2.0])


@pytest.mark.parametrize(
    ("other", "stored"),
    [
        (points("m", [0.0], [1], [5]), 1),
        (points("m", [0.0], [0], [6]), 1),
        (points("m", [-0.0], [0], [5]), 1),
        (points("m", [5e-324], [0], [5]), 1),
        (points("m", [QUIET_NAN], [0], [5]), 1),
        (points("n", [0.0], [0], [5]), 1),
        (points("m", [0.0], [INT64_MIN], [INT64_MIN]), 1),
        (points("m", [0.0], [INT64_MAX], [INT64_MAX]), 1),
        (points("m", [0.0], [0], [5]), 0),
    ],
    ids=["step", "time", "negative zero", "last bit", "NaN", "key", "least", "greatest", "same"],
)
async def test_repeats_are_equal_in_all(api: Api, run: pb.Run, other: pb.MetricPoints, stored: int) -> None:
    await _log(api, run, points("m", [0.0], [0], [5]))
    assert await _log(api, run, other) == stored


async def test_nan_equals_nan(api: Api, run: pb.Run) -> None:
    assert await _log(api, run, points("m", [QUIET_NAN, QUIET_NAN, 1.0], [0, 0, 1], [5, 5, 5])) == 2
    assert await _log(api, run, points("m", [QUIET_NAN, 2.0], [0, 2], [5, 5])) == 1
    assert await _values(api, run, "m") == bits([QUIET_NAN, 1.0, 2.0])


async def test_equal_batches_at_once_are_stored_once(api: Api, run: pb.Run) -> None:
    batch = [points("m", map(float, range(50)), timestamps_ms=[5] * 50)]
    batch += [points(f"n{number}", [0.5], timestamps_ms=[5]) for number in range(5)]
    assert sum(await asyncio.gather(*(_log(api, run, *batch) for _ in range(8)))) == 55
    metrics = (await api.get_run(run.run_id)).metrics
    assert {key: summary.count for key, summary in metrics.items()} == {"m": 50, **{f"n{n}": 1 for n in range(5)}}
