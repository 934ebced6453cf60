"""What MLflow's clients log to runs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.errors import invalid_field
from milepost_server.mlflow import tags
from milepost_server.mlflow.native import checked
from milepost_server.mlflow.run_messages import native_input
from milepost_server.services.batches import BatchService
from milepost_server.services.runs import RunService

_read_point = attrgetter("key", "value", "step", "timestamp", "model_id")

Json = TypeVar("Json", dict[str, Any], list[Any])


class RunData:
    """Logs to runs.

    Args:
        runs: Reads them.
        batches: Writes to them.
    """

    def __init__(self, runs: RunService, batches: BatchService) -> None:
        self._runs = runs
        self._batches = batches

    async def log(
        self, run_id: str, points: Iterable[mlflow_pb.Metric], params: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        """Logs points, params and tags, of which some are fields of the run here, in one transaction."""
        given = tags.split(labels)
        batch = pb.LogBatchRequest(
            run_id=run_id,
            tags=given.tags,
            name=given.name or None,  # MLflow passes over an empty one
            description=given.note,
            skip_repeated_points=True,
        )
        for key, value in params.items():
            batch.params[key].string_value = value
        _fill_points(batch, points)
        await self._batches.log_batch(checked(batch))

    async def delete_tag(self, run_id: str, key: str) -> None:
        """Deletes a tag. The name of a run stays, as every run has one."""
        if key == tags.RUN_NAME:
            await self.log(run_id, [], {}, {})  # which refuses what every write to this run would be refused
        elif key == tags.NOTE:
            await self.log(run_id, [], {}, {tags.NOTE: ""})
        else:
            await self._batches.delete_tags(checked(pb.DeleteRunTagsRequest(run_id=run_id, keys=[key])))

    async def note_model(self, run_id: str, model_json: str) -> None:
        """Adds a descriptor to the list of models that MLflow 2 keeps in a tag."""
        model = _parsed(model_json, dict, "model_json", "a JSON object")
        stored = (await self._runs.get(run_id)).tags.get(tags.LOGGED_MODELS, "[]")
        history = _parsed(stored, list, "run_id", f"a run whose tag {tags.LOGGED_MODELS} is a JSON array")
        await self.log(run_id, [], {}, {tags.LOGGED_MODELS: json.dumps([*history, model])})

    async def log_inputs(self, request: mlflow_pb.LogInputsRequest) -> None:
        """Logs what a run uses."""
        if not request.datasets and not request.models:
            return
        inputs = pb.LogInputsRequest(
            run_id=request.run_id,
            inputs=[native_input(given) for given in request.datasets],
            models=[pb.ModelInput(model_id=given.model_id) for given in request.models],
        )
        await self._batches.log_inputs(checked(inputs))

    async def log_outputs(self, request: mlflow_pb.LogOutputsRequest) -> None:
        """Logs what a run makes."""
        if not request.models:
            return
        outputs = pb.LogOutputsRequest(
            run_id=request.run_id,
            models=[pb.ModelOutput(model_id=given.model_id, step=given.step) for given in request.models],
        )
        await self._batches.log_outputs(checked(outputs))


def _parsed(text: str, kind: type[Json], field: str, wanted: str) -> Json:
    """JSON of the kind wanted."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise invalid_field(field, f"must be {wanted}")
    return value


def _fill_points(batch: pb.LogBatchRequest, points: Iterable[mlflow_pb.Metric]) -> None:
    """Adds points of a run, column by column, and those of logged models."""
    by_key: dict[str, _Columns] = defaultdict(_Columns)
    of_models: dict[str, list[mlflow_pb.Metric]] = defaultdict(list)
    for point in points:
        key, value, step, timestamp, model_id = _read_point(point)
        columns = by_key[key]
        columns.values.append(value)
        columns.steps.append(step)
        columns.timestamps_ms.append(timestamp)
        if model_id:
            of_models[model_id].append(point)
    for key, columns in by_key.items():
        batch.metrics.add(key=key, values=columns.values, steps=columns.steps, timestamps_ms=columns.timestamps_ms)
    for model_id, measured in of_models.items():
        batch.model_metrics.add(model_id=model_id, metrics=[_model_metric(point, batch.run_id) for point in measured])


class _Columns:
    """Points of one metric. Lists, since appending to those of a message takes several times as long."""

    __slots__ = ("steps", "timestamps_ms", "values")

    def __init__(self) -> None:
        self.values: list[float] = []
        self.steps: list[int] = []
        self.timestamps_ms: list[int] = []


def _model_metric(point: mlflow_pb.Metric, run_id: str) -> pb.ModelMetric:
    return pb.ModelMetric(
        key=point.key,
        value=point.value,
        step=point.step,
        timestamp_ms=point.timestamp,
        dataset_name=point.dataset_name,
        dataset_digest=point.dataset_digest,
        run_id=run_id,
    )
