"""Charts: series of many runs cut into common buckets, with exact edges and no spike lost."""

from __future__ import annotations

import math
import random

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost_server.points.buckets import Buckets
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.point_strategies import Point, plain_series, to_bits
from support.values import INT64_MAX, INT64_MIN, points

AXES = pb.GetMetricSeriesRequest
START_MS = 1_700_000_000_000


def _rows(metric: pb.MetricPoints) -> list[Point]:
    bits = [to_bits(value) for value in metric.values]
    return [Point(*row) for row in zip(metric.steps, metric.timestamps_ms, bits, strict=True)]


def _comparable(series: pb.MetricSeries) -> dict[str, list[object]]:
    """The columns, exact but for the payload of NaN, which JSON does not carry."""
    columns = {field.name: list(value) for field, value in series.ListFields() if field.is_repeated}
    return {
        name: [str(item) if item != item else (item, str(item)) for item in items] for name, items in columns.items()
    }


def _noise(dice: random.Random, count: int) -> pb.MetricPoints:
    """Points out of order, with twins, NaN and infinities."""
    values = [math.nan, math.inf, -math.inf, -0.0, 0.0, 1.5, -2.5]
    return points(
        "m",
        [dice.choice([dice.random(), dice.choice(values)]) for _ in range(count)],
        [dice.randint(-50, 50) * dice.choice([1, 40]) for _ in range(count)],
        [START_MS + dice.randint(-5000, 5000) for _ in range(count)],
    )


@pytest.mark.parametrize(("start", "end"), [(None, None), (-20, 31), (None, 0), (10, None), (5, 5)])
@pytest.mark.parametrize("buckets", [1, 7, 10_000])
async def test_buckets_are_those_of_the_rules(
    api: Api, run: pb.Run, start: int | None, end: int | None, buckets: int
) -> None:
    dice = random.Random(buckets)
    arrived = pb.MetricPoints()
    for count in (1, 30, 300, 2):
        some = _noise(dice, count)
        await api.log_metrics(run.run_id, some)
        arrived.MergeFrom(some)
    found = await api.get_metric_series([run.run_id], ["m"], buckets=buckets, start=start, end=end)
    steps = list(arrived.steps)
    low, high = min(steps) if start is None else start, max(steps) if end is None else end
    expected = plain_series(_rows(arrived), steps, Buckets.over(low, high, buckets))
    assert found.start == low
    assert found.bucket_width * buckets >= high - low + 1 > (found.bucket_width - 1) * buckets
    assert _comparable(found.series[0]) == _comparable(expected)


@pytest.mark.parametrize("axis", [AXES.AXIS_TIME, AXES.AXIS_RELATIVE_TIME])
async def test_time_and_relative_time_are_axes(api: Api, experiment: pb.Experiment, axis: AXES.Axis.ValueType) -> None:
    dice = random.Random(axis)
    logged: list[tuple[int, pb.MetricPoints]] = []
    run_ids = []
    for begin_ms in (START_MS, START_MS - 100_000):
        begin = Timestamp()
        begin.FromMilliseconds(begin_ms)
        run = await api.create_run(experiment.experiment_id, start_time=begin)
        run_ids.append(run.run_id)
        metric = pb.MetricPoints()
        for count in (3, 200, 5):
            some = _noise(dice, count)
            await api.log_metrics(run.run_id, some)
            metric.MergeFrom(some)
        logged.append((begin_ms if axis == AXES.AXIS_RELATIVE_TIME else 0, metric))
    found = await api.get_metric_series(run_ids, ["m"], axis=axis, buckets=50)
    positions = [[time - origin for time in metric.timestamps_ms] for origin, metric in logged]
    together = [position for some in positions for position in some]
    buckets = Buckets.over(min(together), max(together), 50)
    assert (found.start, found.bucket_width) == (buckets.start, buckets.width)
    for series, placed, (_, metric) in zip(found.series, positions, logged, strict=True):
        assert _comparable(series) == _comparable(plain_series(_rows(metric), placed, buckets))


async def test_series_come_by_run_then_key_and_those_that_are_not_there_are_left_out(
    api: Api, experiment: pb.Experiment
) -> None:
    one, two, empty = [await api.create_run(experiment.experiment_id) for _ in range(3)]
    await api.log_metrics(one.run_id, points("a", [1.0]), points("b", [2.0]))
    await api.log_metrics(two.run_id, points("b", [3.0]), points("c", [4.0]))
    found = await api.get_metric_series([two.run_id, "missing", empty.run_id, one.run_id, two.run_id], ["b", "x", "a"])
    assert [(series.run_id, series.metric_key) for series in found.series] == [
        (two.run_id, "b"),
        (one.run_id, "b"),
        (one.run_id, "a"),
    ]
    assert not (await api.get_metric_series(["missing"], ["b"])).series


async def test_range_over_all_of_int64_has_every_point(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0, 2.0, 3.0], [INT64_MAX, INT64_MIN, 0], [1, 2, 3]))
    for buckets in (1, 3):
        found = await api.get_metric_series([run.run_id], ["m"], buckets=buckets)
        assert sum(found.series[0].counts) == 3
        assert found.start == INT64_MIN
        assert (found.series[0].first_positions[0], found.series[0].last_positions[-1]) == (INT64_MIN, INT64_MAX)


async def test_relative_time_beyond_int64_is_its_extreme(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0, 2.0], [0, 1], [INT64_MIN, 0]))
    found = await api.get_metric_series([run.run_id], ["m"], axis=AXES.AXIS_RELATIVE_TIME, buckets=2)
    assert found.start == INT64_MIN


async def test_a_million_points_keep_their_spikes(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    for begin in range(0, 1_000_000, 100_000):
        values = [0.0] * 100_000
        if begin == 300_000:
            values[456], values[457] = 9.0, -9.0
        await grpc_api.log_metrics(run.run_id, points("m", values, range(begin, begin + 100_000)))
    found = await grpc_api.get_metric_series([run.run_id], ["m"], buckets=10)
    series = found.series[0]
    assert (found.bucket_width, list(series.counts)) == (100_000, [100_000] * 10)
    assert (series.max_positions[3], series.max_values[3]) == (300_456, 9.0)
    assert (series.min_positions[3], series.min_values[3]) == (300_457, -9.0)
    assert list(series.first_positions) == [number * 100_000 for number in range(10)]
    assert list(series.last_positions) == [number * 100_000 + 99_999 for number in range(10)]
    window = await grpc_api.get_metric_series([run.run_id], ["m"], buckets=100, start=300_400, end=300_499)
    assert (window.bucket_width, len(window.series[0].buckets)) == (1, 100)
    assert window.series[0].max_values[56] == 9.0
    beyond = await grpc_api.get_metric_series([run.run_id], ["m"], start=1_000_000)
    assert [len(one.buckets) for one in beyond.series] == [0]


async def test_an_answer_follows_what_is_logged(api: Api, run: pb.Run) -> None:
    for number in range(4):
        await api.log_metrics(run.run_id, points("m", [float(number)], [number]))
        for _ in range(2):
            found = await api.get_metric_series([run.run_id], ["m"])
            assert list(found.series[0].last_values) == [float(step) for step in range(number + 1)]


@pytest.mark.parametrize(
    ("runs", "keys", "fields", "at_fault"),
    [
        (101, 100, {"buckets": 1}, "metric_keys"),
        (10, 101, {}, "buckets"),
        (1, 1, {"buckets": 10_001}, "buckets"),
        (1, 1, {"buckets": -1}, "buckets"),
        (1, 1, {"start": 2, "end": 1}, "end"),
        (1001, 1, {"buckets": 1}, "run_ids"),
    ],
)
async def test_requests_beyond_the_limits_are_refused(
    api: Api, runs: int, keys: int, fields: dict[str, int], at_fault: str
) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.get_metric_series([f"r{n}" for n in range(runs)], [f"k{n}" for n in range(keys)], **fields)
    assert refusal.error.fields == [at_fault]


async def test_runs_and_keys_are_required(api: Api) -> None:
    for runs, keys, missing in (([], ["m"], "run_ids"), (["r"], [], "metric_keys")):
        with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
            await api.get_metric_series(runs, keys)
        assert refusal.error.fields == [missing]


async def test_thousands_of_series_come_in_one_call(api: Api, experiment: pb.Experiment) -> None:
    runs = [await api.create_run(experiment.experiment_id) for _ in range(20)]
    keys = [f"k{number}" for number in range(100)]
    for number, run in enumerate(runs):
        await api.log_metrics(run.run_id, *(points(key, [number, number + 0.5]) for key in keys))
    found = await api.get_metric_series([run.run_id for run in runs], keys, buckets=10)
    assert len(found.series) == 2_000
    assert all(
        (series.run_id, series.metric_key, list(series.first_values))
        == (runs[index // 100].run_id, keys[index % 100], [float(index // 100), index // 100 + 0.5])
        for index, series in enumerate(found.series)
    )
