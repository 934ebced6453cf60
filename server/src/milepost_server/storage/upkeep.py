"""What services may ask of the removal of runs for good, and of the database itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from milepost import v1 as pb
from milepost_server.filters.ast import Expression

if TYPE_CHECKING:
    from milepost_server.storage.base import RunKey


@dataclass(frozen=True)
class PurgeChoice:
    """Deleted runs that all of these choose, but those whose files versions of registered models consist of.

    Args:
        run_id: Id of the only one. Empty for any.
        experiment_ids: The experiments to look in. Empty for all.
        filter: What they are like. None for all.
        deleted_before_us: When they must have been deleted before. None for whenever.
    """

    run_id: str = ""
    experiment_ids: tuple[int, ...] = ()
    filter: Expression | None = None
    deleted_before_us: int | None = None


@dataclass(frozen=True)
class DeletedRun:
    """A run to remove, and when it was deleted: it must still be when its turn comes."""

    key: RunKey
    delete_us: int


@dataclass(frozen=True)
class PurgeStep:
    """What one transaction of a purge did.

    Args:
        removed: What it removed.
        emptied: Runs that have no points, artifacts, models, params and tags any more.
        rest: Runs for the next step. Those that were restored, removed or put to use meanwhile are in neither.
    """

    removed: pb.PurgeSummary
    emptied: Sequence[DeletedRun]
    rest: Sequence[DeletedRun]


class Purges(Protocol):
    """Removal of deleted runs for good, in transactions of bounded size."""

    async def count(self, choice: PurgeChoice) -> pb.PurgeSummary:
        """What purging all chosen runs would remove."""

    async def count_runs(self, choice: PurgeChoice) -> int:
        """The number of chosen runs."""

    async def choose(self, choice: PurgeChoice, limit: int) -> Sequence[DeletedRun]:
        """Some of the chosen runs."""

    async def empty(self, runs: Sequence[DeletedRun], now_us: int) -> PurgeStep:
        """Begins to remove runs, which cannot be restored from then on, and removes some of what is below them."""

    async def remove(self, runs: Sequence[DeletedRun]) -> int:
        """Removes emptied runs. Returns how many were still there."""


class Upkeep(Protocol):
    """The state of the database itself."""

    async def status(self) -> pb.DatabaseStatus:
        """Its size and upkeep, without advice."""

    async def newest(self) -> int:
        """A number that grows with every run and metric series."""

    async def analyze(self) -> None:
        """Renews the planner's statistics of all tables from samples, where the database does not do so by itself."""
