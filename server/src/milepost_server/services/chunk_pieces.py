"""The chunks of a series as pieces, each with a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from milepost_server.points.codec import decode_many
from milepost_server.points.columns import Points
from milepost_server.points.summary import SUMMARY, Summaries, summarize
from milepost_server.storage.metric_reads import ChunkHead


@dataclass(frozen=True, slots=True)
class Piece:
    """Points of a series that follow each other in order of arrival.

    Args:
        sequence: Number of the first point.
        count: Number of points.
        points: The points, where they came with the summaries. None where they are one chunk that is to be read.
    """

    sequence: int
    count: int
    points: Points | None


def pieces_of(heads: Sequence[ChunkHead]) -> tuple[list[Piece], Summaries]:
    """The pieces of one series, and the summary of each. Neighbours that came with their points make one piece.

    Args:
        heads: All chunks of the series, in order.
    """
    pieces: list[Piece] = []
    summaries: list[bytes] = []
    for group in _neighbours(heads):
        first = group[0]
        if first.summary is not None:
            pieces.append(Piece(first.sequence, first.count, None))
            summaries.append(first.summary)
        else:
            points = decode_many([(head.data, head.count) for head in group if head.data is not None])
            pieces.append(Piece(first.sequence, len(points), points))
            summaries.append(summarize(points).tobytes())
    return pieces, np.frombuffer(b"".join(summaries), SUMMARY)


def _neighbours(heads: Sequence[ChunkHead]) -> Iterator[list[ChunkHead]]:
    """Each chunk that is to be read alone, and others as far as they follow each other without gaps."""
    group: list[ChunkHead] = []
    for head in heads:
        before = group[-1] if group else None
        if before and (head.data is None or before.data is None or head.sequence != before.sequence + before.count):
            yield group
            group = []
        group.append(head)
    if group:
        yield group
