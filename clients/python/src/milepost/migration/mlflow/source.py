"""A store of MLflow as a source of a migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from milepost import v1 as pb
from milepost.migration.files import FileTree
from milepost.migration.mlflow import entities
from milepost.migration.mlflow.entities import MlflowStore
from milepost.migration.mlflow.locations import ArtifactMode
from milepost.migration.mlflow.mapping import ARTIFACT_URI, LARGEST_FINITE, Mapping
from milepost.migration.mlflow.mapping_registry import RegistryMapping
from milepost.migration.source import LoggedModelRecord, Points, RunRecord, Totals

_CLAMPED = (
    "points whose value is ±1.7976931348623157e308, as databases of MLflow have it in place of infinity; kept as it is"
)
_NO_FOLDER = (
    "runs and logged models without an artifact folder on this machine (MLflow makes it with the first artifact)"
)


class MlflowSource:
    """See `milepost.migration.source.Source`.

    Args:
        store: The store. It is closed with this source.
        mode: What becomes of artifacts.
    """

    def __init__(self, store: MlflowStore, mode: ArtifactMode = ArtifactMode.AUTO) -> None:
        self._store = store
        self._mode = mode
        self._mapping = Mapping(store.problems)
        self._registry = RegistryMapping(store.problems, mode)
        self._run_ids: set[str] = set()
        self.location = store.location
        self.version = store.version
        self.problems = store.problems

    def experiments(self) -> Iterator[pb.Experiment]:
        """All experiments."""
        return map(self._mapping.experiment, self._store.experiments())

    def totals(self, experiments: Sequence[pb.Experiment]) -> Totals:
        """How much there is in some experiments."""
        return self._store.totals([one.experiment_id for one in experiments])

    def runs(self, experiment: pb.Experiment) -> Iterator[Sequence[RunRecord]]:
        """The runs of an experiment. A parent that is not among them stays a tag."""
        self._run_ids = set()
        for page in self._store.runs(experiment.experiment_id):
            records = []
            for run in page:
                records.append(self._record(run))
                self._run_ids.add(run.run_id)
            yield records

    def points(self, runs: Sequence[RunRecord]) -> Iterator[Points]:
        """All points of some runs."""
        origins = [record.origin for record in runs if isinstance(record.origin, entities.Run)]
        for points in self._store.points(origins):
            clamped = int((abs(points.values) == LARGEST_FINITE).sum())
            if clamped:
                self.problems.note(_CLAMPED, clamped)
            yield points

    def logged_models(self, experiment: pb.Experiment) -> Iterator[LoggedModelRecord]:
        """The logged models of the experiment whose runs were read last."""
        for given in self._store.logged_models(experiment.experiment_id):
            of_run = given.source_run_id in self._run_ids
            model = self._mapping.logged_model(given, given.source_run_id if of_run else given.model_id)
            if given.source_run_id and not of_run:
                self.problems.add(
                    f"logged model {given.model_id}",
                    "source_run_id",
                    f"run {given.source_run_id} is not in its experiment; a run was made that holds the model.",
                )
            files = self._files(
                given.artifact_location, (given.experiment_id, "models", given.model_id, "artifacts"), model.tags
            )
            holder = None if of_run else self._mapping.holder(given)
            yield LoggedModelRecord(model, files, holder)

    def registered_models(self) -> Iterator[pb.ImportedRegisteredModel]:
        """All registered models."""
        return map(self._registry.registered_model, self._store.registered_models())

    def webhooks(self) -> Iterator[pb.Webhook]:
        """All webhooks."""
        return map(self._registry.webhook, self._store.webhooks())

    def close(self) -> None:
        """Closes the store."""
        self._store.close()

    def _record(self, run: entities.Run) -> RunRecord:
        made = self._mapping.run(run, self._run_ids)
        files = self._files(run.artifact_uri, (run.experiment_id, run.run_id, "artifacts"), made.tags)
        return RunRecord(made, files, origin=run)

    def _files(self, uri: str, default: Sequence[str], tags: object) -> FileTree | None:
        """The files to copy; those that are not copied are referenced by a tag."""
        if self._mode is ArtifactMode.SKIP or not uri:
            return None
        tree = None if self._mode is ArtifactMode.REFERENCE else self._store.files(uri, default)
        if tree is None:
            tags[ARTIFACT_URI] = uri  # type: ignore[index]  # a map of protobuf
        elif not tree.exists():
            self.problems.note(_NO_FOLDER)
        return tree
