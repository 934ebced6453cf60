"""A folder `mlruns` as the target of an export: MLflow's file store, with ids and times as they are."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from milepost import v1 as pb
from milepost._digests import sha256_of
from milepost.migration.mlflow import entities
from milepost.migration.mlflow.exporting import Owner
from milepost.migration.report import Problems
from milepost.migration.source import Points

MARKER = ".milepost-export"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# What MLflow lets a key be when it reads one.
_KEY = re.compile(r"[/\w.\- :]+")
_LONGEST_NAME = 255
_STATUS = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
_MODEL_STATUS = {"PENDING": 1, "READY": 2, "FAILED": 3}


class FolderTarget:
    """See `ExportTarget`. Files that are there with the same content stay; all others are written anew.

    Args:
        root: A folder that is empty, not there, or of an earlier export.
        problems: Where keys go that cannot be names of files.

    Raises:
        ValueError: The folder has something else in it.
    """

    def __init__(self, root: Path, problems: Problems) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()
        self._problems = problems
        self.location = str(root)
        marker = self._root / MARKER
        if not marker.exists() and any(self._root.iterdir()):
            raise ValueError(f"{root} is not empty. Export to a new folder.")
        marker.write_text("An export of Milepost in MLflow's file format.\n")
        self._experiments: dict[str, Path] = {}
        self._begun: set[Path] = set()

    def experiment(self, given: entities.Experiment) -> None:
        """Writes it; a deleted one goes to `.trash`."""
        parent = self._root / ".trash" if given.deleted else self._root
        folder = self._experiments[given.experiment_id] = parent / given.experiment_id
        meta = {
            "artifact_location": str(folder),
            "creation_time": given.create_ms,
            "experiment_id": given.experiment_id,
            "last_update_time": given.update_ms,
            "lifecycle_stage": _stage(given.deleted),
            "name": given.name,
        }
        _write_meta(folder, meta)
        self._texts(f"experiment {given.experiment_id}", folder / "tags", given.tags)

    def run(self, given: entities.Run) -> bool:
        """Writes all but its points and files."""
        folder = self._run_folder(given.experiment_id, given.run_id)
        what = f"run {given.run_id}"
        meta: dict[str, Any] = {
            "artifact_uri": given.artifact_uri or str(folder / "artifacts"),
            "deleted_time": given.delete_ms,
            "end_time": given.end_ms,
            "entry_point_name": "",
            "experiment_id": given.experiment_id,
            "lifecycle_stage": _stage(given.deleted),
            "run_id": given.run_id,
            "run_name": given.name,
            "run_uuid": given.run_id,
            "source_name": "",
            "source_type": 4,
            "source_version": "",
            "start_time": given.start_ms,
            "status": _STATUS[given.status],
            "tags": [],
            "user_id": given.user,
        }
        _write_meta(folder, meta)
        for name in ("metrics", "artifacts"):
            (folder / name).mkdir(exist_ok=True)
        self._texts(what, folder / "params", given.params)
        self._texts(what, folder / "tags", given.tags)
        self._inputs(given, folder)
        for model_id, step in given.model_outputs:
            edge = {"source_type": "RUN_OUTPUT", "source_id": model_id, "destination_type": "MODEL_OUTPUT"}
            _write_meta(folder / "outputs" / model_id, {**edge, "destination_id": model_id, "step": step, "tags": {}})
        return True

    def points(self, points: Points) -> None:
        """Appends lines; the file of a metric is begun anew."""
        for series in points.series():
            columns = zip(series.timestamps_ms, series.values, series.steps, strict=True)
            lines = "".join(f"{time} {value!r} {step}\n" for time, value, step in columns)
            what = f"run {points.run_id}"
            path = self._place(what, self._open_run / "metrics", series.key)
            if path is not None:
                self._append(path, lines)

    def logged_model(self, given: entities.LoggedModel) -> bool:
        """Writes all but its files."""
        folder = self._model_folder(given.experiment_id, given.model_id)
        what = f"logged model {given.model_id}"
        meta = {
            "artifact_location": given.artifact_location or str(folder / "artifacts"),
            "creation_timestamp": given.create_ms,
            "experiment_id": given.experiment_id,
            "last_updated_timestamp": given.update_ms,
            "model_id": given.model_id,
            "model_type": given.model_type or None,
            "name": given.name,
            "source_run_id": given.source_run_id or None,
            "status": _MODEL_STATUS[given.status],
            "status_message": given.status_message or None,
        }
        _write_meta(folder, {**meta, "lifecycle_stage": "deleted"} if given.deleted else meta)
        self._texts(what, folder / "params", given.params)
        self._texts(what, folder / "tags", given.tags)
        (folder / "metrics").mkdir(exist_ok=True)
        for metric in given.metrics:
            place = self._place(what, folder / "metrics", metric.key)
            if place is not None:
                named = f" {metric.dataset_name} {metric.dataset_digest}" if metric.dataset_name else ""
                line = f"{metric.timestamp_ms} {metric.value!r} {metric.step} {metric.run_id}{named}\n"
                if len(line.split()) == 4 + 2 * bool(metric.dataset_name):
                    self._append(place, line)
                else:
                    self._problems.add(what, f"metrics.{metric.key}", "has a dataset whose name has spaces; left out.")
        return True

    def file(self, owner: Owner, artifact: pb.Artifact, path: str, fetch: Callable[[Path], None]) -> None:
        """Writes a file, unless it is there."""
        if owner.model_id:
            target = self._model_folder(owner.experiment_id, owner.model_id) / "artifacts" / path
        else:
            target = self._run_folder(owner.experiment_id, owner.run_id) / "artifacts" / path
        there = target.is_file() and target.stat().st_size == artifact.size
        if not there or sha256_of(target) != artifact.sha256:
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch(target)

    def end_run(self, given: entities.Run) -> None:
        """Nothing: all is written."""

    def end_logged_model(self, given: entities.LoggedModel) -> None:
        """Nothing: all is written."""

    def end_experiment(self, given: entities.Experiment) -> None:
        """Nothing: all is written."""

    def registered_model(self, given: entities.RegisteredModel) -> None:
        """Writes it with its versions."""
        folder = self._root / "models" / given.name
        if len(given.name.encode()) > _LONGEST_NAME:
            self._problems.add(f"registered model {given.name}", "name", "is no name of a folder: too long; left out.")
            return
        meta = {
            "aliases": {alias: str(number) for alias, number in given.aliases.items()},
            "creation_timestamp": given.create_ms,
            "description": given.description or None,
            "last_updated_timestamp": given.update_ms,
            "name": given.name,
        }
        what = f"registered model {given.name}"
        _write_meta(folder, meta)
        self._texts(what, folder / "tags", given.tags)
        self._texts(what, folder / "aliases", {alias: str(number) for alias, number in given.aliases.items()})
        for version in given.versions:
            self._version(folder / f"version-{version.version}", version)

    def finish(self) -> None:
        """Nothing: all is written."""

    def _version(self, folder: Path, given: entities.ModelVersion) -> None:
        meta = {
            "creation_timestamp": given.create_ms,
            "current_stage": given.stage,
            "description": given.description or None,
            "last_updated_timestamp": given.update_ms,
            "model_id": given.model_id or None,
            "name": given.name,
            "run_id": given.run_id or None,
            "run_link": given.run_link or None,
            "source": given.source,
            "status": given.status,
            "status_message": given.status_message or None,
            "storage_location": self._storage(given),
            "user_id": given.user or None,
            "version": given.version,
        }
        _write_meta(folder, meta)
        self._texts(f"version {given.version} of {given.name}", folder / "tags", given.tags)

    def _storage(self, given: entities.ModelVersion) -> str:
        """Where the files of a version are in this folder, else its source."""
        if given.model_id:
            found = [
                *self._root.glob(f"*/models/{given.model_id}"),
                *self._root.glob(f".trash/*/models/{given.model_id}"),
            ]
            return str(found[0] / "artifacts") if found else given.source
        prefix = f"runs:/{given.run_id}/"
        if given.run_id and given.source.startswith(prefix):
            found = [*self._root.glob(f"*/{given.run_id}"), *self._root.glob(f".trash/*/{given.run_id}")]
            return str(found[0] / "artifacts" / given.source.removeprefix(prefix)) if found else given.source
        return given.source

    def _inputs(self, given: entities.Run, folder: Path) -> None:
        for use in given.datasets:
            name = _digest(use.name, use.digest)
            described = {
                "digest": use.digest,
                "name": use.name,
                "profile": use.profile or None,
                "schema": use.schema or None,
                "source": use.source,
                "source_type": use.source_type,
            }
            _write_meta(self._experiments[given.experiment_id] / "datasets" / name, described)
            edge = {"source_type": "DATASET", "source_id": name, "destination_type": "RUN", "destination_id": name}
            context = use.tags.get("mlflow.data.context", "")
            _write_meta(folder / "inputs" / _digest(name, given.run_id, context), {**edge, "tags": use.tags})
        for model_id in given.model_inputs:
            edge = {"source_type": "MODEL", "source_id": model_id, "destination_type": "RUN"}
            meta = {**edge, "destination_id": model_id, "tags": {}}
            _write_meta(folder / "inputs" / _digest(model_id, given.run_id), meta)

    def _run_folder(self, experiment_id: str, run_id: str) -> Path:
        self._open_run = self._experiments[experiment_id] / run_id
        return self._open_run

    def _model_folder(self, experiment_id: str, model_id: str) -> Path:
        return self._experiments[experiment_id] / "models" / model_id

    def _texts(self, what: str, folder: Path, values: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in values.items():
            path = self._place(what, folder, key)
            if path is not None:
                path.write_bytes(value.encode())

    def _append(self, path: Path, lines: str) -> None:
        """Appends to a file, which is begun anew the first time."""
        with path.open("a" if path in self._begun else "w", encoding="utf-8") as file:
            file.write(lines)
        self._begun.add(path)

    def _place(self, what: str, folder: Path, key: str) -> Path | None:
        """The file of a key, whose folders are made; None, and said, for a key that cannot be one of MLflow."""
        normal = posixpath.normpath(key)
        wrong = not _KEY.fullmatch(key) or normal != key or key in (".", "..") or key.startswith(("/", "../"))
        wrong = wrong or any(len(part.encode()) > _LONGEST_NAME for part in key.split("/"))
        path = folder / key
        try:
            if wrong:
                raise OSError("MLflow takes no such key")
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise OSError("other keys begin with it and a slash, which is a folder in a file store")
        except OSError as error:
            self._problems.add(what, f"{folder.name}.{key}", f"{error.strerror or error}; left out.")
            return None
        return path


def _write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(dict(meta), Dumper=_DUMPER, default_flow_style=False, allow_unicode=True)
    (folder / "meta.yaml").write_text(text, encoding="utf-8")


def _digest(*parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def _stage(deleted: bool) -> str:
    return "deleted" if deleted else "active"
