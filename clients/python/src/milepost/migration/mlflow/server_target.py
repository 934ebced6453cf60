"""A live server of MLflow as the target of an export, by its REST API.

It gives out ids and times of its own: the run that each came from is in its tag `milepost.run_id`. Runs that an export
has finished are not sent again; one that it did not finish is deleted and sent anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from milepost import v1 as pb
from milepost.migration.files import temporary
from milepost.migration.mlflow import entities
from milepost.migration.mlflow._server_entities import run as run_of
from milepost.migration.mlflow._server_target_registry import RegistryTarget
from milepost.migration.mlflow.exporting import Owner
from milepost.migration.mlflow.locations import PROXY_SCHEME, proxy_path, scheme_of
from milepost.migration.mlflow.mapping import NOTE, PARENT, RUN_NAME
from milepost.migration.mlflow.rest import API, Json, MlflowRefused, Rest, artifact_path
from milepost.migration.report import Problems
from milepost.migration.source import Points

RUN_ID_TAG = "milepost.run_id"
MODEL_ID_TAG = "milepost.model_id"
COMPLETE_TAG = "milepost.exported"

_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 1000, 100
_MODEL_STATUS = {"READY": "LOGGED_MODEL_READY", "FAILED": "LOGGED_MODEL_UPLOAD_FAILED"}

Item = TypeVar("Item")


class ServerTarget:
    """See `ExportTarget`.

    Args:
        url: URL of the server.
        problems: What it does not take.

    Raises:
        ConnectionError: It does not answer.
        ValueError: It is no server of MLflow.
    """

    def __init__(self, url: str, problems: Problems) -> None:
        self._rest = Rest(url)
        self._rest.post(f"{API}/experiments/search", {"max_results": 1})
        self._problems = problems
        self.location = self._rest.location
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, Json] = {}
        self._models: dict[str, Json] = {}
        self._deleted: list[tuple[str, Json]] = []
        self._linked: list[entities.Run] = []
        self._joined: dict[str, frozenset[str]] = {}
        self._registry = RegistryTarget(self._rest, problems, self._places)

    def experiment(self, given: entities.Experiment) -> None:
        """Makes it, or takes the one of its name."""
        try:
            found = self._rest.get(f"{API}/experiments/get-by-name", {"experiment_name": given.name})["experiment"]
        except MlflowRefused as error:
            if not error.missing:
                raise
            found = self._rest.post(f"{API}/experiments/create", {"name": given.name})
        experiment_id = str(found["experiment_id"])
        if found.get("lifecycle_stage") == "deleted":
            self._rest.post(f"{API}/experiments/restore", {"experiment_id": experiment_id})
        self._experiments[given.experiment_id] = experiment_id
        for key, value in given.tags.items():
            body = {"experiment_id": experiment_id, "key": key, "value": value}
            self._try(f"experiment {given.name}", f"tags.{key}", f"{API}/experiments/set-experiment-tag", body)
        if given.deleted:
            self._deleted.append(("experiments", {"experiment_id": experiment_id}))
        self._find_exported(experiment_id)

    def run(self, given: entities.Run) -> bool:
        """Makes it with params, tags and datasets, unless an export has finished it."""
        if given.model_inputs or given.model_outputs:
            self._linked.append(given)
        if given.deleted:
            self._deleted.append(("runs", {"run_id": given.run_id}))
        if given.run_id in self._runs:
            return False
        tags = {**given.tags, RUN_ID_TAG: given.run_id, RUN_NAME: given.name}
        parent = tags.get(PARENT, "")
        if parent in self._runs:
            tags[PARENT] = str(self._runs[parent]["run_id"])
        first = {key: value for key, value in tags.items() if key in (RUN_ID_TAG, PARENT, NOTE) and value}
        body = {
            "experiment_id": self._experiments[given.experiment_id],
            "run_name": given.name,
            "user_id": given.user,
            "start_time": given.start_ms or 0,
            "tags": _entries(first),
        }
        self._runs[given.run_id] = self._rest.post(f"{API}/runs/create", body)["run"]["info"]
        rest = {key: value for key, value in tags.items() if key not in first and key != RUN_NAME}
        for some in _parts(_entries(given.params), _PARAMS_AT_ONCE):
            self._batch(given.run_id, "params", some)
        for some in _parts(_entries(rest), _PARAMS_AT_ONCE):
            self._batch(given.run_id, "tags", some)
        self._inputs(given)
        return True

    def points(self, points: Points) -> None:
        """Logs points, 1,000 in a request."""
        for series in points.series():
            rows = zip(series.steps, series.timestamps_ms, series.values, strict=True)
            entries = (
                {"key": series.key, "step": step, "timestamp": time, "value": _number(value)}
                for step, time, value in rows
            )
            for some in _parts(entries, _METRICS_AT_ONCE):
                self._batch(points.run_id, "metrics", some)

    def logged_model(self, given: entities.LoggedModel) -> bool:
        """Makes it, unless an export has finished it."""
        if given.model_id in self._models:
            return False
        run = self._runs.get(given.source_run_id)
        body = {
            "experiment_id": self._experiments[given.experiment_id],
            "name": given.name,
            "model_type": given.model_type,
            "source_run_id": str(run["run_id"]) if run else None,
            "params": _entries(given.params),
            "tags": _entries({**given.tags, MODEL_ID_TAG: given.model_id}),
        }
        info = self._rest.post(f"{API}/logged-models", body)["model"]["info"]
        self._models[given.model_id] = info
        for metric in given.metrics:
            of_run = self._runs.get(metric.run_id)
            if of_run is None:
                self._problems.add(
                    f"logged model {given.model_id}", f"metrics.{metric.key}", "its run is not exported."
                )
                continue
            entry = {
                "key": metric.key,
                "step": metric.step,
                "timestamp": metric.timestamp_ms,
                "value": _number(metric.value),
                "model_id": info["model_id"],
                "dataset_name": metric.dataset_name or None,
                "dataset_digest": metric.dataset_digest or None,
            }
            self._batch(metric.run_id, "metrics", [{key: value for key, value in entry.items() if value is not None}])
        return True

    def file(self, owner: Owner, artifact: pb.Artifact, path: str, fetch: Callable[[Path], None]) -> None:
        """Sends a file through the server's proxy of artifacts."""
        info = self._models[owner.model_id] if owner.model_id else self._runs[owner.run_id]
        root = str(info.get("artifact_uri", ""))
        place = proxy_path(root) if scheme_of(root) == PROXY_SCHEME else None
        if place is None:
            self._problems.add(
                str(owner), f"artifacts {path}", f"{root} is no place that the server takes files for; left out."
            )
            return
        with temporary() as local:
            fetch(local)
            self._rest.upload(artifact_path(f"{place}/{path}"), local)

    def end_run(self, given: entities.Run) -> None:
        """Sets its status and end."""
        run_id = str(self._runs[given.run_id]["run_id"])
        tag = {"run_id": run_id, "key": COMPLETE_TAG, "value": "true"}
        self._rest.post(f"{API}/runs/set-tag", tag)
        self._rest.post(f"{API}/runs/update", {"run_id": run_id, "status": given.status, "end_time": given.end_ms})

    def end_logged_model(self, given: entities.LoggedModel) -> None:
        """Makes it ready, or failed."""
        model_id = str(self._models[given.model_id]["model_id"])
        path = f"{API}/logged-models/{model_id}"
        tags = {"model_id": model_id, "tags": _entries({COMPLETE_TAG: "true"})}
        self._rest.post(f"{path}/tags", tags, verb="PATCH")
        status = _MODEL_STATUS.get(given.status)
        if status:
            self._rest.post(path, {"model_id": model_id, "status": status}, verb="PATCH")

    def end_experiment(self, given: entities.Experiment) -> None:
        """Joins runs with the models that they used and made."""
        for run in self._linked:
            what, run_id = f"run {run.run_id}", str(self._runs[run.run_id]["run_id"])
            there = self._joined.get(run_id, frozenset())
            inputs = [{"model_id": one} for one in map(self._model_id, run.model_inputs) if one and one not in there]
            made = [(self._model_id(one), step) for one, step in run.model_outputs]
            outputs = [{"model_id": one, "step": step} for one, step in made if one and one not in there]
            if inputs:
                self._try(what, "model_inputs", f"{API}/runs/log-inputs", {"run_id": run_id, "models": inputs})
            if outputs:
                self._try(what, "model_outputs", f"{API}/runs/outputs", {"run_id": run_id, "models": outputs})
        self._linked = []

    def registered_model(self, given: entities.RegisteredModel) -> None:
        """Makes it with its versions, under their numbers."""
        self._registry.registered_model(given)

    def finish(self) -> None:
        """Deletes what is deleted in the source: runs first."""
        for kind, body in sorted(self._deleted, key=lambda one: one[0], reverse=True):
            if kind == "runs":
                body = {"run_id": self._runs[body["run_id"]]["run_id"]}
            self._rest.post(f"{API}/{kind}/delete", body)
        self._rest.close()

    def _find_exported(self, experiment_id: str) -> None:
        """Learns what earlier exports have made of an experiment, and removes what they have not finished."""
        request = {"experiment_ids": [experiment_id], "run_view_type": "ALL", "max_results": 1000}
        for found in [*self._rest.pages(f"{API}/runs/search", request, "runs", post=True)]:
            info, tags = found["info"], _values(found.get("data", {}).get("tags"))
            if RUN_ID_TAG in tags and COMPLETE_TAG in tags:
                self._runs[tags[RUN_ID_TAG]] = info
                edges = run_of(found)
                models = (*edges.model_inputs, *(model_id for model_id, _ in edges.model_outputs))
                self._joined[edges.run_id] = frozenset(models)
                if info.get("lifecycle_stage") == "deleted":
                    self._rest.post(f"{API}/runs/restore", {"run_id": info["run_id"]})
            elif RUN_ID_TAG in tags and info.get("lifecycle_stage") != "deleted":
                self._rest.post(f"{API}/runs/delete", {"run_id": info["run_id"]})
        request = {"experiment_ids": [experiment_id], "max_results": 50}
        for found in [*self._rest.pages(f"{API}/logged-models/search", request, "models", post=True)]:
            info = found["info"]
            tags = _values(info.get("tags"))
            if MODEL_ID_TAG in tags and COMPLETE_TAG in tags:
                self._models[tags[MODEL_ID_TAG]] = info

    def _model_id(self, given: str) -> str:
        """The id of a model on the server; empty when it is not exported."""
        return str(self._models[given]["model_id"]) if given in self._models else ""

    def _places(self, version: entities.ModelVersion) -> Json | None:
        """What a new version is made of; None when its files are not there."""
        if version.model_id:
            model = self._models.get(version.model_id)
            if model is None:
                return None
            model_id = str(model["model_id"])
            return {"source": f"models:/{model_id}", "model_id": model_id, "run_id": model.get("source_run_id")}
        prefix = f"runs:/{version.run_id}/"
        if version.run_id and version.source.startswith(prefix):
            run = self._runs.get(version.run_id)
            if run is None:
                return None
            source = f"{run.get('artifact_uri', '')}/{version.source.removeprefix(prefix)}"
            return {"source": source, "run_id": run["run_id"]}
        return {"source": version.source}

    def _inputs(self, given: entities.Run) -> None:
        datasets = [
            {
                "tags": _entries(use.tags),
                "dataset": {
                    "name": use.name,
                    "digest": use.digest,
                    "source_type": use.source_type,
                    "source": use.source,
                    **({"schema": use.schema} if use.schema else {}),
                    **({"profile": use.profile} if use.profile else {}),
                },
            }
            for use in given.datasets
        ]
        if datasets:
            body = {"run_id": str(self._runs[given.run_id]["run_id"]), "datasets": datasets}
            self._try(f"run {given.run_id}", "datasets", f"{API}/runs/log-inputs", body)

    def _batch(self, run_id: str, kind: str, entries: Sequence[Json]) -> None:
        """Logs entries. When they are refused, halves are sent until the culprit is alone."""
        body = {"run_id": self._runs[run_id]["run_id"], kind: entries}
        try:
            self._rest.post(f"{API}/runs/log-batch", body)
        except MlflowRefused as error:
            if error.code != "INVALID_PARAMETER_VALUE":
                raise
            if len(entries) > 1:
                middle = len(entries) // 2
                self._batch(run_id, kind, entries[:middle])
                self._batch(run_id, kind, entries[middle:])
            else:
                self._problems.add(f"run {run_id}", f"{kind}.{entries[0]['key']}", f"refused, left out: {error}")

    def _try(self, what: str, field: str, path: str, body: Json) -> None:
        try:
            self._rest.post(path, body)
        except MlflowRefused as error:
            if error.code != "INVALID_PARAMETER_VALUE":
                raise
            self._problems.add(what, field, f"refused, left out: {error}")


def _entries(values: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _values(entries: Any) -> dict[str, str]:
    return {str(one.get("key")): str(one.get("value")) for one in entries or ()}


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinities: MLflow takes them as text."""
    if value != value:
        return "NaN"
    return ("Infinity" if value > 0 else "-Infinity") if value in (float("inf"), float("-inf")) else value


def _parts(entries: Any, most: int) -> Iterator[list[Json]]:
    rest = iter(entries)
    while some := list(islice(rest, most)):
        yield some
