"""`milepost.v1.MetricService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.metrics import MetricService


class MetricServicer:
    """Metric points in and out. What each method does is said in the proto."""

    def __init__(self, metrics: MetricService) -> None:
        self._metrics = metrics

    async def log_metrics(self, request: pb.LogMetricsRequest, call: Call) -> pb.LogMetricsResponse:
        return await self._metrics.log(request)

    async def list_metric_history(
        self, request: pb.ListMetricHistoryRequest, call: Call
    ) -> pb.ListMetricHistoryResponse:
        return await self._metrics.history(request)
