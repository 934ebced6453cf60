"""Metric points out: pages of one metric, and whole histories as a stream of messages or of Arrow."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from google.api.httpbody_pb2 import HttpBody

from milepost import v1 as pb
from milepost_server.errors import Aborted, quote
from milepost_server.points import arrow
from milepost_server.points.codec import decode_many
from milepost_server.points.columns import Points
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.refusals import metric_not_found
from milepost_server.services.run_keys import existing_run
from milepost_server.storage.base import RunKey, Storage, Transaction
from milepost_server.storage.metric_reads import Chunk, SeriesState, StoredSeries

T = TypeVar("T")

PIECE_POINTS = 65_536
"""What one unit of work reads at most, and one message of a stream has at most."""
_PIECE_SERIES = 4096

_Part = tuple[int, Points]
"""Points of a series, which is given by its index among those that are read."""


class MetricReadService:
    """Metric points out.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def history(self, request: pb.ListMetricHistoryRequest) -> pb.ListMetricHistoryResponse:
        """See `MetricService.ListMetricHistory`."""
        after = decode_token(request, request.page_token)
        begin = after[0] + 1 if after else 0
        limit = page_limit(request.page_size, 10_000, 100_000)

        async def work(tx: Transaction) -> pb.ListMetricHistoryResponse:
            key = await existing_run(tx, request.run_id)
            series = await _series(tx, key, [request.metric_key])
            found = await tx.metric_reads.points(series[0].number, begin, limit)
            token = encode_token(request, (found.end - 1,) if found.more else None)
            return await tx.compute(partial(_page, request.metric_key, found.points, token))

        return await self._storage.scan(work)

    async def stream(
        self, request: pb.StreamMetricHistoryRequest
    ) -> AsyncGenerator[pb.StreamMetricHistoryResponse, None]:
        """See `MetricService.StreamMetricHistory`."""
        series = await self._begin(request.run_id, request.metric_keys)
        async with aclosing(self._pieces(series, partial(_messages, series))) as pieces:
            async for messages in pieces:
                for message in messages:
                    yield message

    async def export(
        self, request: pb.ExportMetricHistoryRequest
    ) -> AsyncGenerator[pb.ExportMetricHistoryResponse, None]:
        """See `MetricService.ExportMetricHistory`."""
        series = await self._begin(request.run_id, request.metric_keys)
        head = arrow.begin([one.key for one in series])
        yield pb.ExportMetricHistoryResponse(body=HttpBody(content_type=arrow.CONTENT_TYPE, data=head))
        async with aclosing(self._pieces(series, _batch)) as pieces:
            async for response in pieces:
                yield response
        yield pb.ExportMetricHistoryResponse(body=HttpBody(data=arrow.END))

    async def _begin(self, run_id: str, names: Sequence[str]) -> Sequence[StoredSeries]:
        async def work(tx: Transaction) -> Sequence[StoredSeries]:
            return await _series(tx, await existing_run(tx, run_id), names)

        return await self._storage.scan(work)

    async def _pieces(
        self, series: Sequence[StoredSeries], build: Callable[[Sequence[_Part]], T]
    ) -> AsyncGenerator[T, None]:
        """What `build` makes of the points of series, piece by piece. No more than one piece is in memory."""
        place = _Place(0)

        async def work(tx: Transaction) -> tuple[T, _Place]:
            parts, following = await _read(tx, series, place)
            return await tx.compute(partial(build, parts)), following

        while place.index < len(series):
            piece, place = await self._storage.scan(work)
            yield piece


@dataclass(frozen=True, slots=True)
class _Place:
    """How far series were read.

    Args:
        index: The series to go on with.
        begin: Number of the first point of it that was not read.
        state: How far it had come when it was begun. None when it was not begun.
    """

    index: int
    begin: int = 0
    state: SeriesState | None = None


async def _read(tx: Transaction, series: Sequence[StoredSeries], place: _Place) -> tuple[Sequence[_Part], _Place]:
    """The next points: some of one series, or all of several small ones. Each series is read as of one moment."""
    window = [series[place.index]] if place.state else _window(series, place.index)
    states = await tx.metric_reads.states([one.number for one in window])
    now = states.get(window[0].number)
    if now is None or (place.state is not None and now.epoch != place.state.epoch):
        raise _changed(window[0])
    if place.state is None and now.count <= PIECE_POINTS:
        group = _group(window, states)
        chunks = await tx.metric_reads.chunks([one.number for one in group])
        parts = await tx.compute(partial(_split, place.index, group, chunks))
        return parts, _Place(place.index + len(group))
    state = place.state or now
    found = await tx.metric_reads.points(window[0].number, place.begin, PIECE_POINTS, state.next_sequence)
    following = _Place(place.index, found.end, state) if found.more else _Place(place.index + 1)
    return [(place.index, found.points)], following


def _window(series: Sequence[StoredSeries], index: int) -> Sequence[StoredSeries]:
    """The series that the next piece may have, by what is known of them."""
    total = 0
    for end in range(index, min(index + _PIECE_SERIES, len(series))):
        total += series[end].count
        if total > PIECE_POINTS:
            return series[index : end + 1]
    return series[index : index + _PIECE_SERIES]


def _group(window: Sequence[StoredSeries], states: dict[int, SeriesState]) -> Sequence[StoredSeries]:
    """The first series that make one piece as they are now; at least one."""
    total = 0
    for index, one in enumerate(window):
        state = states.get(one.number)
        total += state.count if state is not None else PIECE_POINTS + 1
        if total > PIECE_POINTS:
            return window[:index]
    return window


def _split(index: int, group: Sequence[StoredSeries], chunks: Sequence[Chunk]) -> list[_Part]:
    """The points of each series of a group, the first of which has an index."""
    points = decode_many([(chunk.data, chunk.count) for chunk in chunks])
    spans: dict[int, tuple[int, int]] = {}
    end = 0
    for chunk in chunks:
        begin, _ = spans.get(chunk.number, (end, end))
        end += chunk.count
        spans[chunk.number] = (begin, end)
    return [(number, points.slice(*spans[one.number])) for number, one in enumerate(group, index)]


def _messages(series: Sequence[StoredSeries], parts: Sequence[_Part]) -> list[pb.StreamMetricHistoryResponse]:
    messages = []
    for index, points in parts:
        message = pb.StreamMetricHistoryResponse()
        message.points.key = series[index].key
        points.fill(message.points)
        messages.append(message)
    return messages


def _batch(parts: Sequence[_Part]) -> pb.ExportMetricHistoryResponse:
    return pb.ExportMetricHistoryResponse(body=HttpBody(data=arrow.batch(parts)))


def _page(key: str, points: Points, token: str) -> pb.ListMetricHistoryResponse:
    response = pb.ListMetricHistoryResponse(next_page_token=token)
    response.points.key = key
    points.fill(response.points)
    return response


async def _series(tx: Transaction, key: RunKey, names: Sequence[str]) -> Sequence[StoredSeries]:
    """The named metrics of a run, all of which must exist, by key; all of the run when none are named."""
    found = await tx.metric_reads.of_run(key, names)
    if names:
        known = {one.key for one in found}
        for name in names:
            if name not in known:
                raise metric_not_found(key.run_id, name)
    return found


def _changed(series: StoredSeries) -> Aborted:
    return Aborted(
        f"Points of {quote(series.key)} were taken back while they were read. Read again.",
        metadata={"runId": series.run_id, "metricKey": series.key},
        retry_after_s=0.1,
    )
