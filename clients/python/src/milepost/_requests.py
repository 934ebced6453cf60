"""What each verb sends and how its answer is read, shared by the synchronous and the asynchronous client."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._methods import Method
from milepost._metric_views import MetricChart
from milepost._values import MetricsInput, ModelMetrics, to_model_metrics, to_params, to_points, to_timestamp
from milepost._views import RunState

Result = TypeVar("Result")
View = Literal["active", "deleted", "all"]
KeyKind = Literal["params", "tags", "metrics"]
Axis = Literal["step", "time", "relative_time"]

_VIEWS = {"active": pb.VIEW_ACTIVE, "deleted": pb.VIEW_DELETED, "all": pb.VIEW_ALL}
_KEY_KINDS = {
    "params": pb.ListRunKeysRequest.KIND_PARAM,
    "tags": pb.ListRunKeysRequest.KIND_TAG,
    "metrics": pb.ListRunKeysRequest.KIND_METRIC,
}
_AXES = {
    "step": pb.GetMetricSeriesRequest.AXIS_STEP,
    "time": pb.GetMetricSeriesRequest.AXIS_TIME,
    "relative_time": pb.GetMetricSeriesRequest.AXIS_RELATIVE_TIME,
}


@dataclass(frozen=True)
class Op(Generic[Result]):
    """One call: the method, its request, and what to take from the response."""

    method: Method[Any, Any]
    request: Message
    parse: Callable[[Any], Result]


@dataclass(frozen=True)
class PagedOp(Generic[Result]):
    """A list call: a request without a page, and the response field that has the items."""

    method: Method[Any, Any]
    request: Any
    items: Callable[[Any], Iterable[Result]]

    def page(self, token: str, size: int) -> Op[tuple[list[Result], str]]:
        """The call for the page after `token`; `size` 0 leaves the size to the server."""
        request = type(self.request)()
        request.CopyFrom(self.request)
        request.page_token, request.page_size = token, size
        return Op(self.method, request, lambda response: (list(self.items(response)), response.next_page_token))


def op(method: Method[Any, Any], request: Message, parse: Callable[[Any], Result]) -> Op[Result]:
    """A call, with a fresh `request_id` where the request has room for one and none is given: so it is repeatable."""
    if method.takes_request_id and not request.request_id:  # type: ignore[attr-defined]
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
    return Op(method, request, parse)


def server_info() -> Op[pb.ServerInfo]:
    """See `Client.server_info`."""
    return op(rpc.GET_SERVER_INFO, pb.GetServerInfoRequest(), lambda response: response.server)


def database_status() -> Op[pb.DatabaseStatus]:
    """See `Client.database_status`."""
    return op(rpc.GET_DATABASE_STATUS, pb.GetDatabaseStatusRequest(), lambda response: response.status)


# Experiments


def _experiment(response: Any) -> pb.Experiment:
    experiment: pb.Experiment = response.experiment
    return experiment


def create_experiment(
    name: str, description: str, tags: Mapping[str, str] | None, request_id: str
) -> Op[pb.Experiment]:
    """See `Experiments.create`."""
    experiment = pb.Experiment(name=name, description=description, tags=tags or {})
    request = pb.CreateExperimentRequest(experiment=experiment, request_id=request_id)
    return op(rpc.CREATE_EXPERIMENT, request, _experiment)


def get_experiment(experiment_id: str) -> Op[pb.Experiment]:
    """See `Experiments.get`."""
    return op(rpc.GET_EXPERIMENT, pb.GetExperimentRequest(experiment_id=experiment_id), _experiment)


def get_experiment_by_name(name: str) -> Op[pb.Experiment]:
    """See `Experiments.get_by_name`."""
    return op(rpc.GET_EXPERIMENT_BY_NAME, pb.GetExperimentByNameRequest(name=name), _experiment)


def batch_get_experiments(experiment_ids: Sequence[str]) -> Op[list[pb.Experiment]]:
    """See `Experiments.batch_get`."""
    request = pb.BatchGetExperimentsRequest(experiment_ids=experiment_ids)
    return op(rpc.BATCH_GET_EXPERIMENTS, request, lambda response: list(response.experiments))


def list_experiments(filter: str, order_by: str, view: View, fields: Sequence[str] | None) -> PagedOp[pb.Experiment]:
    """See `Experiments.list`."""
    request = pb.ListExperimentsRequest(filter=filter, order_by=order_by, view=_view(view), read_mask=_mask(fields))
    return PagedOp(rpc.LIST_EXPERIMENTS, request, lambda response: response.experiments)


def update_experiment(
    experiment_id: str, name: str | None, description: str | None, tags: Mapping[str, str] | None, etag: str
) -> Op[pb.Experiment]:
    """See `Experiments.update`."""
    changes = {"name": name, "description": description, "tags": tags}
    given: dict[str, Any] = {field: value for field, value in changes.items() if value is not None}
    request = pb.UpdateExperimentRequest(
        experiment=pb.Experiment(experiment_id=experiment_id, etag=etag, **given), update_mask=FieldMask(paths=given)
    )
    return op(rpc.UPDATE_EXPERIMENT, request, _experiment)


def update_experiment_tags(
    experiment_id: str, set: Mapping[str, str] | None, delete: Iterable[str]
) -> Op[pb.Experiment]:
    """See `Experiments.update_tags`."""
    request = pb.UpdateExperimentTagsRequest(experiment_id=experiment_id, set=set or {}, delete=delete)
    return op(rpc.UPDATE_EXPERIMENT_TAGS, request, _experiment)


def delete_experiment(experiment_id: str) -> Op[pb.Experiment]:
    """See `Experiments.delete`."""
    return op(rpc.DELETE_EXPERIMENT, pb.DeleteExperimentRequest(experiment_id=experiment_id), _experiment)


def restore_experiment(experiment_id: str) -> Op[pb.Experiment]:
    """See `Experiments.restore`."""
    return op(rpc.RESTORE_EXPERIMENT, pb.RestoreExperimentRequest(experiment_id=experiment_id), _experiment)


def purge_experiment(experiment_id: str, dry_run: bool) -> Op[pb.PurgeSummary]:
    """See `Experiments.purge`."""
    request = pb.PurgeExperimentRequest(experiment_id=experiment_id, dry_run=dry_run)
    return op(rpc.PURGE_EXPERIMENT, request, lambda response: response.purged)


# Runs


def _run(response: Any) -> pb.Run:
    run: pb.Run = response.run
    return run


def create_run(
    experiment_id: str,
    *,
    name: str = "",
    run_id: str = "",
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    parent_run_id: str = "",
    description: str = "",
    user: str = "",
    state: RunState = RunState.RUNNING,
    start_time: datetime | None = None,
    request_id: str = "",
) -> Op[pb.Run]:
    """See `Runs.create`."""
    run = pb.Run(
        experiment_id=experiment_id,
        name=name,
        run_id=run_id,
        params=to_params(params or {}),
        tags=tags or {},
        parent_run_id=parent_run_id,
        description=description,
        user=user,
        state=state.to_proto(),
        start_time=None if start_time is None else to_timestamp(start_time),
    )
    return op(rpc.CREATE_RUN, pb.CreateRunRequest(run=run, request_id=request_id), _run)


def get_run(run_id: str) -> Op[pb.Run]:
    """See `Runs.get`."""
    return op(rpc.GET_RUN, pb.GetRunRequest(run_id=run_id), _run)


def batch_get_runs(run_ids: Sequence[str], fields: Sequence[str] | None) -> Op[list[pb.Run]]:
    """See `Runs.batch_get`."""
    request = pb.BatchGetRunsRequest(run_ids=run_ids, read_mask=_mask(fields))
    return op(rpc.BATCH_GET_RUNS, request, lambda response: list(response.runs))


def list_runs(
    experiment_ids: Sequence[str],
    filter: str,
    order_by: str,
    view: View,
    fields: Sequence[str] | None,
    columns: Sequence[str],
) -> PagedOp[pb.Run]:
    """See `Runs.list`."""
    request = pb.ListRunsRequest(
        experiment_ids=experiment_ids,
        filter=filter,
        order_by=order_by,
        view=_view(view),
        read_mask=_mask(fields),
        columns=columns,
    )
    return PagedOp(rpc.LIST_RUNS, request, lambda response: response.runs)


def count_runs(experiment_ids: Sequence[str], filter: str, view: View) -> Op[int]:
    """See `Runs.count`."""
    request = pb.CountRunsRequest(experiment_ids=experiment_ids, filter=filter, view=_view(view))
    return op(rpc.COUNT_RUNS, request, lambda response: int(response.runs))


def group_runs(
    by: Sequence[str], metrics: Sequence[str], filter: str, order_by: str, view: View
) -> PagedOp[pb.RunGroup]:
    """See `Runs.group`."""
    request = pb.GroupRunsRequest(group_by=by, metrics=metrics, filter=filter, order_by=order_by, view=_view(view))
    return PagedOp(rpc.GROUP_RUNS, request, lambda response: response.groups)


def list_run_keys(kind: KeyKind, prefix: str) -> PagedOp[str]:
    """See `Runs.keys`."""
    if kind not in _KEY_KINDS:
        raise ValueError(f"kind: {kind!r} is none of {', '.join(map(repr, _KEY_KINDS))}.")
    request = pb.ListRunKeysRequest(kind=_KEY_KINDS[kind], prefix=prefix)
    return PagedOp(rpc.LIST_RUN_KEYS, request, lambda response: response.keys)


def list_run_values(column: str, prefix: str) -> PagedOp[pb.RunValue]:
    """See `Runs.values`."""
    request = pb.ListRunValuesRequest(column=column, prefix=prefix)
    return PagedOp(rpc.LIST_RUN_VALUES, request, lambda response: response.values)


def update_run(
    run_id: str,
    *,
    name: str | None = None,
    state: RunState | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    description: str | None = None,
    user: str | None = None,
    etag: str = "",
    clear: Iterable[str] = (),
) -> Op[pb.Run]:
    """See `Runs.update`. `clear` names fields to empty."""
    changes = {
        "name": name,
        "state": None if state is None else state.to_proto(),
        "start_time": None if start_time is None else to_timestamp(start_time),
        "end_time": None if end_time is None else to_timestamp(end_time),
        "description": description,
        "user": user,
    }
    given: dict[str, Any] = {field: value for field, value in changes.items() if value is not None}
    request = pb.UpdateRunRequest(
        run=pb.Run(run_id=run_id, etag=etag, **given), update_mask=FieldMask(paths=[*given, *clear])
    )
    return op(rpc.UPDATE_RUN, request, _run)


def delete_run(run_id: str) -> Op[pb.Run]:
    """See `Runs.delete`."""
    return op(rpc.DELETE_RUN, pb.DeleteRunRequest(run_id=run_id), _run)


def restore_run(run_id: str) -> Op[pb.Run]:
    """See `Runs.restore`."""
    return op(rpc.RESTORE_RUN, pb.RestoreRunRequest(run_id=run_id), _run)


def purge_run(run_id: str, dry_run: bool) -> Op[pb.PurgeSummary]:
    """See `Runs.purge`."""
    return op(rpc.PURGE_RUN, pb.PurgeRunRequest(run_id=run_id, dry_run=dry_run), lambda response: response.purged)


def purge_runs(
    experiment_ids: Sequence[str], filter: str, deleted_before: datetime | None, limit: int, dry_run: bool
) -> Op[pb.PurgeRunsResponse]:
    """See `Runs.purge_many`."""
    request = pb.PurgeRunsRequest(
        experiment_ids=experiment_ids,
        filter=filter,
        deleted_before=None if deleted_before is None else to_timestamp(deleted_before),
        limit=limit,
        dry_run=dry_run,
    )
    return op(rpc.PURGE_RUNS, request, lambda response: response)


def watch_run(run_id: str, fields: Sequence[str] | None) -> pb.WatchRunRequest:
    """See `Runs.watch`."""
    return pb.WatchRunRequest(run_id=run_id, read_mask=_mask(fields))


def watch_experiment(experiment_id: str, fields: Sequence[str] | None, resume_token: str) -> pb.WatchExperimentRequest:
    """See `Experiments.watch`."""
    return pb.WatchExperimentRequest(experiment_id=experiment_id, read_mask=_mask(fields), resume_token=resume_token)


def watch_metrics(
    run_ids: Sequence[str], keys: Sequence[str], max_points: int, resume_token: str
) -> pb.WatchMetricsRequest:
    """See `Metrics.watch`."""
    return pb.WatchMetricsRequest(run_ids=run_ids, metric_keys=keys, max_points=max_points, resume_token=resume_token)


def log_batch(
    run_id: str,
    params: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    metrics: MetricsInput | None,
    step: int,
    timestamp_ms: int | None,
    model_metrics: Mapping[str, ModelMetrics] | None,
    skip_repeated_points: bool,
    name: str | None,
    description: str | None,
) -> Op[int]:
    """See `Runs.log_batch`."""
    request = pb.LogBatchRequest(
        run_id=run_id,
        params=to_params(params or {}),
        tags=tags or {},
        metrics=to_points(metrics or (), step, timestamp_ms),
        model_metrics=[
            pb.LoggedModelMetrics(model_id=model_id, metrics=to_model_metrics(measured))
            for model_id, measured in (model_metrics or {}).items()
        ],
        skip_repeated_points=skip_repeated_points,
        name=name,
        description=description,
    )
    return send_batch(request)


def send_batch(request: pb.LogBatchRequest) -> Op[int]:
    """A batch as it is; its `request_id`, if any, is kept. The result is the number of points stored."""
    return op(rpc.LOG_BATCH, request, lambda response: int(response.metric_points))


def delete_run_tags(run_id: str, keys: Iterable[str]) -> Op[None]:
    """See `Runs.delete_tags`."""
    return op(rpc.DELETE_RUN_TAGS, pb.DeleteRunTagsRequest(run_id=run_id, keys=keys), lambda _: None)


def log_inputs(run_id: str, inputs: Iterable[pb.DatasetInput], models: Iterable[str]) -> Op[None]:
    """See `Runs.log_inputs`."""
    used = [pb.ModelInput(model_id=model_id) for model_id in models]
    return op(rpc.LOG_INPUTS, pb.LogInputsRequest(run_id=run_id, inputs=inputs, models=used), lambda _: None)


def log_outputs(run_id: str, models: Iterable[str], step: int) -> Op[None]:
    """See `Runs.log_outputs`."""
    made = [pb.ModelOutput(model_id=model_id, step=step) for model_id in models]
    return op(rpc.LOG_OUTPUTS, pb.LogOutputsRequest(run_id=run_id, models=made), lambda _: None)


# Metrics, datasets


def log_metrics(run_id: str, metrics: MetricsInput, step: int, timestamp_ms: int | None) -> Op[int]:
    """See `Metrics.log`."""
    request = pb.LogMetricsRequest(run_id=run_id, metrics=to_points(metrics, step, timestamp_ms))
    return op(rpc.LOG_METRICS, request, lambda response: int(response.metric_points))


def rewind_metrics(run_id: str, after_step: int, keys: Iterable[str]) -> Op[int]:
    """The call that takes back points of later steps, and their number."""
    request = pb.RewindMetricsRequest(run_id=run_id, after_step=after_step, metric_keys=keys)
    return op(rpc.REWIND_METRICS, request, lambda response: int(response.metric_points))


def delete_metrics(run_id: str, keys: Iterable[str]) -> Op[int]:
    """The call that removes metrics, and the number of their points."""
    request = pb.DeleteMetricsRequest(run_id=run_id, metric_keys=keys)
    return op(rpc.DELETE_METRICS, request, lambda response: int(response.metric_points))


def recompute_metrics(run_id: str, keys: Iterable[str]) -> Op[list[str]]:
    """The call that computes summaries anew, and the keys of those that were wrong."""
    request = pb.RecomputeMetricSummariesRequest(run_id=run_id, metric_keys=keys)
    return op(rpc.RECOMPUTE_METRIC_SUMMARIES, request, lambda response: list(response.corrected_keys))


def list_metric_history(run_id: str, key: str) -> PagedOp[pb.MetricPoints]:
    """See `Metrics.history`. Each page has one item: columns of points."""
    request = pb.ListMetricHistoryRequest(run_id=run_id, metric_key=key)
    return PagedOp(rpc.LIST_METRIC_HISTORY, request, lambda response: [response.points])


def get_metric_series(
    run_ids: Sequence[str], keys: Sequence[str], axis: Axis, buckets: int, start: int | None, end: int | None
) -> Op[MetricChart]:
    """See `Metrics.series`."""
    if axis not in _AXES:
        raise ValueError(f"axis: {axis!r} is none of {', '.join(map(repr, _AXES))}.")
    request = pb.GetMetricSeriesRequest(
        run_ids=run_ids, metric_keys=keys, axis=_AXES[axis], buckets=buckets, start=start, end=end
    )
    return op(rpc.GET_METRIC_SERIES, request, MetricChart)


def list_datasets(experiment_ids: Sequence[str]) -> PagedOp[pb.ExperimentDataset]:
    """See `Datasets.list`."""
    request = pb.ListDatasetsRequest(experiment_ids=experiment_ids)
    return PagedOp(rpc.LIST_DATASETS, request, lambda response: response.datasets)


# Artifacts; their streams are in `milepost.artifacts`


def list_artifacts(run_id: str, path: str, recursive: bool) -> PagedOp[pb.Artifact]:
    """See `Artifacts.list`."""
    request = pb.ListArtifactsRequest(run_id=run_id, path=path, recursive=recursive)
    return PagedOp(rpc.LIST_ARTIFACTS, request, lambda response: response.artifacts)


def delete_artifacts(run_id: str, path: str) -> Op[int]:
    """See `Artifacts.delete`."""
    request = pb.DeleteArtifactsRequest(run_id=run_id, path=path)
    return op(rpc.DELETE_ARTIFACTS, request, lambda response: int(response.files))


def purge_orphaned_artifacts(dry_run: bool) -> Op[pb.PurgeOrphanedArtifactsResponse]:
    """See `Artifacts.purge_orphans`."""
    request = pb.PurgeOrphanedArtifactsRequest(dry_run=dry_run)
    return op(rpc.PURGE_ORPHANED_ARTIFACTS, request, lambda response: response)


def get_artifact_upload(run_id: str, upload_id: str) -> Op[pb.ArtifactUpload]:
    """See `Artifacts.get_upload`."""
    request = pb.GetArtifactUploadRequest(run_id=run_id, upload_id=upload_id)
    return op(rpc.GET_ARTIFACT_UPLOAD, request, lambda response: response.upload)


def _view(view: View) -> pb.View.ValueType:
    try:
        return _VIEWS[view]
    except KeyError:
        raise ValueError(f"view: {view!r} is none of {', '.join(map(repr, _VIEWS))}.") from None


def _mask(fields: Sequence[str] | None) -> FieldMask | None:
    return None if fields is None else FieldMask(paths=fields)


def name_list(names: str | Iterable[str] | None) -> Sequence[str]:
    """One name, several or none as a list."""
    return [names] if isinstance(names, str) else list(names or ())
