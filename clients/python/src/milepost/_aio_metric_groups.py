"""The verbs on metric points of the asynchronous client: those of `milepost.client`, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeVar

from milepost import _methods as rpc
from milepost import _requests as req
from milepost import v1 as pb
from milepost._aio_groups import _Group
from milepost._metric_views import HistoryParts, MetricChart, MetricHistories, MetricHistory
from milepost._requests import Axis, name_list
from milepost._values import MetricsInput
from milepost._watching import AsyncWatch, MetricUpdate, read_metrics
from milepost.artifacts._transfer import Attempts, Deadline, replacing
from milepost.errors import MilepostError

Result = TypeVar("Result")


class AsyncMetrics(_Group):
    """Verbs on metric points."""

    async def log(
        self,
        run_id: str,
        metrics: MetricsInput,
        *,
        step: int = 0,
        timestamp_ms: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """See `Metrics.log`."""
        return await self._transport.call(req.log_metrics(run_id, metrics, step, timestamp_ms), timeout)

    def stream(self, requests: AsyncIterator[pb.StreamMetricsRequest]) -> AsyncIterator[pb.StreamMetricsResponse]:
        """See `Metrics.stream`."""
        return self._transport.exchange(rpc.STREAM_METRICS, requests)

    def watch(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str] = (),
        *,
        max_points: int = 0,
        resume_token: str = "",
        timeout: float | None = None,
    ) -> AsyncWatch[MetricUpdate]:
        """See `Metrics.watch`."""
        request = req.watch_metrics(run_ids, keys, max_points, resume_token)
        return self._watch(rpc.WATCH_METRICS, request, read_metrics, timeout)

    async def rewind(
        self, run_id: str, after_step: int, keys: Iterable[str] = (), *, timeout: float | None = None
    ) -> int:
        """See `Metrics.rewind`."""
        return await self._transport.call(req.rewind_metrics(run_id, after_step, keys), timeout)

    async def delete(self, run_id: str, keys: Iterable[str], *, timeout: float | None = None) -> int:
        """See `Metrics.delete`."""
        return await self._transport.call(req.delete_metrics(run_id, keys), timeout)

    async def recompute(self, run_id: str, keys: Iterable[str] = (), *, timeout: float | None = None) -> list[str]:
        """See `Metrics.recompute`."""
        return await self._transport.call(req.recompute_metrics(run_id, keys), timeout)

    async def history(
        self, run_id: str, key: str, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> MetricHistory:
        """See `Metrics.history`."""
        op = req.list_metric_history(run_id, key)
        parts: list[pb.MetricPoints] = []
        token, count, more = "", 0, True
        while more:
            pages, token = await self._transport.call(op.page(token, page_size), timeout)
            parts += pages
            count += sum(len(page.values) for page in pages)
            more = token != "" and (limit is None or count < limit)
        history = MetricHistory.of(run_id, key, parts)
        return history if limit is None else history.head(limit)

    async def stream_history(
        self, run_id: str, keys: str | Iterable[str] = (), *, timeout: float | None = None
    ) -> AsyncIterator[MetricHistory]:
        """See `Metrics.stream_history`."""
        async for message in self._streamed(run_id, keys, Deadline(timeout)):
            yield MetricHistory.of(run_id, message.points.key, [message.points])

    async def histories(
        self, run_ids: str | Iterable[str], keys: str | Iterable[str] = (), *, timeout: float | None = None
    ) -> MetricHistories:
        """See `Metrics.histories`."""
        found: list[MetricHistory] = []
        for run_id in name_list(run_ids):
            found += await self._repeated(partial(self._whole, run_id, keys), timeout)
        return MetricHistories(found)

    async def export(
        self,
        run_id: str,
        target: str | PathLike[str] | BinaryIO,
        keys: str | Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> int:
        """See `Metrics.export`. The file is written from the event loop."""
        if not isinstance(target, (str, PathLike)):
            return await self._write(run_id, target, keys, Deadline(timeout))
        path = Path(target)

        async def attempt(deadline: Deadline) -> int:
            with replacing(path) as file:
                return await self._write(run_id, file, keys, deadline)

        return await self._repeated(attempt, timeout)

    async def series(
        self,
        run_ids: str | Iterable[str],
        keys: str | Iterable[str],
        *,
        axis: Axis = "step",
        buckets: int = 500,
        start: int | None = None,
        end: int | None = None,
        timeout: float | None = None,
    ) -> MetricChart:
        """See `Metrics.series`."""
        return await self._transport.call(
            req.get_metric_series(name_list(run_ids), name_list(keys), axis, buckets, start, end), timeout
        )

    def _streamed(
        self, run_id: str, keys: str | Iterable[str], deadline: Deadline
    ) -> AsyncIterator[pb.StreamMetricHistoryResponse]:
        request = pb.StreamMetricHistoryRequest(run_id=run_id, metric_keys=name_list(keys))
        return self._transport.download(rpc.STREAM_METRIC_HISTORY, request, deadline.attempt_s())

    async def _whole(self, run_id: str, keys: str | Iterable[str], deadline: Deadline) -> list[MetricHistory]:
        parts = HistoryParts(run_id)
        async for message in self._streamed(run_id, keys, deadline):
            parts.add(message)
        return parts.histories()

    async def _write(self, run_id: str, file: BinaryIO, keys: str | Iterable[str], deadline: Deadline) -> int:
        request = pb.ExportMetricHistoryRequest(run_id=run_id, metric_keys=name_list(keys))
        messages = self._transport.download(rpc.EXPORT_METRIC_HISTORY, request, deadline.attempt_s())
        return sum([file.write(message.body.data) async for message in messages])

    async def _repeated(self, attempt: Callable[[Deadline], Awaitable[Result]], timeout: float | None) -> Result:
        """See `Metrics._repeated`."""
        deadline = Deadline(timeout)
        attempts = Attempts(deadline)
        while True:
            try:
                return await attempt(deadline)
            except MilepostError as error:
                await asyncio.sleep(attempts.delay_s(error, 0))
