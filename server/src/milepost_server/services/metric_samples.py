"""Metrics of several runs sampled: real points, few enough to draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from milepost_server.points.codec import decode
from milepost_server.points.columns import Integers, Points
from milepost_server.points.sampling import Sampler, in_step_order
from milepost_server.points.segments import rank
from milepost_server.points.summary import Summaries, summarize
from milepost_server.services.chunk_pieces import Piece, pieces_of
from milepost_server.services.metric_histories import RunPoints
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.metric_reads import Chunk, ChunkHead

MOST_DISORDER = 1 << 20
"""Points that are sorted at once. Where steps go to and fro for longer, so many at a time are taken to be in order."""
_POINTS_AT_ONCE = 65_536
_INT64 = -(2**63), 2**63 - 1


class MetricSampleService:
    """Samples of metrics. Runs and metrics that do not exist have none.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def sampled(
        self,
        run_ids: Sequence[str],
        key: str,
        most: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[RunPoints]:
        """Points of a metric of several runs, in order of step, time and value, where NaN counts as 0.

        Args:
            run_ids: The runs, deleted or not.
            key: The metric.
            most: Most points of each run, at least 1. Of a run that has more these are the first, the last, and the
                least and greatest value of stretches of equally many points; of 1, the last.
            start_step: Only points from this step on.
            end_step: Only points up to this step.

        Returns:
            The runs that have points, in the order given.
        """
        steps = (_INT64[0] if start_step is None else start_step, _INT64[1] if end_step is None else end_step)

        async def work(tx: Transaction) -> list[RunPoints]:
            series = {one.run_id: one.number for one in await tx.metric_reads.of_runs(run_ids, [key])}
            heads: dict[int, list[ChunkHead]] = {}
            for head in await tx.metric_reads.chunk_heads(list(series.values())):
                heads.setdefault(head.number, []).append(head)
            found = [
                RunPoints(run_id, await _sample(tx, heads[series[run_id]], steps, most))
                for run_id in dict.fromkeys(run_ids)
                if run_id in series
            ]
            return [one for one in found if len(one.points)]

        return await self._storage.scan(work)


async def _sample(tx: Transaction, heads: Sequence[ChunkHead], steps: tuple[int, int], most: int) -> Points:
    """The points of one series."""
    number = heads[0].number
    pieces, summaries = await _within(tx, number, *await tx.compute(partial(pieces_of, heads)), steps)
    total = sum(piece.count for piece in pieces)
    if total <= most:
        return in_step_order(Points.concatenate(await _points(tx, number, pieces)))
    sampler = Sampler(total, most)
    parts = await tx.compute(partial(_begin, sampler, pieces, summaries))
    for group in _bounded(parts):
        points = iter(await _points(tx, number, [piece for part in group for piece in part.pieces]))
        await tx.compute(partial(_add, sampler, [(part, list(islice(points, len(part.pieces)))) for part in group]))
    return await tx.compute(partial(sampler.result, *_ends(summaries)))


async def _within(
    tx: Transaction, number: int, pieces: Sequence[Piece], summaries: Summaries, steps: tuple[int, int]
) -> tuple[Sequence[Piece], Summaries]:
    """The points of pieces from a step to another, both included, as pieces with their summaries."""
    lows, highs = summaries["first_step"], summaries["last_step"]
    touched = (lows <= steps[1]) & (highs >= steps[0])
    whole = (lows >= steps[0]) & (highs <= steps[1])
    if whole.all():
        return pieces, summaries
    kept = [pieces[index] for index in np.flatnonzero(whole).tolist()]
    found = [summaries[whole]]
    across = [pieces[index] for index in np.flatnonzero(touched & ~whole).tolist()]
    for group in _bounded([_Part([piece], 0) for piece in across]):
        for part, points in zip(group, await _points(tx, number, [part.pieces[0] for part in group]), strict=True):
            within = points.take(np.flatnonzero((points.steps >= steps[0]) & (points.steps <= steps[1])))
            if len(within):
                kept.append(Piece(part.pieces[0].sequence, len(within), within))
                found.append(summarize(within))
    return kept, np.concatenate(found)


@dataclass(frozen=True, slots=True)
class _Part:
    """Pieces that must be sorted together, and how many points of the series come before them in order of step."""

    pieces: Sequence[Piece]
    begin: int

    @property
    def count(self) -> int:
        return sum(piece.count for piece in self.pieces)


def _begin(sampler: Sampler, pieces: Sequence[Piece], summaries: Summaries) -> list[_Part]:
    """Has pieces taken by their summaries where that will do, and returns the others."""
    order = np.lexsort((summaries["first_time_ms"], summaries["first_step"]))
    pieces, summaries = [pieces[index] for index in order.tolist()], summaries[order]
    counts = np.array([piece.count for piece in pieces])
    begins = np.cumsum(counts) - counts
    starts = _apart(summaries, counts)
    alone = np.diff(starts, append=len(pieces)) == 1
    within = sampler.whole(begins[starts], counts[starts])
    known = np.intersect1d(np.flatnonzero(alone), within)
    sampler.add_summaries(summaries[starts[known]], begins[starts[known]])
    bounds = [*starts.tolist(), len(pieces)]
    needed = np.setdiff1d(np.arange(len(starts)), known)
    return [_Part(pieces[bounds[at] : bounds[at + 1]], int(begins[bounds[at]])) for at in needed.tolist()]


def _apart(summaries: Summaries, counts: Integers) -> Integers:
    """Where pieces begin that have no point before one of an earlier piece. They are in order of their first points."""
    starts, total = [0], 0
    firsts = zip(summaries["first_step"].tolist(), summaries["first_time_ms"].tolist(), strict=True)
    lasts = zip(summaries["last_step"].tolist(), summaries["last_time_ms"].tolist(), strict=True)
    reached: tuple[int, int] | None = None
    for index, (first, last, count) in enumerate(zip(firsts, lasts, counts.tolist(), strict=True)):
        if reached is not None and (first >= reached or total + count > MOST_DISORDER):
            starts.append(index)
            total = 0
        reached = last if reached is None else max(reached, last)
        total += count
    return np.array(starts)


def _ends(summaries: Summaries) -> tuple[Points, Points]:
    """The first and the last point of a series by step and time, from the summaries of all of it."""
    first = np.lexsort((summaries["first_time_ms"], summaries["first_step"]))[:1]
    last = np.lexsort((rank(summaries["last"]), summaries["last_time_ms"], summaries["last_step"]))[-1:]
    return (
        Points(summaries["first_step"][first], summaries["first_time_ms"][first], summaries["first"][first]),
        Points(summaries["last_step"][last], summaries["last_time_ms"][last], summaries["last"][last]),
    )


def _add(sampler: Sampler, parts: Sequence[tuple[_Part, list[Points]]]) -> None:
    for part, points in parts:
        sampler.add_points(in_step_order(Points.concatenate(points)), part.begin)


async def _points(tx: Transaction, number: int, pieces: Sequence[Piece]) -> list[Points]:
    """The points of each piece."""
    chosen = [(number, piece.sequence) for piece in pieces if piece.points is None]
    chunks = await tx.metric_reads.chosen_chunks(chosen) if chosen else []
    return await tx.compute(partial(_decoded, pieces, {chunk.sequence: chunk for chunk in chunks}))


def _decoded(pieces: Sequence[Piece], chunks: Mapping[int, Chunk]) -> list[Points]:
    return [
        decode(chunks[piece.sequence].data, piece.count) if piece.points is None else piece.points for piece in pieces
    ]


def _bounded(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Parts that are read at once."""
    group: list[_Part] = []
    total = 0
    for part in parts:
        if group and total + part.count > _POINTS_AT_ONCE:
            yield group
            group, total = [], 0
        group.append(part)
        total += part.count
    if group:
        yield group
