"""An import: a source's stream of resources into a server, so that it can be begun again at any moment.

Nothing is kept of how far it came: the server leaves what is there as it is, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from milepost import v1 as pb
from milepost.client import Client
from milepost.migration import counting, target
from milepost.migration.batches import Batches
from milepost.migration.copying import Copier
from milepost.migration.deletions import Deletions
from milepost.migration.fitting import fit
from milepost.migration.importing_models import ModelImporter
from milepost.migration.importing_registry import import_registered_models, import_webhooks
from milepost.migration.importing_runs import RunImporter
from milepost.migration.prefetching import prefetched
from milepost.migration.report import Report
from milepost.migration.source import Choice, Source, Totals
from milepost.migration.tally import Tallies
from milepost.migration.target import Target

_BATCHES_AHEAD = 2


@dataclass
class Progress:
    """How far an import is, for a bar."""

    phase: str = ""
    runs: int = 0
    points: int = 0
    artifact_bytes: int = 0


Watcher = Callable[[Progress, Totals], None]


class Importer:
    """Imports a source.

    Args:
        source: What to import.
        client: Of the server.
        choice: What of it.
        dry_run: Whether to read everything and write nothing.
        watcher: Called with the progress, from any thread.

    Attributes:
        report: What was read, and what was left out.
        experiments: Ids of the imported experiments: that of the source, and that which each has on the server.
        tallies: The points of each run.
    """

    def __init__(
        self,
        source: Source,
        client: Client,
        choice: Choice,
        *,
        dry_run: bool = False,
        watcher: Watcher = lambda progress, totals: None,
    ) -> None:
        self._source = source
        self._client = client
        self._choice = choice
        self._dry_run = dry_run
        self._watcher = watcher
        self._totals = Totals()
        self._progress = Progress()
        self._target = Target(client, source.problems)
        self._deletions = Deletions(self._target, source.problems)
        self.experiments: dict[str, str] = {}
        self.tallies = Tallies()
        self.report = Report(source.location, source.version, client.config.address, dry_run, problems=source.problems)

    def run(self) -> Report:
        """Does it.

        Raises:
            ValueError: There is no experiment of a name that was asked for.
            MilepostError: The server did not answer for good. Begin again, and it goes on where it stopped.
        """
        begun = time.monotonic()
        chosen = chosen_experiments(self._source, self._choice)
        self._totals = self._source.totals(chosen)
        with Copier(None if self._dry_run else self._client, self._source.problems, self._copied) as copier:
            for experiment in self._import_experiments(chosen):
                self._import_experiment(experiment, copier)
        self.report.read["points"] = sum(tally.count for tally in self.tallies.of.values())
        if not self._choice.experiments:
            self._enter("registry")
            found = import_registered_models(self._source, None if self._dry_run else self._target)
            self.report.read.update(found)
            self.report.read.update(import_webhooks(self._source, None if self._dry_run else self._client))
        if not self._dry_run:
            self._deletions.send()
        self.report.seconds = time.monotonic() - begun
        return self.report

    def _import_experiment(self, experiment: pb.Experiment, copier: Copier) -> None:
        """All that belongs to an experiment which is on the server."""
        self._enter(experiment.name)
        target_id = self.experiments[experiment.experiment_id]
        receiver = None if self._dry_run else self._target
        batches = Batches(self._source, self.tallies, target_id)
        runs = RunImporter(receiver, self._source.problems, copier, self._deletions, self.tallies)
        with prefetched(batches.of(experiment, self._choice), _BATCHES_AHEAD) as ahead:
            for batch in ahead:
                self.report.read.update(runs.send(batch))
                self._progress.runs += len(batch.records)
                self._progress.points += batch.points
                self._watcher(self._progress, self._totals)
        runs.finish()
        models = ModelImporter(receiver, self._source.problems, copier, self._deletions, target_id)
        self.report.read.update(models.send(self._source.logged_models(experiment), self._choice))

    def _import_experiments(self, chosen: Sequence[pb.Experiment]) -> list[pb.Experiment]:
        """Imports the experiments, and returns those that are on the server now."""
        there = ((one, one.experiment_id) for one in chosen) if self._dry_run else self._resolved(chosen)
        imported = []
        for one, target_id in there:
            self.experiments[one.experiment_id] = target_id
            self.report.read.update(counting.of_experiment(one))
            self._deletions.experiment(one, target_id)
            imported.append(one)
        return imported

    def _resolved(self, chosen: Sequence[pb.Experiment]) -> Iterator[tuple[pb.Experiment, str]]:
        """The experiments with their ids on the server, after they were created there."""
        for one, outcome in self._target.experiments(chosen):
            target_id = outcome.experiment_id
            if outcome.outcome in (target.ID_TAKEN, target.NAME_TAKEN):
                # By its name alone it is the experiment of this name, or a new one: the same each time.
                nameless = pb.Experiment()
                nameless.CopyFrom(one)
                nameless.ClearField("experiment_id")
                again = self._target.experiments([nameless])
                target_id = again[0][1].experiment_id if again else target_id
                self._source.problems.note(
                    f"experiment {one.experiment_id} ({one.name}) is {target_id} here: its id or name was taken"
                )
            if outcome.outcome != target.CREATED:
                self._complete(one, target_id)
            yield one, target_id

    def _complete(self, one: pb.Experiment, target_id: str) -> None:
        """Adds to an experiment that was there what it lacks, such as to `Default`."""
        there = self._client.experiments.get(target_id)
        lacking = {key: value for key, value in one.tags.items() if key not in there.tags}
        if there.deleted:
            return
        if lacking:
            self._client.experiments.update_tags(target_id, lacking)
        if one.description and not there.description:
            self._client.experiments.update(target_id, description=one.description)

    def _enter(self, phase: str) -> None:
        self._progress.phase = phase
        self._watcher(self._progress, self._totals)

    def _copied(self, size: int) -> None:
        self._progress.artifact_bytes += size
        self._watcher(self._progress, self._totals)


def chosen_experiments(source: Source, choice: Choice) -> list[pb.Experiment]:
    """The experiments that are wanted, fit for a server. Raises `ValueError` for a name that there is not."""
    found = [*source.experiments()]
    missing = set(choice.experiments) - {one.name for one in found}
    if missing:
        raise ValueError(f"{source.location} has no experiment {', '.join(map(repr, sorted(missing)))}.")
    return [
        one
        for one in found
        if (not choice.experiments or one.name in choice.experiments)
        and (choice.include_deleted or not one.HasField("delete_time"))
        and fit(one, f"experiment {one.experiment_id}", source.problems)
    ]
