"""Runs and their points as requests of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from milepost import v1 as pb
from milepost.migration.fitting import fit, key_fault
from milepost.migration.report import Problems
from milepost.migration.source import Choice, Points, RunRecord, Series, Source
from milepost.migration.tally import Tallies

MAX_POINTS = 50_000
"""Most points of a batch. A server takes twice as many in one request."""
MAX_RUNS = 1000
MAX_SERIES = 10_000
MAX_BYTES = 8 * 1024 * 1024
"""Bytes of runs after which a batch is full. A server takes 64 MiB in one request."""


@dataclass
class Batch:
    """What is sent together: first the runs with points, then points that continue these runs or earlier ones.

    Args:
        records: The runs as the source has them, in the order of `runs`.
        runs: The runs with their first points.
        series: Further points.
        points: Number of points of both.
    """

    records: list[RunRecord] = field(default_factory=list)
    runs: list[pb.ImportedRun] = field(default_factory=list)
    series: list[pb.ImportedPoints] = field(default_factory=list)
    points: int = 0


class Batches:
    """Makes batches of the runs of an experiment.

    Args:
        source: Where they come from.
        tallies: Takes in all points that are sent.
        experiment_id: The experiment's id on the server, which the runs get.
    """

    def __init__(self, source: Source, tallies: Tallies, experiment_id: str) -> None:
        self._source = source
        self._tallies = tallies
        self._experiment_id = experiment_id

    def of(self, experiment: pb.Experiment, choice: Choice) -> Iterator[Batch]:
        """The batches of all runs of an experiment that are wanted."""
        for page in self._source.runs(experiment):
            records = fit_runs(page, self._experiment_id, choice, self._source.problems)
            yield from _Page(records, self._source.problems, self._tallies).batches(self._source.points(records))


class _Page:
    """The batches of some runs."""

    def __init__(self, records: Sequence[RunRecord], problems: Problems, tallies: Tallies) -> None:
        self._waiting = {record.run.run_id: record for record in records}
        self._problems = problems
        self._tallies = tallies
        self._positions: dict[tuple[str, str], int] = {}
        self._refused: set[tuple[str, str]] = set()
        self._begin()

    def batches(self, points: Iterator[Points]) -> Iterator[Batch]:
        """The batches, each full but the last."""
        for piece in points:
            self._tallies.add(piece)
            for series in piece.series():
                if self._takes(piece.run_id, series):
                    yield from self._split(piece.run_id, series)
        for run_id in list(self._waiting):
            self._open(run_id)
            if self._full():
                yield self._batch
                self._begin()
        if self._batch.runs or self._batch.series:
            yield self._batch

    def _begin(self) -> None:
        self._batch = Batch()
        self._bytes = 0
        self._runs: dict[str, pb.ImportedRun] = {}
        self._series: dict[tuple[str, str], pb.MetricPoints] = {}

    def _full(self) -> bool:
        batch = self._batch
        many = len(batch.runs) >= MAX_RUNS or len(self._series) >= MAX_SERIES
        return many or batch.points >= MAX_POINTS or self._bytes >= MAX_BYTES

    def _split(self, run_id: str, series: Series) -> Iterator[Batch]:
        """Adds points; yields the batches that get full."""
        start, count = 0, len(series.values)
        while start < count:
            end = min(count, start + MAX_POINTS - self._batch.points)
            self._add(run_id, series if end - start == count else series.part(start, end))
            start = end
            if self._full():
                yield self._batch
                self._begin()

    def _takes(self, run_id: str, series: Series) -> bool:
        """Whether the key is one; otherwise all its points are left out."""
        name = run_id, series.key
        if name in self._positions:
            return True
        fault = key_fault(series.key)
        if fault is None:
            return True
        self._tallies.remove(run_id, series)
        if name not in self._refused:
            self._refused.add(name)
            self._problems.add(f"run {run_id}", f"metrics.{series.key[:100]}", f"the key {fault}; left out.")
        return False

    def _open(self, run_id: str) -> pb.ImportedRun:
        record = self._waiting.pop(run_id)
        imported = self._runs[run_id] = pb.ImportedRun(run=record.run)
        self._batch.records.append(record)
        self._batch.runs.append(imported)
        self._bytes += record.run.ByteSize()
        return imported

    def _add(self, run_id: str, series: Series) -> None:
        target = self._target(run_id, series.key)
        target.values.extend(series.values)
        target.steps.extend(series.steps)
        target.timestamps_ms.extend(series.timestamps_ms)
        count = len(series.values)
        self._batch.points += count
        self._positions[run_id, series.key] = self._positions.get((run_id, series.key), 0) + count

    def _target(self, run_id: str, key: str) -> pb.MetricPoints:
        """Where points of a metric go in this batch: one place for each, which a request may name only once."""
        found = self._series.get((run_id, key))
        if found is not None:
            return found
        if run_id in self._waiting:
            self._open(run_id)
        imported = self._runs.get(run_id)
        if imported is not None:
            made = imported.metrics.add(key=key)
        else:
            series = pb.ImportedPoints(run_id=run_id, position=self._positions.get((run_id, key), 0))
            self._batch.series.append(series)
            made = series.points
            made.key = key
        self._series[run_id, key] = made
        return made


def fit_runs(page: Sequence[RunRecord], experiment_id: str, choice: Choice, problems: Problems) -> list[RunRecord]:
    """The runs that are wanted, with their experiment's id on the server, without what a server does not take."""
    records = []
    for record in page:
        record.run.experiment_id = experiment_id
        if (choice.include_deleted or not record.run.HasField("delete_time")) and fit_run(record.run, problems):
            records.append(record)
    return records


def fit_run(run: pb.Run, problems: Problems) -> bool:
    """Leaves out of a run what a server does not take. Returns whether the rest can be stored."""
    return fit(run, f"run {run.run_id}", problems, required=("run_id", "experiment_id"))
