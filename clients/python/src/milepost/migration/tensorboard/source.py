"""A log directory of TensorBoard as a source of a migration."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from milepost import v1 as pb
from milepost.migration.report import Problems
from milepost.migration.source import LoggedModelRecord, Points, RunRecord, Totals
from milepost.migration.tensorboard.facts import Facts
from milepost.migration.tensorboard.folders import EventFolder, event_folders
from milepost.migration.tensorboard.summaries import Scalar, Summaries, events, milliseconds

_RUNS_AT_ONCE = 50
_BYTES_AT_ONCE = 16 * 1024 * 1024
_POINTS_AT_ONCE = 65_536
_EMPTY = "folders whose event files hold no event"


class TensorBoardSource:
    """See `milepost.migration.source.Source`. It has one experiment, and no models.

    Args:
        directory: The log directory, as TensorBoard is given it.
        experiment: Name of the experiment that the runs belong to. Empty for the directory's name.

    Raises:
        ValueError: It is no folder, or no folder below it has event files.
    """

    version = ""

    def __init__(self, directory: Path, experiment: str = "") -> None:
        root = directory.resolve()
        if not root.is_dir():
            raise ValueError(f"{directory} is no folder.")
        self.location = str(directory)
        self.problems = Problems()
        self._root_name = os.fsencode(root.name or root).decode(errors="replace")
        self._experiment = experiment or self._root_name
        self._folders = list(event_folders(root, self.problems))
        if not self._folders:
            raise ValueError(f"{directory} is no log directory: no file below it has 'tfevents' in its name.")

    def experiments(self) -> Iterator[pb.Experiment]:
        """The one experiment, without an id: that of its name, or a new one."""
        yield pb.Experiment(name=self._experiment)

    def totals(self, experiments: Sequence[pb.Experiment]) -> Totals:
        """The number of folders."""
        return Totals(runs=len(self._folders))

    def runs(self, experiment: pb.Experiment) -> Iterator[Sequence[RunRecord]]:
        """A run for each folder, a few at a time, so that sending begins before all is read."""
        page: list[EventFolder] = []
        for folder in self._folders:
            page.append(folder)
            if len(page) == _RUNS_AT_ONCE or sum(one.size for one in page) >= _BYTES_AT_ONCE:
                yield list(self._records(page))
                page = []
        yield list(self._records(page))

    def points(self, runs: Sequence[RunRecord]) -> Iterator[Points]:
        """All points of some runs, in the order of their events."""
        for record in runs:
            if isinstance(record.origin, EventFolder):
                yield from _points(record.run.run_id, record.origin)

    def logged_models(self, experiment: pb.Experiment) -> Iterator[LoggedModelRecord]:
        """None."""
        return iter(())

    def registered_models(self) -> Iterator[pb.ImportedRegisteredModel]:
        """None."""
        return iter(())

    def webhooks(self) -> Iterator[pb.Webhook]:
        """None."""
        return iter(())

    def close(self) -> None:
        """Nothing is open."""

    def _records(self, folders: Sequence[EventFolder]) -> Iterator[RunRecord]:
        for folder in folders:
            run = Facts(folder, self.problems).gather(self._experiment, self._root_name)
            if run is None:
                self.problems.note(_EMPTY)
            else:
                yield RunRecord(run, origin=folder)


def _points(run_id: str, folder: EventFolder) -> Iterator[Points]:
    """All points of a run. What is damaged was reported when the run itself was read."""
    summaries, columns = Summaries(), _Columns(run_id)
    for event in events(folder, Problems()):
        time = milliseconds(event.wall_time) or 0
        for item in summaries.items(event):
            if isinstance(item, Scalar):
                columns.add(item, event.step, time)
        if len(columns.values) >= _POINTS_AT_ONCE:
            yield columns.points()
            columns = _Columns(run_id)
    if columns.values:
        yield columns.points()


class _Columns:
    """Gathers points."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._keys: dict[str, int] = {}
        self._codes: list[int] = []
        self._steps: list[int] = []
        self._times: list[int] = []
        self.values: list[float] = []

    def add(self, scalar: Scalar, step: int, time_ms: int) -> None:
        self._codes.append(self._keys.setdefault(scalar.tag, len(self._keys)))
        self._steps.append(step)
        self._times.append(time_ms)
        self.values.append(scalar.value)

    def points(self) -> Points:
        return Points(
            self._run_id,
            list(self._keys),
            numpy.array(self._codes, numpy.intp),
            numpy.array(self._steps, numpy.int64),
            numpy.array(self._times, numpy.int64),
            numpy.array(self.values, numpy.float64),
        )
