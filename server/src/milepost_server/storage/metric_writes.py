"""What services may do to stored metric points, and to what is known of those who write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from milepost import v1 as pb

if TYPE_CHECKING:
    from milepost_server.storage.base import RunKey


@dataclass(frozen=True)
class FoldableSeries:
    """A metric series with small chunks that are due to be folded.

    Args:
        run_id: The run's id.
        number: The series' number in the database.
    """

    run_id: str
    number: int


class Metrics(Protocol):
    """Metric points and summaries. Names are metric keys; where they are optional, none stand for all of the run."""

    async def append(
        self, key: RunKey, metrics: Sequence[pb.MetricPoints], now_us: int, *, skip_repeats: bool = False
    ) -> int:
        """Stores points, whose columns are all filled, and updates summaries. The run must be locked.

        Args:
            key: The run.
            metrics: The points.
            now_us: The time.
            skip_repeats: Whether to leave out points that are stored already, or occur earlier in `metrics`: see
                `LogBatchRequest.skip_repeated_points`.

        Returns:
            The number of points stored.
        """

    async def known(self, key: RunKey, names: Collection[str]) -> set[str]:
        """Those of the names that the run has; all of its names when none are given."""

    async def rewind(self, key: RunKey, names: Collection[str], after_step: int) -> int:
        """Removes points of later steps, and series that have none left. Returns the number of points removed."""

    async def remove(self, key: RunKey, names: Collection[str]) -> int:
        """Removes series with their points. Returns the number of points removed."""

    async def recompute(self, key: RunKey, names: Collection[str]) -> list[str]:
        """Computes summaries from points and returns the names of those that were wrong."""

    async def foldable(self, now_us: int, limit: int) -> Sequence[FoldableSeries]:
        """Some series that are due to be folded, the longest due first."""

    async def fold(self, number: int, now_us: int) -> None:
        """Folds small chunks of a series into full ones. The run must be locked. Points and their order stay."""


class MetricWriters(Protocol):
    """Writers of metric streams: the sequence numbers of what they sent. The run must be locked to change them."""

    async def sequence(self, key: RunKey, writer_id: str) -> int:
        """Number of the writer's last batch that was stored or refused; 0 for a new writer."""

    async def advance(self, key: RunKey, writer_id: str, sequence: int, now_us: int) -> None:
        """Records that number."""

    async def reject(self, key: RunKey, writer_id: str, errors: Mapping[int, bytes]) -> None:
        """Keeps why batches were refused: a serialized `google.rpc.Status` by sequence number."""

    async def rejections(self, key: RunKey, writer_id: str, after: int) -> Sequence[tuple[int, bytes]]:
        """What was kept of batches after a sequence number, in order."""

    async def forget_rejections(self, key: RunKey, writer_id: str, told: int) -> None:
        """Drops what was kept of batches up to a sequence number."""
