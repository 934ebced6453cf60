"""Points of metrics in order of time, in pages, and of several runs."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from milepost_server.errors import Aborted, quote
from milepost_server.points.codec import decode_many
from milepost_server.points.columns import CHUNK_POINTS, Integers, Points
from milepost_server.points.segments import rank
from milepost_server.points.time_order import Earliest, TimePlace
from milepost_server.services.chunk_pieces import Piece, pieces_of
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.metric_reads import ChunkHead, StoredSeries

PagePosition: TypeAlias = tuple[int, int, int, int, int, int]
"""Where a page ended, for a token: series, its `next_sequence` when the first page was read, and the place of the last
point in order of time, whose rank is given by its bits."""

_POINTS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Points of a metric in order of time, step, value (NaN counts as 0) and arrival.

    Args:
        points: The points.
        following: Where to go on; None when there are no others.
    """

    points: Points
    following: PagePosition | None


@dataclass(frozen=True, slots=True)
class RunPoints:
    """Points of one metric of a run."""

    run_id: str
    points: Points


class MetricHistoryService:
    """Points of metrics in order of time. Runs and metrics that do not exist have none.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def page(self, run_id: str, key: str, limit: int, after: PagePosition | None = None) -> HistoryPage:
        """A page of the history of a metric, as it was when its first page was read.

        Args:
            run_id: The run, deleted or not.
            key: The metric.
            limit: Most points of the page, at least 1.
            after: `following` of the page before. None for the first page.

        Raises:
            Aborted: The metric was removed since, and begun again.
        """

        async def work(tx: Transaction) -> HistoryPage:
            found = await tx.metric_reads.of_runs([run_id], [key])
            if not found:
                return HistoryPage(Points.empty(), None)
            series = found[0]
            if after is not None and after[0] != series.number:
                raise _begun_again(series)
            end = series.next_sequence if after is None else after[1]
            heads = await tx.metric_reads.chunk_heads([series.number])
            place = None if after is None else _place(after)
            # One more tells whether there are others.
            points, sequences = await _earliest(tx, heads, Earliest(limit + 1, place, end), limit + 1)
            if len(points) <= limit:
                return HistoryPage(points, None)
            points = points.slice(0, limit)
            return HistoryPage(points, (series.number, end, *_last_place(points, sequences[:limit])))

        return await self._storage.scan(work)

    async def of_runs(self, run_ids: Sequence[str], key: str, most: int) -> list[RunPoints]:
        """The first points of a metric of several runs, run after run in the order given, each in order of time.

        Args:
            run_ids: The runs, deleted or not.
            key: The metric.
            most: Most points of all runs together, at least 1.

        Returns:
            The runs that have points, as far as these are no more than `most`.
        """

        async def work(tx: Transaction) -> list[RunPoints]:
            series = {one.run_id: one for one in await tx.metric_reads.of_runs(run_ids, [key])}
            left = most
            found: list[RunPoints] = []
            for run_id in dict.fromkeys(run_ids):
                if run_id in series and left:
                    heads = await tx.metric_reads.chunk_heads([series[run_id].number])
                    earliest = Earliest(left, None, series[run_id].next_sequence)
                    points, _ = await _earliest(tx, heads, earliest, left)
                    left -= len(points)
                    found.append(RunPoints(run_id, points))
            return found

        return await self._storage.scan(work)


async def _earliest(
    tx: Transaction, heads: Sequence[ChunkHead], earliest: Earliest, limit: int
) -> tuple[Points, Integers]:
    """Has the first points of a series collected, reading no more chunks than may have them."""
    number = heads[0].number
    pieces, lows = await tx.compute(partial(_by_time, heads, earliest))
    for begin, group in _groups(pieces, limit):
        if await tx.compute(partial(earliest.complete, lows[begin])):
            break
        chosen = [(number, piece.sequence) for piece in group if piece.points is None]
        chunks = await tx.metric_reads.chosen_chunks(chosen) if chosen else []
        data = {chunk.sequence: (chunk.data, chunk.count) for chunk in chunks}
        await tx.compute(partial(_add, earliest, group, data))
    return await tx.compute(earliest.result)


def _by_time(heads: Sequence[ChunkHead], earliest: Earliest) -> tuple[list[Piece], list[int]]:
    """The pieces that may have points of interest in order of their lowest times, and these times."""
    pieces, summaries = pieces_of(heads)
    wanted = np.flatnonzero(summaries["high_time_ms"] >= earliest.low_time_ms)
    order = wanted[np.argsort(summaries["low_time_ms"][wanted], kind="stable")]
    return [pieces[index] for index in order.tolist()], summaries["low_time_ms"][order].tolist()


def _groups(pieces: Sequence[Piece], limit: int) -> Iterator[tuple[int, list[Piece]]]:
    """Pieces that are read at once, each group with the index of its first."""
    # A chunk that a page before has read a part of comes again.
    most = min(limit + CHUNK_POINTS, _POINTS_AT_ONCE)
    begin = total = 0
    for index, piece in enumerate(pieces):
        if total and total + piece.count > most:
            yield begin, list(pieces[begin:index])
            begin, total = index, 0
        total += piece.count
    if pieces:
        yield begin, list(pieces[begin:])


def _add(earliest: Earliest, group: Sequence[Piece], data: dict[int, tuple[bytes, int]]) -> None:
    for piece in group:
        points = decode_many([data[piece.sequence]]) if piece.points is None else piece.points
        earliest.add(points, piece.sequence)


def _place(position: PagePosition) -> TimePlace:
    _, _, time_ms, step, bits, sequence = position
    return TimePlace(time_ms, step, struct.unpack("<d", struct.pack("<q", bits))[0], sequence)


def _last_place(points: Points, sequences: Integers) -> tuple[int, int, int, int]:
    last = points.slice(len(points) - 1, len(points))
    bits = int(rank(last.values).view(np.int64)[0])
    return int(last.times_ms[0]), int(last.steps[0]), bits, int(sequences[-1])


def _begun_again(series: StoredSeries) -> Aborted:
    return Aborted(
        f"{quote(series.key)} was removed and begun again while it was read. Read again.",
        metadata={"runId": series.run_id, "metricKey": series.key},
        retry_after_s=0.1,
    )
