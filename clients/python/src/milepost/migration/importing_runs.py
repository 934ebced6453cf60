"""Runs, their points and their artifacts into a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from milepost import v1 as pb
from milepost.migration import counting, target
from milepost.migration.batches import Batch
from milepost.migration.copying import Copier
from milepost.migration.deletions import Deletions
from milepost.migration.report import Problems
from milepost.migration.tally import Tallies
from milepost.migration.target import Target


class RunImporter:
    """Sends batches of the runs of one experiment.

    Args:
        receiver: The server. None in a dry run.
        problems: Where runs go that the server does not take.
        copier: Copies their artifacts.
        deletions: Takes in those that are deleted.
        tallies: The points of each run; those of refused ones are taken out.
    """

    def __init__(
        self, receiver: Target | None, problems: Problems, copier: Copier, deletions: Deletions, tallies: Tallies
    ) -> None:
        self._receiver = receiver
        self._problems = problems
        self._copier = copier
        self._deletions = deletions
        self._tallies = tallies
        self._refused: set[str] = set()

    def send(self, batch: Batch) -> Counter[str]:
        """Sends a batch. Returns the counts of its runs and artifacts, without what was refused."""
        stored = {one.run.run_id for one in batch.runs}
        if self._receiver is not None:
            stored = {*self._sent(self._receiver, batch)}
            self._refused |= {one.run.run_id for one in batch.runs} - stored
            self._receiver.points([one for one in batch.series if one.run_id not in self._refused])
        counts: Counter[str] = Counter()
        for record in batch.records:
            if record.run.run_id not in stored:
                continue
            counts.update(counting.of_run(record.run))
            if record.files is not None:
                counts.update(self._copier.copy(record.files, record.run.run_id, record.folder))
            self._deletions.run(record.run)
        return counts

    def finish(self) -> None:
        """Forgets the points of refused runs: those that were read ahead are counted by now."""
        for run_id in self._refused:
            self._tallies.of.pop(run_id, None)

    def _sent(self, receiver: Target, batch: Batch) -> Iterator[str]:
        """Sends the runs of a batch. Yields the ids of those that are on the server then."""
        for imported, outcome in receiver.runs(batch.runs):
            run_id = imported.run.run_id
            if outcome.outcome == target.ID_TAKEN:
                self._problems.add(
                    f"run {run_id}", "", f"experiment {outcome.experiment_id} has a run of this id; not imported."
                )
                continue
            if outcome.outcome == target.EXISTS:
                receiver.points(_missing(imported, outcome))
            yield run_id


def _missing(imported: pb.ImportedRun, outcome: pb.RunOutcome) -> list[pb.ImportedPoints]:
    """The metrics of a run that the server has, but with fewer points: an import broke off, or the run went on."""
    return [
        pb.ImportedPoints(run_id=imported.run.run_id, position=0, points=points)
        for points in imported.metrics
        if outcome.metric_points.get(points.key, 0) < len(points.values)
    ]
