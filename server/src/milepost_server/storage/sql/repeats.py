"""Leaves out metric points that are stored already, reading chunks only where summaries do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from milepost import v1 as pb
from milepost_server.points.codec import decode, decode_many
from milepost_server.points.repeats import Doubts, Known, Sifting, surely_new
from milepost_server.points.summary import SUMMARY
from milepost_server.storage.metric_reads import ChunkHead
from milepost_server.storage.sql.metric_reads import MetricReadRows
from milepost_server.storage.sql.statements import Connection

# What is in memory at once.
_SERIES_AT_ONCE = 64
_CHUNKS_AT_ONCE = 16


async def new_points(
    connection: Connection, metrics: Mapping[str, pb.MetricPoints], known: Mapping[str, Known]
) -> dict[str, pb.MetricPoints]:
    """Finds the points that a run does not have yet, each once.

    Args:
        connection: The transaction, in which the run is locked.
        metrics: Points by key, at least one for each; all columns are filled.
        known: The metrics that the run has, at least those of these keys.

    Returns:
        The points that are new, if any, by key, for the keys of which not all points are plainly new.
    """
    sifted = {
        key: Sifting(points, one) for key, points in metrics.items() if not surely_new(points, one := known.get(key))
    }
    doubts = {key: found for key, one in sifted.items() if (found := one.doubts()) is not None}
    await _settle(connection, {known[key].number: found for key, found in doubts.items()})
    return {key: one.left(doubts.get(key)) for key, one in sifted.items()}


async def _settle(connection: Connection, doubts: Mapping[int, Doubts]) -> None:
    """Looks for points among those of their series, given by number."""
    reads = MetricReadRows(connection)
    numbers = iter(doubts)
    while group := list(islice(numbers, _SERIES_AT_ONCE)):
        chosen = iter(_chosen(await reads.chunk_heads(group), doubts))
        while pairs := list(islice(chosen, _CHUNKS_AT_ONCE)):
            for chunk in await reads.chosen_chunks(pairs):
                doubts[chunk.number].strike(decode(chunk.data, chunk.count))


def _chosen(heads: Sequence[ChunkHead], doubts: Mapping[int, Doubts]) -> Iterator[tuple[int, int]]:
    """The chunks, by series and sequence, that may have points in doubt. Those whose head has their points are done."""
    by_series: dict[int, list[ChunkHead]] = {}
    for head in heads:
        by_series.setdefault(head.number, []).append(head)
    for number, chunks in by_series.items():
        few = [(head.data, head.count) for head in chunks if head.data is not None]
        doubts[number].strike(decode_many(few))
        if not doubts[number].open:
            continue
        known = [head for head in chunks if head.summary is not None]
        summaries = np.frombuffer(b"".join([head.summary for head in known if head.summary is not None]), SUMMARY)
        for index in np.flatnonzero(doubts[number].may_have(summaries)).tolist():
            yield number, known[index].sequence
