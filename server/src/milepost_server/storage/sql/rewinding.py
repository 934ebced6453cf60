"""Takes metric points back, and computes summaries from points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, delete, select, update

from milepost import v1 as pb
from milepost_server.points.codec import decode
from milepost_server.points.summary import SUMMARY, combine, summarize
from milepost_server.storage.base import RunKey
from milepost_server.storage.sql.appending import ADD_CHUNK, chunk_row
from milepost_server.storage.sql.schema import attribute_key, metric_chunk, series
from milepost_server.storage.sql.statements import Connection, Row, Statement, any_of
from milepost_server.storage.sql.summaries import SUMMARY_COLUMNS, summary_columns

_of_run = (
    select(attribute_key.c.name, series.c.id, series.c.entry)
    .join(series, series.c.key_id == attribute_key.c.id)
    .where(series.c.run_id == bindparam("run"))
    .order_by(attribute_key.c.name)
)
_ALL = Statement(_of_run)
_NAMED = Statement(_of_run.where(any_of(attribute_key.c.name, "names")))
# A page of chunks: a series may have thousands.
_CHUNKS_AT_ONCE = 256
_CHUNKS = Statement(
    select(metric_chunk.c.sequence, metric_chunk.c.count, metric_chunk.c.summary, metric_chunk.c.data)
    .where(metric_chunk.c.series_id == bindparam("series"), metric_chunk.c.sequence > bindparam("after"))
    .order_by(metric_chunk.c.sequence)
    .limit(_CHUNKS_AT_ONCE)
)
_REMOVE_CHUNKS = Statement(
    delete(metric_chunk).where(
        metric_chunk.c.series_id == bindparam("series"), any_of(metric_chunk.c.sequence, "sequences")
    )
)
_REMOVE_SERIES = Statement(delete(series).where(any_of(series.c.id, "numbers")))
_summary = {name: bindparam(name, type_=series.c[name].type) for name in SUMMARY_COLUMNS}
_CORRECT = Statement(update(series).where(series.c.id == bindparam("series")).values(_summary))
_REWOUND = Statement(
    update(series).where(series.c.id == bindparam("series")).values(**_summary, epoch=series.c.epoch + 1)
)


async def rewind(connection: Connection, key: RunKey, names: Collection[str], after_step: int) -> int:
    """See `storage.metric_writes.Metrics.rewind`."""
    removed = 0
    empty: list[int] = []
    for name, number, entry in await _series(connection, key, names):
        stored = pb.Run.FromString(entry).metrics[name]
        if stored.last_step <= after_step:
            continue
        left = await _rewind_chunks(connection, number, after_step)
        removed += stored.count - left.count
        if left.count:
            await connection.execute(_REWOUND, series=number, **summary_columns(name, left))
        else:
            empty.append(number)
    if empty:
        await connection.execute(_REMOVE_SERIES, numbers=connection.array(empty))
    return removed


async def remove(connection: Connection, key: RunKey, names: Collection[str]) -> int:
    """See `storage.metric_writes.Metrics.remove`."""
    found = await _series(connection, key, names)
    await connection.execute(_REMOVE_SERIES, numbers=connection.array([row[1] for row in found]))
    return sum(pb.Run.FromString(entry).metrics[name].count for name, _, entry in found)


async def recompute(connection: Connection, key: RunKey, names: Collection[str]) -> list[str]:
    """See `storage.metric_writes.Metrics.recompute`."""
    corrected = []
    for name, number, entry in await _series(connection, key, names):
        parts = [summarize(decode(data, count)) async for _, count, _, data in _chunks(connection, number)]
        columns = summary_columns(name, combine(np.concatenate(parts)))
        if columns["entry"] != entry:
            await connection.execute(_CORRECT, series=number, **columns)
            corrected.append(name)
    return corrected


async def known(connection: Connection, key: RunKey, names: Collection[str]) -> set[str]:
    """See `storage.metric_writes.Metrics.known`."""
    return {row[0] for row in await _series(connection, key, names)}


async def _series(connection: Connection, key: RunKey, names: Collection[str]) -> Sequence[Row]:
    """Key, number and entry of the named series of a run that exist; of all when no names are given."""
    if not names:
        return await connection.fetch(_ALL, run=key.row)
    return await connection.fetch(_NAMED, run=key.row, names=connection.array(sorted(set(names))))


async def _chunks(connection: Connection, number: int) -> AsyncIterator[Row]:
    """Sequence, count, summary and data of all chunks of a series, in order."""
    after = -1
    while rows := await connection.fetch(_CHUNKS, series=number, after=after):
        for row in rows:
            yield row
        after = rows[-1][0]


async def _rewind_chunks(connection: Connection, number: int, after_step: int) -> pb.MetricSummary:
    """Removes the points of later steps and returns the summary of those that are left."""
    kept: list[NDArray[np.void]] = []
    removed: list[int] = []
    cut: list[dict[str, Any]] = []
    async for sequence, count, blob, data in _chunks(connection, number):
        summary = np.frombuffer(blob, SUMMARY) if blob is not None else summarize(decode(data, count))
        if summary["last_step"][0] <= after_step:
            kept.append(summary)
            continue
        removed.append(sequence)
        points = decode(data, count)
        stay = np.flatnonzero(points.steps <= after_step)
        if len(stay):
            left = points.take(stay)
            cut.append(chunk_row(number, sequence, left))
            kept.append(summarize(left))
    await connection.execute(_REMOVE_CHUNKS, series=number, sequences=connection.array(removed))
    if cut:
        await connection.execute_many(ADD_CHUNK, cut)
    return combine(np.concatenate(kept)) if kept else pb.MetricSummary()
