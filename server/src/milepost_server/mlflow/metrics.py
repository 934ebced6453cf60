"""`milepost.mlflow.v1.MetricService`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar, cast

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.errors import invalid_field
from milepost_server.mlflow.native import run_id_of
from milepost_server.points.columns import Points
from milepost_server.services.metric_histories import MetricHistoryService, PagePosition, RunPoints
from milepost_server.services.metric_samples import MetricSampleService
from milepost_server.services.pages import decode_token, encode_token

Made = TypeVar("Made")

MOST_AT_ONCE = 1_000_000
# To make messages of so many points takes some milliseconds, which other calls should not have to wait.
_MANY = 2000


class MlflowMetricServicer:
    """MLflow's calls that read metrics. What each method does is said in the proto."""

    def __init__(self, histories: MetricHistoryService, samples: MetricSampleService) -> None:
        self._histories = histories
        self._samples = samples

    async def get_metric_history(
        self, request: mlflow_pb.GetMetricHistoryRequest, call: Call
    ) -> mlflow_pb.GetMetricHistoryResponse:
        run_id, key = run_id_of(request), request.metric_key
        # Tokens are bound to what they go on with.
        query = pb.ListMetricHistoryRequest(run_id=run_id, metric_key=key)
        after = cast("PagePosition | None", decode_token(query, request.page_token))
        limit = min(request.max_results or MOST_AT_ONCE, MOST_AT_ONCE)
        page = await self._histories.page(run_id, key, limit, after)
        return await _made(
            len(page.points),
            lambda: mlflow_pb.GetMetricHistoryResponse(
                metrics=_metrics(key, page.points), next_page_token=encode_token(query, page.following) or None
            ),
        )

    async def get_metric_history_bulk(
        self, request: mlflow_pb.GetMetricHistoryBulkRequest, call: Call
    ) -> mlflow_pb.GetMetricHistoryBulkResponse:
        found = await self._histories.of_runs(request.run_id, request.metric_key, request.max_results)
        metrics = await _made(_count(found), partial(_metrics_of_runs, request.metric_key, found))
        return mlflow_pb.GetMetricHistoryBulkResponse(metrics=metrics)

    async def get_metric_history_bulk_interval(
        self, request: mlflow_pb.GetMetricHistoryBulkIntervalRequest, call: Call
    ) -> mlflow_pb.GetMetricHistoryBulkIntervalResponse:
        bounded = request.HasField("start_step")
        if bounded != request.HasField("end_step"):
            raise invalid_field("end_step" if bounded else "start_step", "is missing; send both steps, or neither")
        if bounded and request.start_step > request.end_step:
            raise invalid_field("start_step", f"{request.start_step} is after end_step, {request.end_step}")
        steps = (request.start_step, request.end_step) if bounded else (None, None)
        found = await self._samples.sampled(request.run_ids, request.metric_key, request.max_results, *steps)
        metrics = await _made(_count(found), partial(_metrics_of_runs, request.metric_key, found))
        return mlflow_pb.GetMetricHistoryBulkIntervalResponse(metrics=metrics)


async def _made(points: int, make: Callable[[], Made]) -> Made:
    """What `make` makes, in a thread when that takes long."""
    return await asyncio.to_thread(make) if points > _MANY else make()


def _count(found: Sequence[RunPoints]) -> int:
    return sum(len(run.points) for run in found)


def _metrics(key: str, points: Points) -> list[mlflow_pb.Metric]:
    rows = zip(points.values.tolist(), points.times_ms.tolist(), points.steps.tolist(), strict=True)
    return [mlflow_pb.Metric(key=key, value=value, timestamp=time, step=step) for value, time, step in rows]


def _metrics_of_runs(key: str, found: Sequence[RunPoints]) -> list[mlflow_pb.MetricWithRunId]:
    return [
        mlflow_pb.MetricWithRunId(
            key=key, value=metric.value, timestamp=metric.timestamp, step=metric.step, run_id=run.run_id
        )
        for run in found
        for metric in _metrics(key, run.points)
    ]
