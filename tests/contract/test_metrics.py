"""Metric points: exact history, summaries, pages."""

from __future__ import annotations

import asyncio
import math
import random

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.values import INT64_MAX, INT64_MIN, NEGATIVE_NAN, PAYLOAD_NAN, QUIET_NAN, bits, points

INF = math.inf
TRICKY = [QUIET_NAN, INF, -INF, -0.0, 0.0, 5e-324, -5e-324, 1.7976931348623157e308, 0.1, 1 / 3, 2.0**53 + 2, 1e22]


async def _history(api: Api, run_id: str, key: str = "m", page_size: int = 0) -> pb.MetricPoints:
    """All points of a metric by walking its pages."""
    whole, token = pb.MetricPoints(key=key), ""
    while True:
        page = await api.list_metric_history(run_id, key, page_size=page_size, page_token=token)
        assert len(page.points.values) == len(page.points.steps) == len(page.points.timestamps_ms)
        assert page.points.key == key
        whole.values.extend(page.points.values)
        whole.steps.extend(page.points.steps)
        whole.timestamps_ms.extend(page.points.timestamps_ms)
        token = page.next_page_token
        if not token:
            return whole


def _summary(metric: pb.MetricPoints) -> pb.MetricSummary:
    """The summary that `metric.proto` promises for points in this order of arrival."""
    rows = list(zip(metric.steps, metric.timestamps_ms, metric.values, strict=True))
    last = max(rows, key=lambda row: (row[0], row[1], 0.0 if math.isnan(row[2]) else row[2]))
    first = min(rows, key=lambda row: row[:2])
    numbers = [row for row in rows if not math.isnan(row[2])]
    summary = pb.MetricSummary(
        last=last[2],
        last_step=last[0],
        last_timestamp_ms=last[1],
        first=first[2],
        first_step=first[0],
        first_timestamp_ms=first[1],
        count=len(rows),
        nan_count=len(rows) - len(numbers),
    )
    if numbers:
        lowest, highest = min(numbers, key=lambda row: row[2]), max(numbers, key=lambda row: row[2])
        summary.min, summary.min_step = lowest[2], lowest[0]
        summary.max, summary.max_step = highest[2], highest[0]
    return summary


async def test_points_are_kept_exactly(api: Api, run: pb.Run) -> None:
    steps = [INT64_MAX, INT64_MIN, 0, -1, 1, 1, 1, 2**53 + 1, -(2**53) - 1, 7, 7, 3]
    times = [0, INT64_MIN, INT64_MAX, -1, 1_700_000_000_000, 1, 1, 1, 2**53 + 1, 5, 4, 3]
    assert await api.log_metrics(run.run_id, points("m", TRICKY, steps, times)) == len(TRICKY)
    history = await _history(api, run.run_id)
    assert bits(history.values) == bits(TRICKY)
    assert list(history.steps) == steps
    assert list(history.timestamps_ms) == times


async def test_nan_keeps_its_payload_where_the_transport_has_one(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    values = [PAYLOAD_NAN, NEGATIVE_NAN, QUIET_NAN]
    await grpc_api.log_metrics(run.run_id, points("m", values))
    assert bits((await _history(grpc_api, run.run_id)).values) == bits(values)
    assert bits([(await grpc_api.get_run(run.run_id)).metrics["m"].last]) == bits([QUIET_NAN])


@pytest.mark.parametrize("value", TRICKY, ids=repr)
async def test_summary_of_a_single_point_is_exact(api: Api, run: pb.Run, value: float) -> None:
    await api.log_metrics(run.run_id, points("m", [value], [INT64_MIN], [INT64_MAX]))
    summary = (await api.get_run(run.run_id)).metrics["m"]
    assert bits([summary.last, summary.first]) == bits([value, value])
    assert (summary.last_step, summary.first_step, summary.last_timestamp_ms) == (INT64_MIN, INT64_MIN, INT64_MAX)
    assert summary.count == 1
    if math.isnan(value):
        assert summary.nan_count == 1
        assert not any(summary.HasField(name) for name in ("min", "min_step", "max", "max_step"))
    else:
        assert bits([summary.min, summary.max]) == bits([value, value])
        assert (summary.min_step, summary.max_step) == (INT64_MIN, INT64_MIN)


async def test_history_keeps_the_order_of_arrival(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [5.0, 4.0], [5, 4]), points("m", [3.0], [9]))
    await api.log_metrics(run.run_id, points("m", [1.0, 5.0], [1, 5]))
    assert list((await _history(api, run.run_id)).steps) == [5, 4, 9, 1, 5]


async def test_same_point_sent_twice_is_stored_twice(api: Api, run: pb.Run) -> None:
    for _ in range(2):
        await api.log_metrics(run.run_id, points("m", [1.0], [1], [1]))
    assert list((await _history(api, run.run_id)).values) == [1.0, 1.0]


async def test_absent_steps_are_zero(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0, 2.0], [], [10, 20]))
    history = await _history(api, run.run_id)
    assert (list(history.steps), list(history.timestamps_ms)) == ([0, 0], [10, 20])


async def test_absent_times_are_the_time_of_receipt(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0, 2.0]))
    times = list((await _history(api, run.run_id)).timestamps_ms)
    assert min(times) >= run.create_time.ToMilliseconds()


@pytest.mark.parametrize(
    "uneven",
    [
        pb.MetricPoints(key="m", values=[1.0], steps=[1, 2]),
        pb.MetricPoints(key="m", values=[1.0, 2.0], steps=[1]),
        pb.MetricPoints(key="m", values=[1.0, 2.0], timestamps_ms=[1]),
        pb.MetricPoints(key="m", steps=[1]),
    ],
    ids=["more steps", "fewer steps", "fewer times", "no values"],
)
async def test_uneven_columns_are_refused_and_nothing_stored(api: Api, run: pb.Run, uneven: pb.MetricPoints) -> None:
    with refused("INVALID_ARGUMENT", "UNEVEN_COLUMNS") as refusal:
        await api.log_metrics(run.run_id, points("good", [1.0]), uneven)
    assert refusal.error.fields[0].startswith("metrics[1]")
    assert not (await api.get_run(run.run_id)).metrics


async def test_more_than_100_000_points_are_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.log_metrics(run.run_id, points("m", [0.0] * 100_001, []))
    assert refusal.error.fields == ["metrics"]
    assert not (await api.get_run(run.run_id)).metrics


async def test_request_without_metrics_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await api.log_metrics(run.run_id)
    assert refusal.error.fields == ["metrics"]


async def test_missing_run_is_named(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND") as refusal:
        await api.log_metrics("missing-run", points("m", [1.0]))
    assert "missing-run" in refusal.error.metadata.values()
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.list_metric_history("missing-run", "m")


async def test_missing_metric_is_named(api: Api, run: pb.Run) -> None:
    with refused("NOT_FOUND", "METRIC_NOT_FOUND") as refusal:
        await api.list_metric_history(run.run_id, "no such metric")
    assert "no such metric" in refusal.error.metadata.values()


@pytest.mark.parametrize("key", ["k" * 500, "é" * 500, "train/loss", "a b.c'd\"`e%", "🚀"])
async def test_unusual_keys_are_kept(api: Api, run: pb.Run, key: str) -> None:
    await api.log_metrics(run.run_id, points(key, [1.0]))
    assert list((await _history(api, run.run_id, key)).values) == [1.0]
    assert list((await api.get_run(run.run_id)).metrics) == [key]


async def test_keys_differ_by_case(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("Loss", [1.0]), points("loss", [2.0]), points("loss ", [3.0]))
    assert {key: summary.last for key, summary in (await api.get_run(run.run_id)).metrics.items()} == {
        "Loss": 1.0,
        "loss": 2.0,
        "loss ": 3.0,
    }


async def test_last_is_the_greatest_step_then_time_then_value(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0, 9.0, 2.0, -5.0], [3, 1, 3, 3], [5, 99, 5, 4]))
    summary = (await api.get_run(run.run_id)).metrics["m"]
    assert (summary.last, summary.last_step, summary.last_timestamp_ms) == (2.0, 3, 5)


@pytest.mark.parametrize(("other", "winner"), [(1.0, 1.0), (-1.0, QUIET_NAN)])
async def test_nan_counts_as_zero_in_a_tie_for_last(api: Api, run: pb.Run, other: float, winner: float) -> None:
    for value in (QUIET_NAN, other):
        await api.log_metrics(run.run_id, points("m", [value], [1], [1]))
    assert bits([(await api.get_run(run.run_id)).metrics["m"].last]) == bits([winner])


async def test_first_is_the_smallest_step_then_time_then_arrival(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0, 2.0], [0, -1], [0, 5]))
    await api.log_metrics(run.run_id, points("m", [3.0, 4.0, 5.0], [-1, -1, -1], [4, 4, 6]))
    summary = (await api.get_run(run.run_id)).metrics["m"]
    assert (summary.first, summary.first_step) == (3.0, -1)


async def test_extremes_remember_where_they_were_first_reached(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [2.0, 1.0, QUIET_NAN, 3.0], [8, 7, 6, 5]))
    await api.log_metrics(run.run_id, points("m", [1.0, 3.0], [1, 2]))
    summary = (await api.get_run(run.run_id)).metrics["m"]
    assert (summary.min, summary.min_step, summary.max, summary.max_step) == (1.0, 7, 3.0, 5)
    assert (summary.count, summary.nan_count) == (6, 1)


@pytest.mark.parametrize("seed", range(6))
async def test_summary_follows_any_sequence_of_calls(api: Api, run: pb.Run, seed: int) -> None:
    dice = random.Random(seed)
    arrived = pb.MetricPoints(key="m")
    for _ in range(dice.randint(2, 6)):
        metrics = []
        for _ in range(dice.randint(1, 3)):
            count = dice.randint(1, 8)
            part = points(
                "m",
                [dice.choice([QUIET_NAN, INF, -INF, -2.5, 1.5, 0.1, 7.0]) for _ in range(count)],
                [dice.choice([INT64_MIN, -1, 0, 1, 2, INT64_MAX]) for _ in range(count)],
                [dice.randint(0, 2) for _ in range(count)],
            )
            metrics.append(part)
            arrived.MergeFrom(part)
        await api.log_metrics(run.run_id, *metrics)
        summary = (await api.get_run(run.run_id)).metrics["m"]
        assert str(summary) == str(_summary(arrived))
    assert bits((await _history(api, run.run_id)).values) == bits(arrived.values)


async def test_pages_join_to_the_whole_history(api: Api, run: pb.Run) -> None:
    for start in (0, 4, 5):
        await api.log_metrics(run.run_id, points("m", range(start, start + 4), range(start, start + 4)))
    whole = await _history(api, run.run_id)
    for page_size in (1, 3, 11, 12, 13):
        assert list((await _history(api, run.run_id, page_size=page_size)).values) == list(whole.values)
    last = await api.list_metric_history(run.run_id, "m", page_size=12)
    assert not last.next_page_token


async def test_page_token_sees_points_that_arrive_later(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [0.0, 1.0, 2.0]))
    first = await api.list_metric_history(run.run_id, "m", page_size=2)
    await api.log_metrics(run.run_id, points("m", [3.0]))
    second = await api.list_metric_history(run.run_id, "m", page_size=2, page_token=first.next_page_token)
    assert list(second.points.values) == [2.0, 3.0]


async def test_page_size_may_change_between_pages(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", range(5)))
    first = await api.list_metric_history(run.run_id, "m", page_size=1)
    rest = await api.list_metric_history(run.run_id, "m", page_size=100, page_token=first.next_page_token)
    assert list(rest.points.values) == [1.0, 2.0, 3.0, 4.0]


async def test_history_pages_hold_10_000_points_and_at_most_100_000(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", range(100_000)))
    await api.log_metrics(run.run_id, points("m", [-1.0]))
    assert len((await api.list_metric_history(run.run_id, "m")).points.values) == 10_000
    page = await api.list_metric_history(run.run_id, "m", page_size=1_000_000)
    assert len(page.points.values) == 100_000
    rest = await api.list_metric_history(run.run_id, "m", page_size=1_000_000, page_token=page.next_page_token)
    assert (list(rest.points.values), rest.next_page_token) == ([-1.0], "")


async def test_token_of_another_metric_or_run_is_refused(api: Api, run: pb.Run) -> None:
    other = await api.create_run(run.experiment_id)
    for run_id in (run.run_id, other.run_id):
        await api.log_metrics(run_id, points("m", [1.0, 2.0]), points("n", [1.0, 2.0]))
    token = (await api.list_metric_history(run.run_id, "m", page_size=1)).next_page_token
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN") as refusal:
        await api.list_metric_history(run.run_id, "n", page_token=token)
    assert refusal.error.fields == ["page_token"]
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_metric_history(other.run_id, "m", page_token=token)


@pytest.mark.parametrize("token", ["garbage", "AAAA", "é", "=", " "])
async def test_garbage_token_is_refused(api: Api, run: pb.Run, token: str) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0]))
    with refused("INVALID_ARGUMENT", "BAD_PAGE_TOKEN"):
        await api.list_metric_history(run.run_id, "m", page_token=token)


async def test_negative_page_size_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.list_metric_history(run.run_id, "m", page_size=-1)
    assert refusal.error.fields == ["page_size"]


async def test_32_concurrent_writers_of_one_metric_lose_nothing(api: Api, run: pb.Run) -> None:
    calls = (api.log_metrics(run.run_id, points("m", [n] * 3, [n] * 3, [n] * 3)) for n in range(32))
    await asyncio.gather(*calls)
    history = await _history(api, run.run_id)
    assert sorted(history.values) == sorted(float(n) for n in range(32) for _ in range(3))
    assert str((await api.get_run(run.run_id)).metrics["m"]) == str(_summary(history))


async def test_many_metrics_in_one_request(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, *(points(f"m{n}", [n]) for n in range(1000)))
    metrics = (await api.get_run(run.run_id)).metrics
    assert {key: summary.last for key, summary in metrics.items()} == {f"m{n}": float(n) for n in range(1000)}
