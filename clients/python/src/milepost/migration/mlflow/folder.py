"""A folder `mlruns` as a source: MLflow's file store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from milepost.migration.files import FileTree, LocalTree, open_tree
from milepost.migration.mlflow import _folder_points, _folder_registry
from milepost.migration.mlflow._folder_files import FolderFiles, Meta, integer, text
from milepost.migration.mlflow._order import parents_first
from milepost.migration.mlflow.entities import DatasetInput, Experiment, LoggedModel, RegisteredModel, Run, Webhook
from milepost.migration.mlflow.locations import ArtifactMode, Locations, local_path
from milepost.migration.mlflow.mapping import PARENT
from milepost.migration.report import Problems
from milepost.migration.source import Points, Totals

_RUNS_AT_ONCE = 200
_TRASH = ".trash"
_NOT_EXPERIMENTS = frozenset({_TRASH, "models"})
_NOT_RUNS = frozenset({"tags", "datasets", "traces", "models"})
_STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_MODEL_STATUS = {"1": "PENDING", "2": "READY", "3": "FAILED"}
_OUTSIDE = "artifact folders outside of the imported folder, which are referenced; `--artifacts copy` copies them"


class FolderStore:
    """A folder in which MLflow keeps its entities as files; see `MlflowStore`.

    Args:
        root: The folder.
        problems: Where to say what could not be read.
        locations: Where artifacts are to be found.

    Raises:
        ValueError: It is no such folder.
    """

    version = ""

    def __init__(self, root: Path, problems: Problems, locations: Locations) -> None:
        self._root = root.resolve()
        self._locations = locations
        self._files = FolderFiles(self._root, problems)
        self.problems = problems
        self.location = str(root)
        self._folders = {path.name: path for path in self._experiment_folders()}
        if not self._folders and not (self._root / "models").is_dir():
            raise ValueError(f"{root} is no folder of MLflow: nothing in it has a meta.yaml.")

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        for name, folder in sorted(self._folders.items(), key=lambda item: (len(item[0]), item[0])):
            meta = self._files.meta(folder)
            if meta is None:
                continue
            if text(meta, "experiment_id") not in ("", name):
                self._files.refuse(
                    folder, f"says that it is experiment {text(meta, 'experiment_id')}; imported as {name}."
                )
            yield Experiment(
                experiment_id=name,
                name=text(meta, "name"),
                artifact_location=text(meta, "artifact_location"),
                deleted=text(meta, "lifecycle_stage") == "deleted" or folder.parent.name == _TRASH,
                create_ms=integer(meta, "creation_time"),
                update_ms=integer(meta, "last_update_time"),
                tags=self._files.texts(folder / "tags"),
            )

    def totals(self, experiment_ids: Sequence[str]) -> Totals:
        """The number of runs."""
        return Totals(sum(1 for name in experiment_ids for _ in self._run_folders(name)))

    def runs(self, experiment_id: str) -> Iterator[Sequence[Run]]:
        """The runs of an experiment, 200 at a time."""
        times, parents = {}, {}
        for folder in self._run_folders(experiment_id):
            meta = self._files.meta(folder)
            if meta is None:
                continue
            times[folder.name] = integer(meta, "start_time") or 0
            parent = folder / "tags" / PARENT
            if parent.is_file():
                parents[folder.name] = self._files.texts(folder / "tags").get(PARENT, "")
        ids = parents_first(times, parents)
        for start in range(0, len(ids), _RUNS_AT_ONCE):
            page = (self._run(experiment_id, run_id) for run_id in ids[start : start + _RUNS_AT_ONCE])
            yield [run for run in page if run is not None]

    def points(self, runs: Sequence[Run]) -> Iterator[Points]:
        """All points of some runs."""
        for run in runs:
            folder = self._folders[run.experiment_id] / run.run_id / "metrics"
            yield from _folder_points.points(self._files, run.run_id, folder)

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModel]:
        """The logged models of an experiment."""
        for folder in self._files.folders(self._folders[experiment_id] / "models"):
            meta = self._files.meta(folder)
            if meta is not None:
                model = _logged_model(folder.name, experiment_id, meta)
                model.params = self._files.texts(folder / "params")
                model.tags = self._files.texts(folder / "tags")
                model.metrics = _folder_points.model_metrics(self._files, folder / "metrics")
                yield model

    def registered_models(self) -> Iterator[RegisteredModel]:
        """All registered models."""
        return _folder_registry.registered_models(self._files)

    def webhooks(self) -> Iterator[Webhook]:
        """None: folders have no webhooks."""
        return iter(())

    def files(self, uri: str, default: Sequence[str]) -> FileTree | None:
        """The files of a run or a model: those of this folder, wherever it was when they were written."""
        own = self._folders[default[0]].joinpath(*default[1:])
        path = local_path(uri)
        inside = path is not None and path.resolve().is_relative_to(self._root)
        if own.is_dir() or inside or (path is not None and not path.exists()):
            return LocalTree(path if inside and not own.is_dir() and path is not None else own)
        if path is not None and self._locations.mode is not ArtifactMode.COPY:
            self.problems.note(_OUTSIDE)
            return None
        found = self._locations.resolve(uri, self._root)
        return None if found is None else open_tree(found)

    def close(self) -> None:
        """Nothing is open."""

    def _experiment_folders(self) -> Iterator[Path]:
        for parent in (self._root, self._root / _TRASH):
            for path in self._files.folders(parent):
                if path.name not in _NOT_EXPERIMENTS and (path / "meta.yaml").is_file():
                    yield path

    def _run_folders(self, experiment_id: str) -> Iterator[Path]:
        for path in self._files.folders(self._folders[experiment_id]):
            if path.name not in _NOT_RUNS and (path / "meta.yaml").is_file():
                yield path

    def _run(self, experiment_id: str, run_id: str) -> Run | None:
        experiment = self._folders[experiment_id]
        folder = experiment / run_id
        meta = self._files.meta(folder)
        if meta is None:
            return None
        named = text(meta, "run_id", "run_uuid")
        if named not in ("", run_id):
            self._files.refuse(folder, f"says that it is run {named}; imported as {run_id}.")
        run = _run(run_id, experiment_id, meta)
        run.params, run.tags = self._files.texts(folder / "params"), self._files.texts(folder / "tags")
        for use in self._files.folders(folder / "inputs"):
            self._add_input(run, experiment, self._files.meta(use) or {})
        for made in self._files.folders(folder / "outputs"):
            output = self._files.meta(made) or {}
            run.model_outputs.append((text(output, "destination_id") or made.name, integer(output, "step") or 0))
        return run

    def _add_input(self, run: Run, experiment: Path, meta: Meta) -> None:
        source = text(meta, "source_id")
        if text(meta, "source_type") != "DATASET":
            run.model_inputs.append(source)
            return
        # The id is a name from a file: it must be one of a folder.
        described = self._files.meta(experiment / "datasets" / source) if source.isalnum() else None
        if described is None:
            self.problems.add(f"run {run.run_id}", "datasets", f"dataset {source!r} is missing; left out.")
            return
        tags = meta.get("tags")
        run.datasets.append(
            DatasetInput(
                name=text(described, "name"),
                digest=text(described, "digest"),
                source_type=text(described, "source_type"),
                source=text(described, "source"),
                schema=text(described, "schema"),
                profile=text(described, "profile"),
                tags={str(key): text(tags, key) for key in tags} if isinstance(tags, dict) else {},
            )
        )


def _run(run_id: str, experiment_id: str, meta: Meta) -> Run:
    status = text(meta, "status")
    return Run(
        run_id=run_id,
        experiment_id=experiment_id,
        name=text(meta, "run_name", "name"),
        status=_STATUS.get(status, status),
        start_ms=integer(meta, "start_time"),
        end_ms=integer(meta, "end_time"),
        deleted=text(meta, "lifecycle_stage") == "deleted",
        delete_ms=integer(meta, "deleted_time"),
        user=text(meta, "user_id"),
        artifact_uri=text(meta, "artifact_uri"),
    )


def _logged_model(model_id: str, experiment_id: str, meta: Meta) -> LoggedModel:
    return LoggedModel(
        model_id=model_id,
        experiment_id=experiment_id,
        name=text(meta, "name"),
        artifact_location=text(meta, "artifact_location"),
        status=_MODEL_STATUS.get(text(meta, "status"), "PENDING"),
        status_message=text(meta, "status_message"),
        model_type=text(meta, "model_type"),
        source_run_id=text(meta, "source_run_id"),
        deleted=text(meta, "lifecycle_stage") == "deleted",
        create_ms=integer(meta, "creation_timestamp"),
        update_ms=integer(meta, "last_updated_timestamp"),
    )
