"""Logged models of the native API as MLflow's."""

from __future__ import annotations

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.mlflow import places, tags
from milepost_server.mlflow.native import milliseconds
from milepost_server.param_values import param_text
from milepost_server.services.mlflow_sources import run_of

_STATUSES = {
    pb.LoggedModel.STATUS_PENDING: mlflow_pb.LOGGED_MODEL_PENDING,
    pb.LoggedModel.STATUS_READY: mlflow_pb.LOGGED_MODEL_READY,
    pb.LoggedModel.STATUS_FAILED: mlflow_pb.LOGGED_MODEL_UPLOAD_FAILED,
}
_NATIVE = {status: native for native, status in _STATUSES.items()}


def native_status(status: mlflow_pb.LoggedModelStatus.ValueType) -> pb.LoggedModel.Status.ValueType:
    """The native name of a status."""
    return _NATIVE.get(status, pb.LoggedModel.STATUS_UNSPECIFIED)


def logged_model(native: pb.LoggedModel) -> mlflow_pb.LoggedModel:
    """A whole model."""
    return mlflow_pb.LoggedModel(
        info=mlflow_pb.LoggedModelInfo(
            model_id=native.model_id,
            experiment_id=native.experiment_id,
            name=native.name,
            creation_timestamp_ms=milliseconds(native.create_time),
            last_updated_timestamp_ms=milliseconds(native.update_time),
            artifact_uri=places.uri_of(native, native.path),
            status=_STATUSES[native.status],
            model_type=native.model_type or None,
            source_run_id=run_of(native) or None,
            status_message=native.status_message or None,
            tags=[mlflow_pb.LoggedModelTag(key=key, value=value) for key, value in tags.shown(native.tags)],
        ),
        data=mlflow_pb.LoggedModelData(
            params=[
                mlflow_pb.LoggedModelParameter(key=key, value=param_text(value))
                for key, value in sorted(native.params.items())
            ],
            metrics=[_metric(native, metric) for metric in native.metrics],
        ),
    )


def _metric(model: pb.LoggedModel, metric: pb.ModelMetric) -> mlflow_pb.Metric:
    return mlflow_pb.Metric(
        key=metric.key,
        value=metric.value,
        timestamp=metric.timestamp_ms,
        step=metric.step,
        dataset_name=metric.dataset_name or None,
        dataset_digest=metric.dataset_digest or None,
        model_id=model.model_id,
        run_id=metric.run_id or run_of(model) or None,
    )
