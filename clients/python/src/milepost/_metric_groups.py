"""The verbs on metric points of the synchronous client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeVar

from milepost import _methods as rpc
from milepost import _requests as req
from milepost import v1 as pb
from milepost._groups import _Group
from milepost._metric_views import HistoryParts, MetricChart, MetricHistories, MetricHistory
from milepost._requests import Axis, name_list
from milepost._values import MetricsInput
from milepost._watching import MetricUpdate, Watch, read_metrics
from milepost.artifacts._transfer import Attempts, Deadline, replacing
from milepost.errors import MilepostError

Result = TypeVar("Result")


class Metrics(_Group):
    """Verbs on metric points."""

    def log(
        self,
        run_id: str,
        metrics: MetricsInput,
        *,
        step: int = 0,
        timestamp_ms: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Appends points in one transaction; arguments as of `Run.log_metrics`. Returns their number once durable."""
        return self._transport.call(req.log_metrics(run_id, metrics, step, timestamp_ms), timeout)

    def stream(self, requests: Iterable[pb.StreamMetricsRequest]) -> Iterator[pb.StreamMetricsResponse]:
        """Makes one call of the stream of `MetricService.StreamMetrics`: messages go and come as they are.

        For programs that keep and number batches themselves. `ActiveRun.log_metric` does all that, over lost
        connections too. Leaving the iteration ends the call.
        """
        return iter(self._transport.exchange(rpc.STREAM_METRICS, (request.SerializeToString() for request in requests)))

    def watch(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str] = (),
        *,
        max_points: int = 0,
        resume_token: str = "",
        timeout: float | None = None,
    ) -> Watch[MetricUpdate]:
        """Follows metric points of runs: those stored so far, then each new one once.

        Args:
            run_ids: The runs.
            keys: The metrics. None for all, also those that begin later.
            max_points: Most points of one metric at once; when there are more, they are thinned. 0: 10,000.
            resume_token: `Watch.resume_token` of an earlier one of the same runs and keys: only points after it.
            timeout: Seconds without a connection after which reading raises `MilepostError`.

        Raises:
            RunNotFound: When it is read: none of the runs exists.
        """
        request = req.watch_metrics(run_ids, keys, max_points, resume_token)
        return self._watch(rpc.WATCH_METRICS, request, read_metrics, timeout)

    def rewind(self, run_id: str, after_step: int, keys: Iterable[str] = (), *, timeout: float | None = None) -> int:
        """Takes back the points of all metrics, or of those named, whose step is greater than `after_step`.

        Returns:
            The number of points removed. A metric that has none left is removed.

        Raises:
            RunNotFound, RunDeleted, MetricNotFound: There is no such run or metric, or the run is deleted.
        """
        return self._transport.call(req.rewind_metrics(run_id, after_step, keys), timeout)

    def delete(self, run_id: str, keys: Iterable[str], *, timeout: float | None = None) -> int:
        """Removes metrics with all their points, for good; raises as `rewind`. Returns the number of points."""
        return self._transport.call(req.delete_metrics(run_id, keys), timeout)

    def recompute(self, run_id: str, keys: Iterable[str] = (), *, timeout: float | None = None) -> list[str]:
        """Computes summaries anew from the points; raises as `rewind`. Returns the keys of those that were wrong."""
        return self._transport.call(req.recompute_metrics(run_id, keys), timeout)

    def history(
        self, run_id: str, key: str, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> MetricHistory:
        """The points of a metric, or the first `limit`, in the order in which they were stored, page by page.

        `histories` is faster for a whole history.

        Args:
            run_id: The run.
            key: The metric.
            page_size: Points asked for at once; 0 for the server's default.
            limit: Points in all.
            timeout: Seconds for each page.

        Raises:
            RunNotFound, MetricNotFound: There is no such run or metric.
        """
        op = req.list_metric_history(run_id, key)
        parts: list[pb.MetricPoints] = []
        token, count, more = "", 0, True
        while more:
            pages, token = self._transport.call(op.page(token, page_size), timeout)
            parts += pages
            count += sum(len(page.values) for page in pages)
            more = token != "" and (limit is None or count < limit)
        history = MetricHistory.of(run_id, key, parts)
        return history if limit is None else history.head(limit)

    def stream_history(
        self, run_id: str, keys: str | Iterable[str] = (), *, timeout: float | None = None
    ) -> Iterator[MetricHistory]:
        """The points of some metrics of a run, or of all, in pieces as they arrive: in constant memory.

        Args:
            run_id: The run.
            keys: The metrics. Empty for all.
            timeout: Seconds that the whole may take.

        Yields:
            Up to 65,536 points of one metric in stored order, metric after metric by key.

        Raises:
            RunNotFound, MetricNotFound: There is no such run or metric.
            AbortedError: Points were taken back meanwhile.
            UnavailableError: The stream broke. It is not begun again by itself, since pieces were given already.
        """
        for message in self._streamed(run_id, keys, Deadline(timeout)):
            yield MetricHistory.of(run_id, message.points.key, [message.points])

    def histories(
        self, run_ids: str | Iterable[str], keys: str | Iterable[str] = (), *, timeout: float | None = None
    ) -> MetricHistories:
        """Whole histories of some metrics of runs, or of all their metrics, by run as given and by key.

        Args:
            run_ids: The runs, each of which must have the metrics.
            keys: The metrics. Empty for all.
            timeout: Seconds for each run.

        Raises:
            RunNotFound, MetricNotFound: There is no such run or metric.
        """
        found: list[MetricHistory] = []
        for run_id in name_list(run_ids):
            found += self._repeated(partial(self._whole, run_id, keys), timeout)
        return MetricHistories(found)

    def export(
        self,
        run_id: str,
        target: str | PathLike[str] | BinaryIO,
        keys: str | Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> int:
        """Writes the points of some metrics of a run, or of all, as an Apache Arrow IPC stream, in constant memory.

        Its columns are `key` (dictionary of utf8), `step`, `timestamp_ms` (int64) and `value` (float64), as
        `pyarrow.ipc.open_stream` and `polars.read_ipc_stream` read them.

        Args:
            run_id: The run.
            target: Path of a file, which appears when it is complete, or an open binary file.
            keys: The metrics. Empty for all.
            timeout: Seconds.

        Returns:
            The number of bytes.

        Raises:
            RunNotFound, MetricNotFound: There is no such run or metric.
        """
        if not isinstance(target, (str, PathLike)):
            return self._write(run_id, target, keys, Deadline(timeout))
        path = Path(target)

        def attempt(deadline: Deadline) -> int:
            with replacing(path) as file:
                return self._write(run_id, file, keys, deadline)

        return self._repeated(attempt, timeout)

    def series(
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
        """Metrics of many runs for a chart: of each bucket of the axis the first, last, smallest and greatest point.

        Runs that do not exist, and metrics that a run does not have, are left out.

        Args:
            run_ids: The runs.
            keys: The metrics.
            axis: `step`; `time`: milliseconds since the Unix epoch; `relative_time`: those since the run's start.
            buckets: Into how many buckets of equal width the axis is cut, 1 to 10,000.
            start: First position of interest. None for the smallest of all.
            end: Last position of interest, inclusive. None for the greatest of all.
            timeout: Seconds.

        Raises:
            InvalidArgumentError: There are more than 10,000 series, or 500,000 buckets of all series together.
        """
        return self._transport.call(
            req.get_metric_series(name_list(run_ids), name_list(keys), axis, buckets, start, end), timeout
        )

    def _streamed(
        self, run_id: str, keys: str | Iterable[str], deadline: Deadline
    ) -> Iterator[pb.StreamMetricHistoryResponse]:
        request = pb.StreamMetricHistoryRequest(run_id=run_id, metric_keys=name_list(keys))
        return self._transport.download(rpc.STREAM_METRIC_HISTORY, request, deadline.attempt_s())

    def _whole(self, run_id: str, keys: str | Iterable[str], deadline: Deadline) -> list[MetricHistory]:
        parts = HistoryParts(run_id)
        for message in self._streamed(run_id, keys, deadline):
            parts.add(message)
        return parts.histories()

    def _write(self, run_id: str, file: BinaryIO, keys: str | Iterable[str], deadline: Deadline) -> int:
        request = pb.ExportMetricHistoryRequest(run_id=run_id, metric_keys=name_list(keys))
        messages = self._transport.download(rpc.EXPORT_METRIC_HISTORY, request, deadline.attempt_s())
        return sum(file.write(message.body.data) for message in messages)

    def _repeated(self, attempt: Callable[[Deadline], Result], timeout: float | None) -> Result:
        """What an attempt returns, which is made again from the beginning while that may help."""
        deadline = Deadline(timeout)
        attempts = Attempts(deadline)
        while True:
            try:
                return attempt(deadline)
            except MilepostError as error:
                time.sleep(attempts.delay_s(error, 0))
