"""Rules of metric points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.services.clock import Clock
from milepost_server.services.refusals import metric_not_found
from milepost_server.services.replays import write_once
from milepost_server.services.run_keys import writable_run
from milepost_server.storage.base import RunKey, Storage, Transaction

MAX_POINTS = 100_000
LIGHT_VALUES = 8
"""A write of no more points, params and tags is light, see `Storage.write`."""


def point_count(metrics: Iterable[pb.MetricPoints]) -> int:
    """Number of points of several metrics."""
    return sum([len(points.values) for points in metrics])


def check_point_count(metrics: Iterable[pb.MetricPoints], field: str) -> None:
    """Refuses more points than one request may have; `field` is their place in it."""
    total = point_count(metrics)
    if total > MAX_POINTS:
        raise invalid_field(
            field, f"{total} points are more than the {MAX_POINTS} of one request; send several", points=str(total)
        )


def complete_columns(metrics: Sequence[pb.MetricPoints], clock: Clock, path: str) -> None:
    """Fills absent steps and times, so that the columns of each series have one length.

    Args:
        metrics: Points of a request, whose place in it is `path`.
        clock: The time of points that have none.
        path: For errors.

    Raises:
        InvalidArgument: Columns differ in length, or there are more points than one request may have.
    """
    check_point_count(metrics, path)
    now_ms = clock() // 1000
    for index, points in enumerate(metrics):
        _complete(points, now_ms, f"{path}[{index}]")


def completed_points(points: pb.MetricPoints, now_ms: int, field: str) -> pb.MetricPoints:
    """One series as `complete_columns` makes it. What is not complete is copied: a request as sent names its repeat."""
    whole = points
    if not (points.steps and points.timestamps_ms):
        whole = pb.MetricPoints()
        whole.CopyFrom(points)
    _complete(whole, now_ms, field)
    return whole


def _complete(points: pb.MetricPoints, now_ms: int, field: str) -> None:
    count = len(points.values)
    for name, column, stand_in in (("steps", points.steps, 0), ("timestamps_ms", points.timestamps_ms, now_ms)):
        if not column:
            column.extend([stand_in] * count)
        elif len(column) != count:
            raise invalid_field(
                f"{field}.{name}",
                f"has {len(column)} entries where values has {count}; send as many, or none",
                reason=pb.ERROR_REASON_UNEVEN_COLUMNS,
                key=points.key,
            )


def completed_metrics(request: pb.LogMetricsRequest | pb.LogBatchRequest, clock: Clock) -> list[pb.MetricPoints]:
    """The points of a request, with absent steps and times filled so that the columns of each series have one length.

    Raises:
        InvalidArgument: Columns differ in length, or there are more points than one request may have.
    """
    metrics = request.metrics
    if request.request_id:
        # The request as sent names the repeat, so it is completed in a copy.
        metrics = pb.LogMetricsRequest(metrics=metrics).metrics
    complete_columns(metrics, clock, "metrics")
    return list(metrics)


class MetricService:
    """Metric points in and out."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def log(self, request: pb.LogMetricsRequest) -> pb.LogMetricsResponse:
        """See `MetricService.LogMetrics`."""
        metrics = completed_metrics(request, self._clock)
        light = point_count(metrics) <= LIGHT_VALUES

        async def work(tx: Transaction) -> pb.LogMetricsResponse:
            key = await writable_run(tx, request.run_id)
            return pb.LogMetricsResponse(metric_points=await tx.metrics.append(key, metrics, self._clock()))

        return await write_once(self._storage, self._clock, request, pb.LogMetricsResponse, work, light=light)

    async def rewind(self, request: pb.RewindMetricsRequest) -> pb.RewindMetricsResponse:
        """See `MetricService.RewindMetrics`."""

        async def work(tx: Transaction) -> pb.RewindMetricsResponse:
            key = await _run_with_metrics(tx, request)
            removed = await tx.metrics.rewind(key, request.metric_keys, request.after_step)
            return pb.RewindMetricsResponse(metric_points=removed)

        return await write_once(self._storage, self._clock, request, pb.RewindMetricsResponse, work)

    async def delete(self, request: pb.DeleteMetricsRequest) -> pb.DeleteMetricsResponse:
        """See `MetricService.DeleteMetrics`."""

        async def work(tx: Transaction) -> pb.DeleteMetricsResponse:
            key = await _run_with_metrics(tx, request)
            return pb.DeleteMetricsResponse(metric_points=await tx.metrics.remove(key, request.metric_keys))

        return await write_once(self._storage, self._clock, request, pb.DeleteMetricsResponse, work)

    async def recompute(self, request: pb.RecomputeMetricSummariesRequest) -> pb.RecomputeMetricSummariesResponse:
        """See `MetricService.RecomputeMetricSummaries`."""

        async def work(tx: Transaction) -> pb.RecomputeMetricSummariesResponse:
            key = await _run_with_metrics(tx, request)
            corrected = await tx.metrics.recompute(key, request.metric_keys)
            return pb.RecomputeMetricSummariesResponse(corrected_keys=corrected)

        return await write_once(self._storage, self._clock, request, pb.RecomputeMetricSummariesResponse, work)


async def _run_with_metrics(
    tx: Transaction,
    request: pb.RewindMetricsRequest | pb.DeleteMetricsRequest | pb.RecomputeMetricSummariesRequest,
) -> RunKey:
    """The active run of a request, which has all the metrics that the request names."""
    key = await writable_run(tx, request.run_id)
    known = await tx.metrics.known(key, request.metric_keys)
    for name in request.metric_keys:
        if name not in known:
            raise metric_not_found(request.run_id, name)
    return key
