"""Runs of the native API as MLflow's."""

from __future__ import annotations

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.mlflow import places, tags
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


def fill_info(info: mlflow_pb.RunInfo, native: pb.Run) -> None:
    """A run's own fields."""
    run_id = native.run_id
    info.run_uuid = info.run_id = run_id
    info.experiment_id = native.experiment_id
    info.run_name = native.name
    info.user_id = native.user
    info.status = _STATUSES[native.state]
    info.start_time = milliseconds(native.start_time)
    if native.HasField("end_time"):
        info.end_time = milliseconds(native.end_time)
    info.artifact_uri = places.uri_of(native)
    info.lifecycle_stage = "deleted" if native.HasField("delete_time") else "active"


# Searches fill hundreds of runs with tens of values each. To fill messages where they are takes half the time of making
# them, as each is copied into the one around it; maps are read by their keys, as their `items` is many times slower.


def fill_run(run: mlflow_pb.Run, native: pb.Run) -> None:
    """A whole run."""
    fill_info(run.info, native)
    _fill_data(run.data, native)
    run.inputs.SetInParent()
    for use in native.inputs:
        _fill_dataset_input(run.inputs.dataset_inputs.add(), use)
    for used in native.model_inputs:
        run.inputs.model_inputs.add(model_id=used.model_id)
    run.outputs.SetInParent()
    for made in native.model_outputs:
        run.outputs.model_outputs.add(model_id=made.model_id, step=made.step)


def _fill_data(data: mlflow_pb.RunData, native: pb.Run) -> None:
    add_metric, metrics = data.metrics.add, native.metrics
    for key in sorted(metrics):
        last = metrics[key]
        add_metric(key=key, value=last.last, timestamp=last.last_timestamp_ms, step=last.last_step)
    add_param, params = data.params.add, native.params
    for key in sorted(params):
        add_param(key=key, value=param_text(params[key]))
    shown = tags.shown(native.tags, run_name=native.name, note=native.description, parent=native.parent_run_id)
    for key, value in shown:
        data.tags.add(key=key, value=value)


def _fill_dataset_input(use: mlflow_pb.DatasetInput, native: pb.DatasetInput) -> None:
    shown = {key: native.tags[key] for key in native.tags}
    if native.context:
        shown[CONTEXT] = native.context
    for key in sorted(shown):
        use.tags.add(key=key, value=shown[key])
    data = native.dataset
    use.dataset.name, use.dataset.digest = data.name, data.digest
    use.dataset.source_type, use.dataset.source = data.source_type, data.source
    if data.schema:
        use.dataset.schema = data.schema
    if data.profile:
        use.dataset.profile = data.profile


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
