"""`milepost.v1.MetricService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.metric_series import MetricSeriesService
from milepost_server.services.metric_streams import MetricStreamService
from milepost_server.services.metrics import MetricService
from milepost_server.services.watch_metrics import MetricWatchService


class MetricServicer:
    """Metric points in and out. What each method does is said in the proto."""

    def __init__(
        self,
        metrics: MetricService,
        reads: MetricReadService,
        series: MetricSeriesService,
        streams: MetricStreamService,
        watches: MetricWatchService,
    ) -> None:
        self._metrics = metrics
        self._reads = reads
        self._series = series
        self._streams = streams
        self._watches = watches

    async def log_metrics(self, request: pb.LogMetricsRequest, call: Call) -> pb.LogMetricsResponse:
        return await self._metrics.log(request)

    async def list_metric_history(
        self, request: pb.ListMetricHistoryRequest, call: Call
    ) -> pb.ListMetricHistoryResponse:
        return await self._reads.history(request)

    async def stream_metric_history(
        self, request: pb.StreamMetricHistoryRequest, call: Call
    ) -> AsyncIterator[pb.StreamMetricHistoryResponse]:
        async with aclosing(self._reads.stream(request)) as responses:
            async for response in responses:
                yield response

    async def export_metric_history(
        self, request: pb.ExportMetricHistoryRequest, call: Call
    ) -> AsyncIterator[pb.ExportMetricHistoryResponse]:
        async with aclosing(self._reads.export(request)) as responses:
            async for response in responses:
                yield response

    async def get_metric_series(self, request: pb.GetMetricSeriesRequest, call: Call) -> pb.GetMetricSeriesResponse:
        return await self._series.get(request)

    async def stream_metrics(
        self, requests: AsyncIterator[pb.StreamMetricsRequest], call: Call
    ) -> AsyncIterator[pb.StreamMetricsResponse]:
        async with aclosing(self._streams.stream(requests)) as responses:
            async for response in responses:
                yield response

    async def watch_metrics(
        self, request: pb.WatchMetricsRequest, call: Call
    ) -> AsyncIterator[pb.WatchMetricsResponse]:
        async with aclosing(self._watches.watch(request)) as responses:
            async for response in responses:
                yield response

    async def rewind_metrics(self, request: pb.RewindMetricsRequest, call: Call) -> pb.RewindMetricsResponse:
        return await self._metrics.rewind(request)

    async def delete_metrics(self, request: pb.DeleteMetricsRequest, call: Call) -> pb.DeleteMetricsResponse:
        return await self._metrics.delete(request)

    async def recompute_metric_summaries(
        self, request: pb.RecomputeMetricSummariesRequest, call: Call
    ) -> pb.RecomputeMetricSummariesResponse:
        return await self._metrics.recompute(request)
