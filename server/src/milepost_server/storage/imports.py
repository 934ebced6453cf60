"""What services may ask of a database to store histories of other systems. See `storage.base`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from milepost import v1 as pb

if TYPE_CHECKING:
    from milepost_server.storage.base import RunKey


@dataclass(frozen=True, slots=True)
class Times:
    """When a resource was created and last changed, in microseconds since the Unix epoch."""

    create_us: int
    update_us: int


@dataclass(frozen=True, slots=True)
class NewExperiment:
    """An experiment to store.

    Args:
        experiment: Its name, description and tags.
        number: Its id. None for the next one.
        times: Its times.
    """

    experiment: pb.Experiment
    number: int | None
    times: Times


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to store.

    Args:
        run: Its own fields, params, tags, inputs and models.
        experiment_id: Number of its experiment, which must exist.
        start_us: When it started.
        times: Its times.
        metrics: Points of its metrics, whose columns are all filled.
    """

    run: pb.Run
    experiment_id: int
    start_us: int
    times: Times
    metrics: Sequence[pb.MetricPoints]


class Imports(Protocol):
    """Many resources at once, with their ids and times."""

    async def lock_experiments(self) -> None:
        """Keeps experiments from being created by others until the transaction ends."""

    async def named_experiments(self, names: Collection[str]) -> dict[str, int]:
        """Numbers of the experiments that have one of the names."""

    async def create_experiments(self, experiments: Sequence[NewExperiment]) -> list[int]:
        """Stores experiments with new numbers and names, and returns their numbers. Lock experiments first."""

    async def runs(self, run_ids: Collection[str]) -> dict[str, RunKey]:
        """Where the runs that exist are stored, by id."""

    async def create_runs(self, runs: Sequence[NewRun], now_us: int) -> None:
        """Stores runs that do not exist, with all below them."""

    async def point_counts(self, runs: Collection[RunKey]) -> dict[str, dict[str, int]]:
        """Numbers of points of all metrics, by run id and key."""
