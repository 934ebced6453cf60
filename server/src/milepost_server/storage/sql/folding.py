"""Folds small chunks of metric points into full ones: appends are quick and leave many, reads want few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import bindparam, delete, select, update

from milepost_server.points.codec import decode_many
from milepost_server.points.columns import CHUNK_POINTS
from milepost_server.storage.metric_writes import FoldableSeries
from milepost_server.storage.sql.appending import ADD_CHUNK, chunk_row
from milepost_server.storage.sql.schema import metric_chunk, run, series
from milepost_server.storage.sql.statements import Connection, Statement

# What one transaction folds at most: other writers wait meanwhile.
_CHUNKS_AT_ONCE = 2048
_POINTS_AT_ONCE = 262_144

_DUE = Statement(
    select(run.c.run_id, series.c.id)
    .join(run, run.c.id == series.c.run_id)
    .where(series.c.fold_us <= bindparam("now"))
    .order_by(series.c.fold_us)
    .limit(bindparam("most"))
)
_OPEN_SEQUENCE = Statement(select(series.c.open_sequence).where(series.c.id == bindparam("series")))
_OPEN = Statement(
    select(metric_chunk.c.sequence, metric_chunk.c.count)
    .where(metric_chunk.c.series_id == bindparam("series"), metric_chunk.c.sequence >= bindparam("begin"))
    .order_by(metric_chunk.c.sequence)
    .limit(_CHUNKS_AT_ONCE)
)
_in_range = (
    metric_chunk.c.series_id == bindparam("series"),
    metric_chunk.c.sequence >= bindparam("begin"),
    metric_chunk.c.sequence < bindparam("end"),
)
_DATA = Statement(select(metric_chunk.c.data, metric_chunk.c.count).where(*_in_range).order_by(metric_chunk.c.sequence))
_REMOVE = Statement(delete(metric_chunk).where(*_in_range))
_FOLDED = Statement(
    update(series)
    .where(series.c.id == bindparam("series"))
    .values(
        open_sequence=bindparam("open_sequence"), small_chunks=bindparam("small_chunks"), fold_us=bindparam("fold_us")
    )
)


@dataclass(frozen=True, slots=True)
class _Chunk:
    sequence: int
    count: int

    @property
    def end(self) -> int:
        return self.sequence + self.count


async def foldable(connection: Connection, now_us: int, limit: int) -> Sequence[FoldableSeries]:
    """See `storage.metric_writes.Metrics.foldable`."""
    return [FoldableSeries(*row) for row in await connection.fetch(_DUE, now=now_us, most=limit)]


async def fold(connection: Connection, number: int, now_us: int) -> None:
    """See `storage.metric_writes.Metrics.fold`."""
    found = await connection.fetch(_OPEN_SEQUENCE, series=number)
    if not found:
        return
    rows = await connection.fetch(_OPEN, series=number, begin=found[0][0])
    chunks, more = _bounded([_Chunk(*row) for row in rows])
    open_sequence = found[0][0]
    for group in _neighbours(chunks):
        open_sequence = await _fold_group(connection, number, group)
    await connection.execute(
        _FOLDED, series=number, open_sequence=open_sequence, small_chunks=0, fold_us=now_us if more else None
    )


def _bounded(chunks: Sequence[_Chunk]) -> tuple[Sequence[_Chunk], bool]:
    """As many of the chunks as one transaction folds, and whether there are more."""
    points = 0
    for index, chunk in enumerate(chunks):
        points += chunk.count
        if points > _POINTS_AT_ONCE and index:
            return chunks[:index], True
    return chunks, len(chunks) == _CHUNKS_AT_ONCE


def _neighbours(chunks: Sequence[_Chunk]) -> Iterator[list[_Chunk]]:
    """Runs of chunks that can be joined: next to each other, and none full."""
    group: list[_Chunk] = []
    for chunk in chunks:
        # Points keep their numbers, so nothing is joined over a gap that points taken back left.
        if group and (chunk.sequence != group[-1].end or CHUNK_POINTS in (chunk.count, group[-1].count)):
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group


async def _fold_group(connection: Connection, number: int, group: Sequence[_Chunk]) -> int:
    """Makes full chunks and a rest of neighbours. Returns where the rest begins, which later chunks may join."""
    begin, end = group[0].sequence, group[-1].end
    cuts = [*range(begin, end, CHUNK_POINTS), end]
    if len(cuts) <= len(group):
        stored = await connection.fetch(_DATA, series=number, begin=begin, end=end)
        points = decode_many([(bytes(data), count) for data, count in stored])
        await connection.execute(_REMOVE, series=number, begin=begin, end=end)
        rows = [chunk_row(number, first, points.slice(first - begin, last - begin)) for first, last in pairwise(cuts)]
        await connection.execute_many(ADD_CHUNK, rows)
        rest = cuts[-2]
    else:
        rest = group[-1].sequence
    return end if end - rest >= CHUNK_POINTS else rest
