"""Rules of metric points."""

from __future__ import annotations

from collections.abc import Sequence

from milepost import v1 as pb
from milepost_server.errors import NotFound, invalid_field, quote
from milepost_server.services.clock import Clock
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.replays import write_once
from milepost_server.services.run_keys import existing_run, writable_run
from milepost_server.storage.base import Storage, Transaction

MAX_POINTS = 100_000


def _complete_columns(metrics: Sequence[pb.MetricPoints], clock: Clock) -> None:
    total = sum(len(points.values) for points in metrics)
    if total > MAX_POINTS:
        raise invalid_field(
            "metrics", f"{total} points are more than the {MAX_POINTS} of one request; send several", points=str(total)
        )
    now_ms = clock() // 1000
    for index, points in enumerate(metrics):
        count = len(points.values)
        for name, column, stand_in in (("steps", points.steps, 0), ("timestamps_ms", points.timestamps_ms, now_ms)):
            if not column:
                column.extend([stand_in] * count)
            elif len(column) != count:
                raise invalid_field(
                    f"metrics[{index}].{name}",
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
    _complete_columns(metrics, clock)
    return list(metrics)


class MetricService:
    """Metric points in and out."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def log(self, request: pb.LogMetricsRequest) -> pb.LogMetricsResponse:
        """See `MetricService.LogMetrics`."""
        metrics = completed_metrics(request, self._clock)

        async def work(tx: Transaction) -> pb.LogMetricsResponse:
            key = await writable_run(tx, request.run_id)
            return pb.LogMetricsResponse(metric_points=await tx.metrics.append(key, metrics))

        return await write_once(self._storage, self._clock, request, pb.LogMetricsResponse, work)

    async def history(self, request: pb.ListMetricHistoryRequest) -> pb.ListMetricHistoryResponse:
        """See `MetricService.ListMetricHistory`."""
        after = decode_token(request, request.page_token)
        limit = page_limit(request.page_size, 10_000, 100_000)

        async def work(tx: Transaction) -> pb.ListMetricHistoryResponse:
            key = await existing_run(tx, request.run_id)
            found = await tx.metrics.history(key, request.metric_key, limit, after[0] if after else None)
            if found is None:
                raise _metric_not_found(request)
            points, last = found
            token = encode_token(request, None if last is None else (last,))
            return pb.ListMetricHistoryResponse(points=points, next_page_token=token)

        return await self._storage.scan(work)


def _metric_not_found(request: pb.ListMetricHistoryRequest) -> NotFound:
    return NotFound(
        f"Run {request.run_id} has no metric {quote(request.metric_key)}. Keys are case-sensitive.",
        reason=pb.ERROR_REASON_METRIC_NOT_FOUND,
        metadata={"runId": request.run_id, "metricKey": request.metric_key},
    )
