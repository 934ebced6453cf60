"""An export: everything that a server has, to MLflow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from milepost import v1 as pb
from milepost.client import Client
from milepost.migration.mlflow import entities, unmapping
from milepost.migration.mlflow.mapping import ARTIFACT_URI, HOLDS_MODEL
from milepost.migration.points_check import stored_points
from milepost.migration.report import Problems
from milepost.migration.source import Choice, Points

_MODEL_FILE = re.compile(r"models/(m-[0-9a-f]{32})/(.+)")


@dataclass(frozen=True)
class Owner:
    """Whose a file is: a run, or a logged model."""

    experiment_id: str
    run_id: str
    model_id: str = ""

    def __str__(self) -> str:
        return f"logged model {self.model_id}" if self.model_id else f"run {self.run_id}"


class ExportTarget(Protocol):
    """Writes entities to a store of MLflow: an experiment, its runs, its logged models; last the registry.

    Attributes:
        location: Where, for people.
    """

    location: str

    def experiment(self, given: entities.Experiment) -> None:
        """Begins an experiment."""

    def run(self, given: entities.Run) -> bool:
        """Begins a run. False when it is there already, with all its points and files."""

    def points(self, points: Points) -> None:
        """Points of a run that was begun."""

    def logged_model(self, given: entities.LoggedModel) -> bool:
        """Begins a logged model. False when it is there already."""

    def file(self, owner: Owner, artifact: pb.Artifact, path: str, fetch: Callable[[Path], None]) -> None:
        """A file of a run or a logged model.

        Args:
            owner: Whose it is.
            artifact: Its size and digest.
            path: Below the artifact folder of the owner.
            fetch: Writes it to a path.
        """

    def end_run(self, given: entities.Run) -> None:
        """All of a run came."""

    def end_logged_model(self, given: entities.LoggedModel) -> None:
        """All of a logged model came."""

    def end_experiment(self, given: entities.Experiment) -> None:
        """All runs and logged models of an experiment came."""

    def registered_model(self, given: entities.RegisteredModel) -> None:
        """A registered model with its versions."""

    def finish(self) -> None:
        """All came."""


class Exporter:
    """Exports a server.

    Args:
        client: Of the server.
        target: Where to.
        choice: What.
        problems: What MLflow has no place for.
        watcher: Called with the counts so far.
    """

    def __init__(
        self,
        client: Client,
        target: ExportTarget,
        choice: Choice,
        problems: Problems,
        watcher: Callable[[Counter[str]], None] = lambda counts: None,
    ) -> None:
        self._client = client
        self._target = target
        self._choice = choice
        self._problems = problems
        self._watcher = watcher
        self.counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """Does it. Returns the counts of what was exported.

        Raises:
            ValueError: There is no experiment of a name that was asked for.
            MilepostError: The server does not answer.
        """
        for experiment in self._experiments():
            self._experiment(experiment)
        if not self._choice.experiments:
            for model in self._client.registered_models.list(order_by="name ASC"):
                self._registered_model(model.proto)
        self._target.finish()
        return self.counts

    def _experiments(self) -> Sequence[pb.Experiment]:
        view = "all" if self._choice.include_deleted else "active"
        found = [one.proto for one in self._client.experiments.list(view=view, order_by="create_time ASC")]  # type: ignore[arg-type]
        missing = set(self._choice.experiments) - {one.name for one in found}
        if missing:
            raise ValueError(f"there is no experiment {', '.join(map(repr, sorted(missing)))}.")
        return [one for one in found if not self._choice.experiments or one.name in self._choice.experiments]

    def _experiment(self, given: pb.Experiment) -> None:
        made = unmapping.experiment(given)
        self._target.experiment(made)
        self._counted("experiments")
        view = "all" if self._choice.include_deleted else "active"
        for run in self._client.runs.list([given.experiment_id], view=view, order_by="start_time ASC"):  # type: ignore[arg-type]
            if HOLDS_MODEL not in run.proto.tags:
                self._run(run.proto)
        for model in self._models(given.experiment_id):
            self._logged_model(model)
        self._target.end_experiment(made)

    def _run(self, given: pb.Run) -> None:
        made = unmapping.run(given)
        self._counted("runs", params=len(given.params), tags=len(made.tags), datasets=len(made.datasets))
        count = sum(summary.count for summary in given.metrics.values())
        if self._target.run(made):
            for points in stored_points(self._client, given.run_id) if count else ():
                self._target.points(points)
            self._files(Owner(given.experiment_id, given.run_id), "")
            self._target.end_run(made)
        self._counted("points", count)

    def _models(self, experiment_id: str) -> Sequence[pb.LoggedModel]:
        view = "all" if self._choice.include_deleted else "active"
        found = self._client.logged_models.list([experiment_id], view=view)  # type: ignore[arg-type]
        return sorted((one.proto for one in found), key=lambda one: one.create_time.ToNanoseconds())

    def _logged_model(self, given: pb.LoggedModel) -> None:
        made = unmapping.logged_model(given)
        self._counted("logged_models", params=len(given.params), tags=len(made.tags), model_metrics=len(given.metrics))
        if self._target.logged_model(made):
            if ARTIFACT_URI not in given.tags:
                owner = Owner(given.experiment_id, given.run_id, given.model_id)
                self._files(owner, f"models/{given.model_id}")
            self._target.end_logged_model(made)

    def _files(self, owner: Owner, folder: str) -> None:
        for artifact in self._client.artifacts.list(owner.run_id, folder, recursive=True):
            of_model = _MODEL_FILE.fullmatch(artifact.path)
            if of_model and not owner.model_id:
                continue  # comes with the logged model
            path = of_model[2] if of_model else artifact.path

            def fetch(target: Path, source: str = artifact.path) -> None:
                self._client.artifacts.download(owner.run_id, source, target)  # appears when it is complete

            self._target.file(owner, artifact, path, fetch)
            self._counted("artifacts", artifact_bytes=artifact.size)

    def _registered_model(self, given: pb.RegisteredModel) -> None:
        versions = [one.proto for one in self._client.model_versions.list(given.name, order_by="version ASC")]
        made = unmapping.registered_model(given, versions)
        self._target.registered_model(made)
        tags = len(given.tags) + sum(len(one.tags) for one in made.versions)
        self._counted("registered_models", tags=tags, versions=len(versions), aliases=len(given.aliases))

    def _counted(self, kind: str, count: int = 1, **others: int) -> None:
        self.counts[kind] += count
        self.counts.update(others)
        self._watcher(self.counts)
