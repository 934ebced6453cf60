"""A live server of MLflow as a source, by its REST API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy

from milepost.migration.files import FileTree, SourceFile, is_safe, open_tree, temporary
from milepost.migration.mlflow import _server_registry
from milepost.migration.mlflow._server_entities import experiment, logged_model, run
from milepost.migration.mlflow.entities import Experiment, LoggedModel, RegisteredModel, Run, Webhook
from milepost.migration.mlflow.locations import PROXY_SCHEME, ArtifactMode, Locations, local_path, proxy_path, scheme_of
from milepost.migration.mlflow.rest import API, ARTIFACTS, Json, MlflowRefused, Rest, artifact_path
from milepost.migration.report import Problems
from milepost.migration.source import Points, Totals

_PAGE = 1000
_MODELS = 50
_POINTS = 25_000
_DEEPEST = 60


class ServerStore:
    """A server of MLflow; see `MlflowStore`. What is deleted there is given as far as the API shows it.

    Args:
        url: Its URL, perhaps with user and password.
        problems: Where to say what could not be read.
        locations: Where artifacts are to be found that the server does not hand out.

    Raises:
        ValueError: It is no server of MLflow.
        ConnectionError: It does not answer.
    """

    def __init__(self, url: str, problems: Problems, locations: Locations) -> None:
        self._rest = Rest(url)
        self._locations = locations
        self.problems = problems
        self.location = self._rest.location
        self.version = _server_registry.version(self._rest)
        self._rest.post(f"{API}/experiments/search", {"max_results": 1})

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        request = {"max_results": _PAGE, "view_type": "ALL"}
        found = map(experiment, self._rest.pages(f"{API}/experiments/search", request, "experiments", post=True))
        return iter(sorted(found, key=lambda one: (len(one.experiment_id), one.experiment_id)))

    def totals(self, experiment_ids: Sequence[str]) -> Totals:
        """Nothing: the API counts nothing."""
        return Totals()

    def runs(self, experiment_id: str) -> Iterator[Sequence[Run]]:
        """The runs of an experiment by their start, which is before that of their children."""
        request = {
            "experiment_ids": [experiment_id],
            "run_view_type": "ALL",
            "max_results": _PAGE,
            "order_by": ["attributes.start_time ASC"],
        }
        page: list[Run] = []
        for found in self._rest.pages(f"{API}/runs/search", request, "runs", post=True):
            page.append(run(found))
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page

    def points(self, runs: Sequence[Run]) -> Iterator[Points]:
        """All points of some runs: a call for each metric, or more."""
        for one in runs:
            for key in one.metric_keys:
                yield from self._history(one.run_id, key)

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModel]:
        """The logged models of an experiment, without deleted ones, which the API does not list."""
        request = {"experiment_ids": [experiment_id], "max_results": _MODELS}
        try:
            yield from map(logged_model, self._rest.pages(f"{API}/logged-models/search", request, "models", post=True))
        except MlflowRefused as error:
            if not error.missing:
                raise  # servers before MLflow 3 have none

    def registered_models(self) -> Iterator[RegisteredModel]:
        """All registered models. Numbers of deleted versions beyond the last are not known."""
        return _server_registry.registered_models(self._rest)

    def webhooks(self) -> Iterator[Webhook]:
        """All webhooks."""
        return _server_registry.webhooks(self._rest)

    def files(self, uri: str, default: Sequence[str]) -> FileTree | None:
        """The files that the server hands out, and when all are to be copied those elsewhere."""
        path = proxy_path(uri) if scheme_of(uri) == PROXY_SCHEME else None
        if path is not None and not self._locations.artifact_root:
            return ProxyTree(self._rest, path)
        if path is None and local_path(uri) is not None and self._locations.mode is not ArtifactMode.COPY:
            return None  # a path of the server's machine, which need not be this one
        found = self._locations.resolve(uri)
        return None if found is None else open_tree(found)

    def close(self) -> None:
        """Ends the connection."""
        self._rest.close()

    def _history(self, run_id: str, key: str) -> Iterator[Points]:
        request = {"run_id": run_id, "run_uuid": run_id, "metric_key": key, "max_results": _POINTS}
        rows: list[Json] = []
        for found in self._rest.pages(f"{API}/metrics/get-history", request, "metrics", post=False):
            rows.append(found)
            if len(rows) == _POINTS:
                yield _points(run_id, key, rows)
                rows = []
        if rows:
            yield _points(run_id, key, rows)


class ProxyTree:
    """A folder of artifacts that a server hands out.

    Args:
        rest: The server.
        path: Of the folder, below the root of the server's artifacts.
    """

    def __init__(self, rest: Rest, path: str) -> None:
        self.location = f"{PROXY_SCHEME}:/{path}"
        self._rest = rest
        self._path = path

    def exists(self) -> bool:
        """True: a folder without files is not told from one that is not there."""
        return True

    def files(self, what: str, problems: Problems) -> Iterator[SourceFile]:
        """All files."""
        return self._below("", what, problems, 0)

    @contextmanager
    def local(self, file: SourceFile) -> Iterator[Path]:
        """The file, downloaded."""
        with temporary() as target:
            self._rest.download(artifact_path(f"{self._path}/{file.path}"), target)
            if target.stat().st_size != file.size:
                raise OSError(f"{target.stat().st_size} bytes came of {file.size}")
            yield target

    def _below(self, folder: str, what: str, problems: Problems, depth: int) -> Iterator[SourceFile]:
        asked = f"{self._path}/{folder}" if folder else self._path
        for entry in self._rest.get(ARTIFACTS, {"path": asked}).get("files") or ():
            name = str(entry.get("path", ""))
            path = f"{folder}/{name}" if folder else name
            if not is_safe(name) or depth > _DEEPEST:
                problems.add(what, f"artifacts {path}", "is no relative path; left out.")
            elif entry.get("is_dir"):
                yield from self._below(path, what, problems, depth + 1)
            else:
                yield SourceFile(path, int(entry.get("file_size") or 0))


def _points(run_id: str, key: str, rows: Sequence[Json]) -> Points:
    return Points(
        run_id,
        [key],
        numpy.zeros(len(rows), numpy.intp),
        numpy.array([int(row.get("step") or 0) for row in rows], numpy.int64),
        numpy.array([int(row.get("timestamp") or 0) for row in rows], numpy.int64),
        numpy.array([float(row.get("value", 0.0)) for row in rows], numpy.float64),
    )
