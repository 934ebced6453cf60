"""What services may ask of stored metric points."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from milepost import v1 as pb
from milepost_server.points.columns import Points

if TYPE_CHECKING:
    from milepost_server.storage.base import RunKey


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """A metric of a run as stored.

    Args:
        number: Its number in the database.
        run_id: The run's id.
        start_us: The run's start time.
        key: The metric's key.
        count: Number of points.
        next_sequence: Number that the next point to arrive will get. Points are numbered in order of arrival; the
            numbers of points that were taken back are missing.
        epoch: Differs after points were taken back.
        entry: Its summary, as a serialized `Run` that has nothing else.
    """

    number: int
    run_id: str
    start_us: int
    key: str
    count: int
    next_sequence: int
    epoch: int
    entry: bytes

    def summary(self) -> pb.MetricSummary:
        """Its summary."""
        return pb.Run.FromString(self.entry).metrics[self.key]


@dataclass(frozen=True, slots=True)
class SeriesState:
    """How far a series has come: see `StoredSeries`."""

    count: int
    next_sequence: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PointRange:
    """Points of one series in order of arrival.

    Args:
        points: The points.
        end: Where to go on: the number of the last of them and one more.
        more: Whether others follow.
    """

    points: Points
    end: int
    more: bool


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """Some points of one series that are stored together.

    Args:
        number: The series.
        sequence: Number of the first point; the others follow it without gaps.
        count: Number of points.
        summary: What they come to, as bytes of a `points.summary.SUMMARY`. None when there are few of them.
        data: These few points, as in `Chunk`. None when there is a summary.
    """

    number: int
    sequence: int
    count: int
    summary: bytes | None
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Points of one series that are stored together.

    Args:
        number: The series.
        sequence: Number of the first point.
        count: Number of points.
        data: The points, for `points.codec.decode_many`.
    """

    number: int
    sequence: int
    count: int
    data: bytes


class MetricReads(Protocol):
    """Metric points. Chunks come in order of series and of arrival."""

    async def of_run(self, key: RunKey, names: Collection[str]) -> Sequence[StoredSeries]:
        """Metrics of a run, by key: those of the names that it has, or all when no names are given."""

    async def of_runs(self, run_ids: Collection[str], names: Collection[str]) -> Sequence[StoredSeries]:
        """Those of the metrics that exist of those of the runs that exist, in any order."""

    async def states(self, numbers: Collection[int]) -> dict[int, SeriesState]:
        """How far the series that still exist have come, by number."""

    async def points(self, number: int, begin: int, limit: int, end: int | None = None) -> PointRange:
        """Points of a series from number `begin` on, at most `limit` of them and none from number `end` on.

        There are fewer only at the end. Reads no more chunks than have these points.
        """

    async def chunk_heads(self, numbers: Collection[int]) -> Sequence[ChunkHead]:
        """All chunks of series, without the points of those that have a summary."""

    async def chunks(self, numbers: Collection[int]) -> Sequence[Chunk]:
        """All chunks of series, which should have few points."""

    async def chosen_chunks(self, chosen: Collection[tuple[int, int]]) -> Sequence[Chunk]:
        """The chunks of these pairs of series and sequence."""
