"""Reads metric points: chunks of them, and the series that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from operator import attrgetter

from sqlalchemy import bindparam, case, func, select

from milepost_server.points.codec import decode_many
from milepost_server.points.columns import CHUNK_POINTS, Points
from milepost_server.storage.base import RunKey
from milepost_server.storage.metric_reads import Chunk, ChunkHead, PointRange, SeriesState, StoredSeries
from milepost_server.storage.sql.schema import attribute_key, metric_chunk, run, series
from milepost_server.storage.sql.statements import Connection, Row, Statement, any_of, pair_list, pair_of

# Chunks that were not folded yet are small, so that more of them are needed; but the next ones may be full.
_MOST_CHUNKS = 256
_NEVER = (1 << 63) - 1

_series = (
    select(
        series.c.id,
        run.c.run_id,
        run.c.start_us,
        attribute_key.c.name,
        series.c.count,
        series.c.next_sequence,
        series.c.epoch,
        series.c.entry,
    )
    .join(run, run.c.id == series.c.run_id)
    .join(attribute_key, attribute_key.c.id == series.c.key_id)
)
_of_run = _series.where(series.c.run_id == bindparam("run"))
_ALL_OF_RUN = Statement(_of_run)
_OF_RUN = Statement(_of_run.where(any_of(attribute_key.c.name, "names")))
_OF_RUNS = Statement(_series.where(any_of(run.c.run_id, "run_ids"), any_of(attribute_key.c.name, "names")))
_STATES = Statement(
    select(series.c.id, series.c.count, series.c.next_sequence, series.c.epoch).where(any_of(series.c.id, "numbers"))
)

_chunk = select(metric_chunk.c.series_id, metric_chunk.c.sequence, metric_chunk.c.count, metric_chunk.c.data)
_ordered = (metric_chunk.c.series_id, metric_chunk.c.sequence)
_before = metric_chunk.alias()
# The chunk that has a point begins at it or before.
_first_chunk = (
    select(func.max(_before.c.sequence))
    .where(_before.c.series_id == bindparam("number"), _before.c.sequence <= bindparam("begin"))
    .scalar_subquery()
)
_FROM = Statement(
    _chunk.where(
        metric_chunk.c.series_id == bindparam("number"),
        metric_chunk.c.sequence >= func.coalesce(_first_chunk, bindparam("begin")),
        metric_chunk.c.sequence < bindparam("end"),
    )
    .order_by(metric_chunk.c.sequence)
    .limit(bindparam("most"))
)
_HEADS = Statement(
    select(
        metric_chunk.c.series_id,
        metric_chunk.c.sequence,
        metric_chunk.c.count,
        metric_chunk.c.summary,
        case((metric_chunk.c.summary.is_(None), metric_chunk.c.data)),
    )
    .where(any_of(metric_chunk.c.series_id, "numbers"))
    .order_by(*_ordered)
)
_WHOLE = Statement(_chunk.where(any_of(metric_chunk.c.series_id, "numbers")).order_by(*_ordered))
# Sorted here: SQLite would copy the points to sort them.
_CHOSEN = Statement(_chunk.where(pair_of(*_ordered, "chosen")))


class MetricReadRows:
    """See `storage.metric_reads.MetricReads`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_run(self, key: RunKey, names: Collection[str]) -> Sequence[StoredSeries]:
        if names:
            wanted = self._connection.array(sorted(set(names)))
            rows = await self._connection.fetch(_OF_RUN, run=key.row, names=wanted)
        else:
            rows = await self._connection.fetch(_ALL_OF_RUN, run=key.row)
        return sorted((StoredSeries(*row) for row in rows), key=lambda one: one.key)

    async def of_runs(self, run_ids: Collection[str], names: Collection[str]) -> Sequence[StoredSeries]:
        array = self._connection.array
        rows = await self._connection.fetch(_OF_RUNS, run_ids=array(list(run_ids)), names=array(list(names)))
        return [StoredSeries(*row) for row in rows]

    async def states(self, numbers: Collection[int]) -> dict[int, SeriesState]:
        rows = await self._connection.fetch(_STATES, numbers=self._connection.array(list(numbers)))
        return {number: SeriesState(*row) for number, *row in rows}

    async def points(self, number: int, begin: int, limit: int, end: int | None = None) -> PointRange:
        end = _NEVER if end is None else end
        parts: list[Points] = []
        missing, most = limit, limit // CHUNK_POINTS + 2
        while True:
            rows = await self._connection.fetch(_FROM, number=number, begin=begin, end=end, most=most)
            found = await self._connection.compute(partial(_range, rows, begin, missing, end))
            parts.append(found.points)
            begin, missing = found.end, missing - len(found.points)
            ended = len(rows) < most
            if found.more or ended or not missing:
                break
            points_of_chunk = sum(row[2] for row in rows) // len(rows)
            most = min(missing // points_of_chunk + 2, _MOST_CHUNKS)
        more = found.more or (not ended and await self._any_from(number, begin, end))
        return PointRange(Points.concatenate(parts), begin, more)

    async def _any_from(self, number: int, begin: int, end: int) -> bool:
        rows = await self._connection.fetch(_FROM, number=number, begin=begin, end=end, most=2)
        return any(sequence + count > begin for _, sequence, count, _ in rows)

    async def chunk_heads(self, numbers: Collection[int]) -> Sequence[ChunkHead]:
        rows = await self._connection.fetch(_HEADS, numbers=self._connection.array(list(numbers)))
        return [ChunkHead(*row) for row in rows]

    async def chunks(self, numbers: Collection[int]) -> Sequence[Chunk]:
        rows = await self._connection.fetch(_WHOLE, numbers=self._connection.array(list(numbers)))
        return [Chunk(*row) for row in rows]

    async def chosen_chunks(self, chosen: Collection[tuple[int, int]]) -> Sequence[Chunk]:
        rows = await self._connection.fetch(_CHOSEN, chosen=pair_list(chosen))
        return sorted((Chunk(*row) for row in rows), key=attrgetter("number", "sequence"))


def _range(rows: Sequence[Row], begin: int, limit: int, end: int) -> PointRange:
    """The points from `begin` to before `end` of chunks that follow each other, at most `limit` of them."""
    needed: list[tuple[bytes, int]] = []
    skipped = taken = 0
    more = False
    for _, sequence, count, data in rows:
        low, high = max(begin - sequence, 0), min(count, end - sequence)
        if low >= high:
            continue
        if taken == limit:
            more = True
            break
        if not needed:
            skipped = low
        needed.append((data, count))
        room = min(high - low, limit - taken)
        taken += room
        stop = sequence + low + room
        if room < high - low:
            more = True
            break
    if not needed:
        return PointRange(Points.empty(), begin, False)
    return PointRange(decode_many(needed).slice(skipped, skipped + taken), stop, more)
