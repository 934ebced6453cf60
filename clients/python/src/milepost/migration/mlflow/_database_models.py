"""The logged models of a database of MLflow 3."""

from __future__ import annotations

from collections.abc import Iterator

from milepost.migration.mlflow._tables import Row, Tables, text, time_ms
from milepost.migration.mlflow.entities import LoggedModel, ModelMetric

_STATUS = {1: "PENDING", 2: "READY", 3: "FAILED"}


def logged_models(tables: Tables, experiment_id: str) -> Iterator[LoggedModel]:
    """The logged models of an experiment, by id."""
    rows = [*tables.rows("logged_models", ("experiment_id", int(experiment_id)), order=["model_id"])]
    ids = [row["model_id"] for row in rows]
    params = tables.grouped("logged_model_params", "model_id", ids)
    tags = tables.grouped("logged_model_tags", "model_id", ids)
    metrics = tables.grouped("logged_model_metrics", "model_id", ids)
    for row in rows:
        model = _logged_model(row)
        of_model = row["model_id"]
        model.params = {text(one["param_key"]): text(one["param_value"]) for one in params.get(of_model, ())}
        model.tags = {text(one["tag_key"]): text(one["tag_value"]) for one in tags.get(of_model, ())}
        model.metrics = [_metric(one) for one in metrics.get(of_model, ())]
        yield model


def _logged_model(row: Row) -> LoggedModel:
    return LoggedModel(
        model_id=text(row["model_id"]),
        experiment_id=str(row["experiment_id"]),
        name=text(row["name"]),
        artifact_location=text(row.get("artifact_location")),
        status=_STATUS.get(int(row.get("status") or 0), "PENDING"),
        status_message=text(row.get("status_message")),
        model_type=text(row.get("model_type")),
        source_run_id=text(row.get("source_run_id")),
        deleted=row.get("lifecycle_stage") == "deleted",
        create_ms=time_ms(row.get("creation_timestamp_ms")),
        update_ms=time_ms(row.get("last_updated_timestamp_ms")),
    )


def _metric(row: Row) -> ModelMetric:
    value = row.get("metric_value")
    return ModelMetric(
        key=text(row["metric_name"]),
        value=float("nan") if value is None else float(value),
        step=int(row.get("metric_step") or 0),
        timestamp_ms=int(row.get("metric_timestamp_ms") or 0),
        run_id=text(row.get("run_id")),
        dataset_name=text(row.get("dataset_name")),
        dataset_digest=text(row.get("dataset_digest")),
    )
