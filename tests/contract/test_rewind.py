"""Points taken back: rewound, deleted, and summaries computed anew."""

from __future__ import annotations

import math

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError
from support.values import INT64_MAX, INT64_MIN, bits, unique


async def log(api: Api, run: pb.Run, key: str, steps: list[int], values: list[float] | None = None) -> None:
    """Logs points, by default of the steps' own values, at times that follow each other."""
    numbers = [float(step) for step in steps] if values is None else values
    times = list(range(1, len(steps) + 1))
    await api.log_metrics(run.run_id, pb.MetricPoints(key=key, values=numbers, steps=steps, timestamps_ms=times))


async def stored(api: Api, run: pb.Run, key: str) -> list[int]:
    """Steps of all points of a metric, in their order."""
    return list((await api.list_metric_history(run.run_id, key)).points.steps)


async def test_rewind_removes_the_points_of_later_steps_of_all_metrics(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [1, 2, 3, 4])
    await log(api, run, "accuracy", [2, 4, 3, 1])
    assert await api.rewind_metrics(run.run_id, 2) == 4
    assert await stored(api, run, "loss") == [1, 2]
    assert await stored(api, run, "accuracy") == [2, 1]


async def test_rewind_of_some_metrics_leaves_the_others(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [1, 2])
    await log(api, run, "accuracy", [1, 2])
    assert await api.rewind_metrics(run.run_id, 1, "loss") == 1
    assert await stored(api, run, "accuracy") == [1, 2]


async def test_rewind_computes_the_summary_of_what_is_left(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [1, 5, 2, 9, 3], [math.nan, -7.0, 4.0, 100.0, -0.0])
    await api.rewind_metrics(run.run_id, 4)
    summary = (await api.get_run(run.run_id)).metrics["loss"]
    assert (summary.count, summary.nan_count) == (3, 1)
    assert bits([summary.last, summary.min, summary.max]) == bits([-0.0, -0.0, 4.0])
    assert (summary.last_step, summary.first_step, summary.max_step) == (3, 1, 2)
    found = await api.list_runs(experiment_ids=[run.experiment_id], filter="metrics.loss.max = 4")
    assert [each.run_id for each in found.runs] == [run.run_id]


async def test_rewind_within_chunks_of_many_points_is_exact(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", list(range(10_000)))
    await log(api, run, "loss", [20_000, 1])
    assert await api.rewind_metrics(run.run_id, 5_000) == 5_000
    assert await stored(api, run, "loss") == [*range(5_001), 1]
    assert (await api.get_run(run.run_id)).metrics["loss"].last_step == 5_000


async def test_metric_that_has_no_points_left_is_gone_and_can_begin_again(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [INT64_MAX])
    assert await api.rewind_metrics(run.run_id, INT64_MIN) == 1
    assert "loss" not in (await api.get_run(run.run_id)).metrics
    await log(api, run, "loss", [7])
    assert await stored(api, run, "loss") == [7]


async def test_points_logged_after_a_rewind_follow_those_that_are_left(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [1, 2, 3])
    await api.rewind_metrics(run.run_id, 1)
    await log(api, run, "loss", [2, 3, 4])
    assert await stored(api, run, "loss") == [1, 2, 3, 4]


async def test_repeated_rewind_takes_back_nothing_new(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [1, 2])
    once = unique("rewind")
    assert await api.rewind_metrics(run.run_id, 1, request_id=once) == 1
    await log(api, run, "loss", [2])
    assert await api.rewind_metrics(run.run_id, 1, request_id=once) == 1
    assert await stored(api, run, "loss") == [1, 2]


async def test_deleted_metric_is_gone_with_its_points(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [1, 2])
    await log(api, run, "accuracy", [1])
    assert await api.delete_metrics(run.run_id, "loss") == 2
    assert list((await api.get_run(run.run_id)).metrics) == ["accuracy"]
    with pytest.raises(ApiError) as caught:
        await api.list_metric_history(run.run_id, "loss")
    assert caught.value.reason == "METRIC_NOT_FOUND"


async def test_summaries_kept_with_every_write_are_those_of_the_points(api: Api, run: pb.Run) -> None:
    await log(api, run, "loss", [3, 1, 3, 2], [math.nan, math.inf, 0.0, -0.0])
    await log(api, run, "loss", list(range(100)), [1.0 / (1 + number) for number in range(100)])
    await log(api, run, "accuracy", [1])
    assert await api.recompute_metric_summaries(run.run_id) == []


@pytest.mark.parametrize("verb", ["rewind_metrics", "delete_metrics", "recompute_metric_summaries"])
async def test_metric_that_the_run_does_not_have_is_refused_and_nothing_is_taken_back(
    api: Api, run: pb.Run, verb: str
) -> None:
    await log(api, run, "loss", [1, 2])
    arguments = (1,) if verb == "rewind_metrics" else ()
    with pytest.raises(ApiError) as caught:
        await getattr(api, verb)(run.run_id, *arguments, "loss", "los")
    assert (caught.value.reason, caught.value.metadata["metricKey"]) == ("METRIC_NOT_FOUND", "los")
    assert await stored(api, run, "loss") == [1, 2]
