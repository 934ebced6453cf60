"""Runs of the native API as MLflow's."""

from __future__ import annotations

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.mlflow import tags
from milepost_server.mlflow.native import milliseconds
from milepost_server.param_values import param_text

CONTEXT = "mlflow.data.context"

_STATUSES = {
    pb.Run.STATE_SCHEDULED: mlflow_pb.SCHEDULED,
    pb.Run.STATE_RUNNING: mlflow_pb.RUNNING,
    pb.Run.STATE_FINISHED: mlflow_pb.FINISHED,
    pb.Run.STATE_FAILED: mlflow_pb.FAILED,
    pb.Run.STATE_KILLED: mlflow_pb.KILLED,
}
_STATES = {status: state for state, status in _STATUSES.items()}


def native_state(status: mlflow_pb.RunStatus.ValueType) -> pb.Run.State.ValueType:
    """The native name of a status."""
    return _STATES[status]


def run_info(native: pb.Run) -> mlflow_pb.RunInfo:
    """A run's own fields."""
    info = mlflow_pb.RunInfo(
        run_uuid=native.run_id,
        run_id=native.run_id,
        experiment_id=native.experiment_id,
        run_name=native.name,
        user_id=native.user,
        status=_STATUSES[native.state],
        start_time=milliseconds(native.start_time),
        artifact_uri=artifact_uri(native),
        lifecycle_stage="deleted" if native.HasField("delete_time") else "active",
    )
    if native.HasField("end_time"):
        info.end_time = milliseconds(native.end_time)
    return info


def artifact_uri(native: pb.Run) -> str:
    """Where the artifacts of a run are."""
    own = native.tags.get(tags.ARTIFACT_URI)
    return own or f"mlflow-artifacts:/{native.experiment_id}/{native.run_id}/artifacts"


def run(native: pb.Run) -> mlflow_pb.Run:
    """A whole run."""
    shown = tags.shown(native.tags, run_name=native.name, note=native.description, parent=native.parent_run_id)
    return mlflow_pb.Run(
        info=run_info(native),
        data=mlflow_pb.RunData(
            metrics=[
                mlflow_pb.Metric(
                    key=key, value=summary.last, timestamp=summary.last_timestamp_ms, step=summary.last_step
                )
                for key, summary in sorted(native.metrics.items())
            ],
            params=[mlflow_pb.Param(key=key, value=param_text(value)) for key, value in sorted(native.params.items())],
            tags=[mlflow_pb.RunTag(key=key, value=value) for key, value in shown],
        ),
        inputs=mlflow_pb.RunInputs(
            dataset_inputs=[_dataset_input(use) for use in native.inputs],
            model_inputs=[mlflow_pb.ModelInput(model_id=use.model_id) for use in native.model_inputs],
        ),
        outputs=mlflow_pb.RunOutputs(
            model_outputs=[
                mlflow_pb.ModelOutput(model_id=made.model_id, step=made.step) for made in native.model_outputs
            ]
        ),
    )


def _dataset_input(native: pb.DatasetInput) -> mlflow_pb.DatasetInput:
    shown = dict(native.tags)
    if native.context:
        shown[CONTEXT] = native.context
    data = native.dataset
    return mlflow_pb.DatasetInput(
        tags=[mlflow_pb.InputTag(key=key, value=value) for key, value in sorted(shown.items())],
        dataset=mlflow_pb.Dataset(
            name=data.name,
            digest=data.digest,
            source_type=data.source_type,
            source=data.source,
            schema=data.schema or None,
            profile=data.profile or None,
        ),
    )


def native_input(given: mlflow_pb.DatasetInput) -> pb.DatasetInput:
    """The use of a dataset as the native API has it."""
    labels = tags.last_values(given.tags)
    data = given.dataset
    return pb.DatasetInput(
        dataset=pb.Dataset(
            name=data.name,
            digest=data.digest,
            source_type=data.source_type,
            source=data.source,
            schema=data.schema,
            profile=data.profile,
        ),
        context=labels.pop(CONTEXT, ""),
        tags=labels,
    )
