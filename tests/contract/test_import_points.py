"""Metric points of other systems: exact, and continued where an import broke off."""

from __future__ import annotations

import asyncio

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import INT64_MAX, INT64_MIN, NEGATIVE_NAN, PAYLOAD_NAN, QUIET_NAN, bits, points, unique

INF = float("inf")


def run_with(experiment: pb.Experiment, *metrics: pb.MetricPoints) -> pb.ImportedRun:
    """A run of another system."""
    run = pb.Run(run_id=unique("run"), experiment_id=experiment.experiment_id, state=pb.Run.STATE_FINISHED)
    return pb.ImportedRun(run=run, metrics=metrics)


async def history(api: Api, run_id: str, key: str) -> pb.MetricPoints:
    """All points of a metric."""
    whole = pb.MetricPoints()
    for part in await api.stream_metric_history(run_id, key):
        whole.MergeFrom(part)
    return whole


def part(run: pb.ImportedRun, position: int, more: pb.MetricPoints) -> pb.ImportedPoints:
    """A part of a metric."""
    return pb.ImportedPoints(run_id=run.run.run_id, position=position, points=more)


async def test_points_are_kept_bit_for_bit_in_their_order(api: Api, experiment: pb.Experiment) -> None:
    # JSON has one NaN only.
    nans = [PAYLOAD_NAN, NEGATIVE_NAN] if api.transport == "grpc" else [QUIET_NAN, QUIET_NAN]
    values = [*nans, INF, -INF, -0.0, 5e-324, 1.7976931348623157e308] * 5
    steps = [INT64_MAX, INT64_MIN, 0, -1, 7, 7, 7] * 5
    times = [INT64_MIN, INT64_MAX, 0, 1, 2, 3, 3] * 5
    given = run_with(experiment, points("few", values[:7], steps[:7], times[:7]), points("many", values, steps, times))
    logged = await api.create_run(experiment.experiment_id)
    await api.import_runs(given)
    await api.log_metrics(logged.run_id, *given.metrics)
    imported, told = await api.batch_get_runs([given.run.run_id, logged.run_id])
    assert imported.metrics.keys() == {"few", "many"}
    for metric in given.metrics:
        stored = await history(api, given.run.run_id, metric.key)
        assert bits(stored.values) == bits(metric.values)
        assert (stored.steps, stored.timestamps_ms) == (metric.steps, metric.timestamps_ms)
        summaries = [run.metrics[metric.key].SerializeToString(deterministic=True) for run in (imported, told)]
        assert summaries[0] == summaries[1]


async def test_metrics_of_many_runs_are_found_and_sorted_like_logged_ones(api: Api, experiment: pb.Experiment) -> None:
    runs = [run_with(experiment, points("loss", [float(number)] * 20), points("x", [1.0])) for number in range(30)]
    await api.import_runs(*runs)
    found = await api.list_runs(
        experiment_ids=[experiment.experiment_id], filter="metrics.loss > 26.5", order_by="metrics.loss ASC"
    )
    assert [run.run_id for run in found.runs] == [run.run.run_id for run in runs[27:]]


async def test_long_history_goes_on_where_it_broke_off(api: Api, experiment: pb.Experiment) -> None:
    values = [float(number) for number in range(9000)]
    given = run_with(experiment, points("loss", values[:2000]), points("short", [1.0]))
    await api.import_runs(given)
    await api.delete_run(given.run.run_id)

    def piece(begin: int, end: int) -> pb.ImportedPoints:
        return part(given, begin, points("loss", values[begin:end], range(begin, end), range(begin, end)))

    assert await api.import_metric_points(piece(2000, 6000)) == [6000]
    # What was stored already, in whole or in part, is not stored again.
    assert await api.import_metric_points(piece(2000, 6000)) == [6000]
    assert await api.import_metric_points(piece(4000, 7000)) == [7000]
    (known,) = await api.import_runs(given)
    assert dict(known.metric_points) == {"loss": 7000, "short": 1}
    new = part(given, 0, points("new", [2.0]))
    assert await api.import_metric_points(piece(7000, 9000), new) == [9000, 1]
    stored = await history(api, given.run.run_id, "loss")
    assert (list(stored.values), list(stored.steps)) == (values, list(range(9000)))


async def test_gap_is_refused_and_nothing_stored(api: Api, experiment: pb.Experiment) -> None:
    given = run_with(experiment, points("loss", [1.0, 2.0]))
    await api.import_runs(given)
    right, gap = part(given, 0, points("other", [1.0])), part(given, 3, points("loss", [3.0]))
    with refused("INVALID_ARGUMENT", "SEQUENCE_GAP", expected="2", given="3") as refusal:
        await api.import_metric_points(right, gap)
    assert refusal.error.fields == ["series[1].position"]
    assert (await api.get_run(given.run.run_id)).metrics.keys() == {"loss"}


async def test_importers_at_once_store_points_once(api: Api, experiment: pb.Experiment) -> None:
    runs = [run_with(experiment, points("loss", [0.0])) for _ in range(6)]
    await api.import_runs(*runs)
    parts = [part(run, 1, points("loss", [float(n) for n in range(50)])) for run in runs]
    orders = [parts, parts[::-1], parts[3:] + parts[:3]]
    counts = await asyncio.gather(*(api.import_metric_points(*order) for order in orders))
    assert counts == [[51] * 6] * 3
    for run in runs:
        assert list((await history(api, run.run.run_id, "loss")).values) == [0.0, *map(float, range(50))]


async def test_points_of_unknown_runs_are_refused(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.import_metric_points(pb.ImportedPoints(run_id=unique(), points=points("m", [1.0])))


@pytest.mark.parametrize("verb", ["import_runs", "import_metric_points"])
async def test_uneven_columns_and_too_many_points_are_refused(api: Api, experiment: pb.Experiment, verb: str) -> None:
    async def send(metric: pb.MetricPoints) -> None:
        given = run_with(experiment, metric)
        await (api.import_runs(given) if verb == "import_runs" else api.import_metric_points(part(given, 0, metric)))

    field = "runs[0].metrics[0]" if verb == "import_runs" else "series[0].points"
    with refused("INVALID_ARGUMENT", "UNEVEN_COLUMNS") as refusal:
        await send(points("m", [1.0, 2.0], [1]))
    assert refusal.error.fields == [f"{field}.steps"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", points="100001"):
        await send(points("m", [1.0] * 100_001))
