"""Entities in MLflow's JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from milepost.migration.mlflow.entities import DatasetInput, Experiment, LoggedModel, ModelMetric, Run
from milepost.migration.mlflow.rest import Json

_MODEL_STATUS = {"LOGGED_MODEL_READY": "READY", "LOGGED_MODEL_UPLOAD_FAILED": "FAILED"}


def experiment(given: Json) -> Experiment:
    """An experiment."""
    return Experiment(
        experiment_id=text(given, "experiment_id"),
        name=text(given, "name"),
        artifact_location=text(given, "artifact_location"),
        deleted=given.get("lifecycle_stage") == "deleted",
        create_ms=time_ms(given, "creation_time"),
        update_ms=time_ms(given, "last_update_time"),
        tags=pairs(given.get("tags")),
    )


def run(given: Json) -> Run:
    """A run."""
    info, data = given.get("info") or {}, given.get("data") or {}
    inputs, outputs = given.get("inputs") or {}, given.get("outputs") or {}
    return Run(
        run_id=text(info, "run_id") or text(info, "run_uuid"),
        experiment_id=text(info, "experiment_id"),
        name=text(info, "run_name"),
        status=text(info, "status"),
        start_ms=time_ms(info, "start_time"),
        end_ms=time_ms(info, "end_time"),
        deleted=info.get("lifecycle_stage") == "deleted",
        user=text(info, "user_id"),
        artifact_uri=text(info, "artifact_uri"),
        params=pairs(data.get("params")),
        tags=pairs(data.get("tags")),
        datasets=[_dataset(one) for one in inputs.get("dataset_inputs") or ()],
        model_inputs=[text(one, "model_id") for one in inputs.get("model_inputs") or ()],
        model_outputs=[
            (text(one, "model_id"), int(one.get("step") or 0)) for one in outputs.get("model_outputs") or ()
        ],
        metric_keys=[text(one, "key") for one in data.get("metrics") or ()],
    )


def logged_model(given: Json) -> LoggedModel:
    """A logged model."""
    info, data = given.get("info") or {}, given.get("data") or {}
    return LoggedModel(
        model_id=text(info, "model_id"),
        experiment_id=text(info, "experiment_id"),
        name=text(info, "name"),
        artifact_location=text(info, "artifact_uri"),
        status=_MODEL_STATUS.get(text(info, "status"), "PENDING"),
        status_message=text(info, "status_message"),
        model_type=text(info, "model_type"),
        source_run_id=text(info, "source_run_id"),
        create_ms=time_ms(info, "creation_timestamp_ms"),
        update_ms=time_ms(info, "last_updated_timestamp_ms"),
        params=pairs(data.get("params")),
        tags=pairs(info.get("tags")),
        metrics=[_metric(one) for one in data.get("metrics") or ()],
    )


def text(given: Json, name: str) -> str:
    """A field of text; what is missing is empty."""
    value = given.get(name)
    return "" if value is None else str(value)


def time_ms(given: Json, name: str) -> int | None:
    """A field of milliseconds."""
    value = given.get(name)
    return None if value is None else int(value)


def pairs(entries: Iterable[Any] | None) -> dict[str, str]:
    """A list of keys with values."""
    return {text(one, "key"): text(one, "value") for one in entries or ()}


def _dataset(given: Json) -> DatasetInput:
    data = given.get("dataset") or {}
    return DatasetInput(
        name=text(data, "name"),
        digest=text(data, "digest"),
        source_type=text(data, "source_type"),
        source=text(data, "source"),
        schema=text(data, "schema"),
        profile=text(data, "profile"),
        tags=pairs(given.get("tags")),
    )


def _metric(given: Json) -> ModelMetric:
    return ModelMetric(
        key=text(given, "key"),
        value=float(given.get("value", 0.0)),
        step=int(given.get("step") or 0),
        timestamp_ms=int(given.get("timestamp") or 0),
        run_id=text(given, "run_id"),
        dataset_name=text(given, "dataset_name"),
        dataset_digest=text(given, "dataset_digest"),
    )
