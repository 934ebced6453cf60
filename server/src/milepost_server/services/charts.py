"""Charts of many series: the parts that take time and need no database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from milepost import v1 as pb
from milepost_server.points.buckets import Axis, Buckets, Place, places
from milepost_server.points.codec import decode_many
from milepost_server.points.columns import Integers
from milepost_server.points.segments import Indices
from milepost_server.points.summary import SUMMARY, Summaries
from milepost_server.points.thinning import Thinner
from milepost_server.storage.metric_reads import Chunk, ChunkHead, StoredSeries


class Chart:
    """Series in common buckets.

    Args:
        series: The series, in the order of the answer.
        axis: What positions are, of each series.
        buckets: The buckets.
    """

    def __init__(self, series: Sequence[StoredSeries], axis: Axis, buckets: Buckets) -> None:
        self._series = series
        self._places = _places(series)
        self._axis = axis
        self._buckets = buckets
        self._thinner = Thinner(axis, buckets)

    def add_heads(self, heads: Sequence[ChunkHead]) -> list[ChunkHead]:
        """Takes chunks as far as their heads say enough. Returns those whose points are needed."""
        known = [head for head in heads if head.summary is not None]
        summaries = _summaries(known)
        series = self._of(known)
        found = places(summaries, self._axis.at(series), self._buckets)
        inside = np.flatnonzero(found == Place.INSIDE)
        sequences = np.array([known[index].sequence for index in inside.tolist()], np.int64)
        self._thinner.add_summaries(summaries[inside], series[inside], sequences)
        self.add_chunks(_few(heads))
        return [known[index] for index in np.flatnonzero(found == Place.ACROSS).tolist()]

    def add_chunks(self, chunks: Sequence[Chunk]) -> None:
        """Takes all points of chunks."""
        if not chunks:
            return
        # In the order of the answer, so that what comes of them need not be sorted.
        chunks = sorted(chunks, key=lambda chunk: (self._places[chunk.number], chunk.sequence))
        points = decode_many([(chunk.data, chunk.count) for chunk in chunks])
        sequences = np.array([chunk.sequence for chunk in chunks])
        self._thinner.add_points(points, self._of(chunks), sequences, _counts(chunks))

    def response(self) -> pb.GetMetricSeriesResponse:
        """The answer, when all chunks have been taken."""
        response = pb.GetMetricSeriesResponse(start=self._buckets.start, bucket_width=self._buckets.width)
        messages = [response.series.add(run_id=one.run_id, metric_key=one.key) for one in self._series]
        self._thinner.fill(messages)
        return response

    def _of(self, chunks: Sequence[Chunk] | Sequence[ChunkHead]) -> Indices:
        return np.array([self._places[chunk.number] for chunk in chunks], np.intp)


def time_span(series: Sequence[StoredSeries], axis: Axis, heads: Sequence[ChunkHead]) -> tuple[int, int]:
    """The smallest and the greatest position on an axis of time.

    Args:
        series: The series.
        axis: What positions are, of each series.
        heads: All chunks of all series, at least one.
    """
    known, few = [head for head in heads if head.summary is not None], _few(heads)
    summaries = _summaries(known)
    times = decode_many([(chunk.data, chunk.count) for chunk in few]).times_ms
    places_of = _places(series)
    of_known = np.array([places_of[head.number] for head in known], np.intp)
    of_few = np.repeat(np.array([places_of[chunk.number] for chunk in few], np.intp), _counts(few))
    low = np.concatenate([axis.at(of_known).lows(summaries), axis.at(of_few).of(times, times)])
    high = np.concatenate([axis.at(of_known).highs(summaries), axis.at(of_few).of(times, times)])
    return int(low.min()), int(high.max())


def _places(series: Sequence[StoredSeries]) -> dict[int, int]:
    """The index of each series by its number."""
    return {one.number: index for index, one in enumerate(series)}


def _few(heads: Iterable[ChunkHead]) -> list[Chunk]:
    return [Chunk(one.number, one.sequence, one.count, one.data) for one in heads if one.data is not None]


def _counts(chunks: Sequence[Chunk]) -> Integers:
    return np.array([chunk.count for chunk in chunks], np.int64)


def _summaries(heads: Iterable[ChunkHead]) -> Summaries:
    return np.frombuffer(b"".join([head.summary for head in heads if head.summary is not None]), SUMMARY)
