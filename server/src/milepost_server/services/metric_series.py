"""Metrics of many runs for charts, thinned where they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.points.buckets import Axis, Buckets
from milepost_server.points.columns import CHUNK_POINTS
from milepost_server.services.charts import Chart, time_span
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.metric_reads import ChunkHead, StoredSeries

T = TypeVar("T")

MAX_SERIES = 10_000
MAX_BUCKETS = 500_000
"""Of all series together."""
_DEFAULT_BUCKETS = 500
_POINTS_AT_ONCE = 65_536
"""What is in memory at once, and in the caches of the processor."""
# Of a longer series than this, most chunks are likely to lie outside of a range.
_RANGE_CHUNKS = 4

_Request = pb.GetMetricSeriesRequest


class MetricSeriesService:
    """Charts of metrics.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, request: _Request) -> pb.GetMetricSeriesResponse:
        """See `MetricService.GetMetricSeries`."""
        _check(request)

        async def work(tx: Transaction) -> pb.GetMetricSeriesResponse:
            series = await _series(tx, request)
            axis = _axis(request, series)
            heads = await _heads_for_span(tx, request, series, axis)
            buckets = await _buckets(tx, request, series, axis, heads)
            chart = Chart(series, axis, buckets)
            await _fill(tx, request, series, buckets, chart, heads)
            return await tx.compute(chart.response)

        return await self._storage.scan(work)


def _check(request: _Request) -> None:
    series = len(request.run_ids) * len(request.metric_keys)
    if series > MAX_SERIES:
        raise invalid_field(
            "metric_keys",
            f"{len(request.metric_keys)} metrics of {len(request.run_ids)} runs are {series} series, more than the "
            f"{MAX_SERIES} of one request; send several",
            series=str(series),
        )
    buckets = request.buckets or _DEFAULT_BUCKETS
    if series * buckets > MAX_BUCKETS:
        raise invalid_field(
            "buckets",
            f"{buckets} for each of {series} series are more than the {MAX_BUCKETS} of one request; ask for at most "
            f"{MAX_BUCKETS // series}, or for fewer series",
            buckets=str(buckets),
            series=str(series),
        )
    if request.HasField("start") and request.HasField("end") and request.end < request.start:
        raise invalid_field("end", f"{request.end} is less than start, which is {request.start}; send one that is not")


async def _series(tx: Transaction, request: _Request) -> Sequence[StoredSeries]:
    """The series that exist, in the order of the request."""
    runs = {run_id: index for index, run_id in enumerate(dict.fromkeys(request.run_ids))}
    keys = {key: index for index, key in enumerate(dict.fromkeys(request.metric_keys))}
    found = await tx.metric_reads.of_runs(runs, keys)
    return sorted(found, key=lambda one: (runs[one.run_id], keys[one.key]))


def _axis(request: _Request, series: Sequence[StoredSeries]) -> Axis:
    match request.axis:
        case _Request.AXIS_TIME:
            return Axis.time()
        case _Request.AXIS_RELATIVE_TIME:
            return Axis.relative_time(*(one.start_us // 1000 for one in series))
        case _:
            return Axis.step()


async def _heads_for_span(
    tx: Transaction, request: _Request, series: Sequence[StoredSeries], axis: Axis
) -> Sequence[ChunkHead]:
    """All chunks of the series where nothing else says how far they reach; none otherwise."""
    if axis.origins_ms is None or (request.HasField("start") and request.HasField("end")):
        return []
    return await tx.metric_reads.chunk_heads([one.number for one in series])


async def _buckets(
    tx: Transaction, request: _Request, series: Sequence[StoredSeries], axis: Axis, heads: Sequence[ChunkHead]
) -> Buckets:
    """The buckets of the request, over the whole of the series where it does not say."""
    if request.HasField("start") and request.HasField("end"):
        start, end = request.start, request.end
    else:
        start, end = await tx.compute(partial(_span, series, axis, heads)) if series else (0, 0)
        if request.HasField("start"):
            start, end = request.start, max(request.start, end)
        elif request.HasField("end"):
            start, end = min(start, request.end), request.end
    return Buckets.over(start, end, request.buckets or _DEFAULT_BUCKETS)


def _span(series: Sequence[StoredSeries], axis: Axis, heads: Sequence[ChunkHead]) -> tuple[int, int]:
    """The smallest and the greatest position of the series."""
    if heads:
        return time_span(series, axis, heads)
    summaries = [one.summary() for one in series]
    return min(one.first_step for one in summaries), max(one.last_step for one in summaries)


async def _fill(
    tx: Transaction,
    request: _Request,
    series: Sequence[StoredSeries],
    buckets: Buckets,
    chart: Chart,
    heads: Sequence[ChunkHead],
) -> None:
    """Puts the points of all series into buckets, in pieces of bounded size."""
    ranged = request.HasField("start") or request.HasField("end")
    # A chunk may lie within one bucket, or outside of the range, only where a series has more points than this.
    most = min((_RANGE_CHUNKS if ranged else buckets.count) * CHUNK_POINTS, _POINTS_AT_ONCE)
    for group in _bounded((one.number, one.count) for one in series if one.count <= most):
        await tx.compute(partial(chart.add_chunks, await tx.metric_reads.chunks(group)))
    large = {one.number for one in series if one.count > most}
    if large:
        heads = [head for head in heads if head.number in large] or await tx.metric_reads.chunk_heads(large)
        needed = await tx.compute(partial(chart.add_heads, heads))
        for pairs in _bounded(((head.number, head.sequence), head.count) for head in needed):
            await tx.compute(partial(chart.add_chunks, await tx.metric_reads.chosen_chunks(pairs)))


def _bounded(items: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """Groups of items that have at most `_POINTS_AT_ONCE` points together."""
    group: list[T] = []
    total = 0
    for item, count in items:
        if group and total + count > _POINTS_AT_ONCE:
            yield group
            group, total = [], 0
        group.append(item)
        total += count
    if group:
        yield group
