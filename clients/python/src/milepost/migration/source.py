"""What a migration reads: a stream of resources, from whatever system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy
from numpy.typing import NDArray

from milepost import v1 as pb
from milepost.migration.files import FileTree
from milepost.migration.report import Problems


class Series(NamedTuple):
    """Points of one metric, as columns of equal length."""

    key: str
    steps: list[int]
    timestamps_ms: list[int]
    values: list[float]

    def part(self, start: int, end: int) -> Series:
        """The points of some places."""
        return Series(self.key, self.steps[start:end], self.timestamps_ms[start:end], self.values[start:end])


@dataclass
class Points:
    """Some points of a run, as columns of equal length: points of many small metrics cost no more than of one large.

    Args:
        run_id: The run.
        keys: The metrics.
        codes: Place in `keys` of each point's metric.
        steps: Step of each point.
        timestamps_ms: Its time in milliseconds since the Unix epoch.
        values: Its value.
    """

    run_id: str
    keys: Sequence[str]
    codes: NDArray[numpy.intp]
    steps: NDArray[numpy.int64]
    timestamps_ms: NDArray[numpy.int64]
    values: NDArray[numpy.float64]

    def __len__(self) -> int:
        return len(self.values)

    def series(self) -> Iterator[Series]:
        """The points of each metric in their order, with Python's numbers, which protobuf takes fastest."""
        order = self.codes.argsort(kind="stable")
        columns = [column[order].tolist() for column in (self.steps, self.timestamps_ms, self.values)]
        start = 0
        for key, count in zip(self.keys, numpy.bincount(self.codes, minlength=len(self.keys)).tolist(), strict=True):
            end = start + count
            yield Series(key, *(column[start:end] for column in columns))
            start = end


@dataclass
class RunRecord:
    """A run without its points.

    Args:
        run: The resource; `delete_time` says that it is deleted. Its `experiment_id` is that of the source.
        files: Its artifacts. None for none.
        folder: Where they go below the run's artifact folder.
        origin: The run as the source has it, to ask for its points.
    """

    run: pb.Run
    files: FileTree | None = None
    folder: str = ""
    origin: object = None


@dataclass
class LoggedModelRecord:
    """A logged model.

    Args:
        model: The resource; `delete_time` says that it is deleted.
        files: Its files. None for none.
        holder: The run that holds its files when no run made it.
    """

    model: pb.LoggedModel
    files: FileTree | None = None
    holder: pb.Run | None = None


@dataclass
class Totals:
    """How much there is, for a progress bar; None for what is not known before it is read."""

    runs: int | None = None
    points: int | None = None


@dataclass
class Choice:
    """What of a source is wanted.

    Args:
        experiments: Names of experiments. Empty for all, and then the registry and webhooks too.
        include_deleted: Whether deleted resources are wanted.
    """

    experiments: Sequence[str] = field(default_factory=tuple)
    include_deleted: bool = True


class Source(Protocol):
    """One history of another system. What does not fit goes to `problems`. Everything may be read several times.

    Attributes:
        location: What is read, for people; without passwords.
        version: Version of its form, perhaps empty.
        problems: What was left out or changed, and why.
    """

    location: str
    version: str
    problems: Problems

    def experiments(self) -> Iterator[pb.Experiment]:
        """The experiments; `delete_time` says that one is deleted."""

    def totals(self, experiments: Sequence[pb.Experiment]) -> Totals:
        """How much is in some experiments."""

    def runs(self, experiment: pb.Experiment) -> Iterator[Sequence[RunRecord]]:
        """The runs of an experiment, some at a time."""

    def points(self, runs: Sequence[RunRecord]) -> Iterator[Points]:
        """All points of some runs, run after run. Those of a metric come in the same order each time."""

    def logged_models(self, experiment: pb.Experiment) -> Iterator[LoggedModelRecord]:
        """The logged models of an experiment, once its runs were read."""

    def registered_models(self) -> Iterator[pb.ImportedRegisteredModel]:
        """The registered models with their versions."""

    def webhooks(self) -> Iterator[pb.Webhook]:
        """The webhooks."""

    def close(self) -> None:
        """Ends what is open."""
