"""A method per RPC that takes plain values and returns what the caller wants of the response."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from milepost import v1 as pb
from support.import_verbs import ImportVerbs
from support.registry_verbs import RegistryVerbs
from support.values import chunks, param, unique

if TYPE_CHECKING:
    from support.api import Download
    from support.watching import Watch

_TRACKING = "milepost.v1.TrackingService"
_METRICS = "milepost.v1.MetricService"
_ARTIFACTS = "milepost.v1.ArtifactService"


class Verbs(RegistryVerbs, ImportVerbs):
    """Every RPC under its name in snake case."""

    @abstractmethod
    async def call(
        self, method: str, request: Message, *, binding: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        """See `Api.call`."""

    @abstractmethod
    async def upload(
        self, first: pb.UploadArtifactRequest, content: Iterable[bytes], *, sha256_last: str = ""
    ) -> pb.Artifact:
        """See `Api.upload`."""

    @abstractmethod
    async def stream(self, method: str, request: Message) -> list[Any]:
        """See `Api.stream`."""

    @abstractmethod
    async def download(self, request: pb.DownloadArtifactRequest) -> Download:
        """See `Api.download`."""

    @abstractmethod
    def watch(self, method: str, request: Message, headers: dict[str, str] | None = None) -> Watch:
        """See `Api.watch`."""

    async def get_server_info(self) -> pb.ServerInfo:
        response: pb.GetServerInfoResponse = await self.call(
            "milepost.v1.ServerService/GetServerInfo", pb.GetServerInfoRequest()
        )
        return response.server

    async def get_database_status(self) -> pb.DatabaseStatus:
        response: pb.GetDatabaseStatusResponse = await self.call(
            "milepost.v1.ServerService/GetDatabaseStatus", pb.GetDatabaseStatusRequest()
        )
        return response.status

    # Experiments

    async def create_experiment(self, name: str | None = None, *, request_id: str = "", **fields: Any) -> pb.Experiment:
        """Creates an experiment; without a name it gets one that is unique."""
        experiment = pb.Experiment(name=unique("experiment") if name is None else name, **fields)
        request = pb.CreateExperimentRequest(experiment=experiment, request_id=request_id)
        response: pb.CreateExperimentResponse = await self.call(f"{_TRACKING}/CreateExperiment", request)
        return response.experiment

    async def get_experiment(self, experiment_id: str) -> pb.Experiment:
        request = pb.GetExperimentRequest(experiment_id=experiment_id)
        response: pb.GetExperimentResponse = await self.call(f"{_TRACKING}/GetExperiment", request)
        return response.experiment

    async def get_experiment_by_name(self, name: str) -> pb.Experiment:
        request = pb.GetExperimentByNameRequest(name=name)
        response: pb.GetExperimentByNameResponse = await self.call(f"{_TRACKING}/GetExperimentByName", request)
        return response.experiment

    async def batch_get_experiments(self, experiment_ids: Sequence[str]) -> list[pb.Experiment]:
        request = pb.BatchGetExperimentsRequest(experiment_ids=experiment_ids)
        response: pb.BatchGetExperimentsResponse = await self.call(f"{_TRACKING}/BatchGetExperiments", request)
        return list(response.experiments)

    async def list_experiments(self, *, binding: int = 0, **fields: Any) -> pb.ListExperimentsResponse:
        request = pb.ListExperimentsRequest(**fields)
        response: pb.ListExperimentsResponse = await self.call(f"{_TRACKING}/ListExperiments", request, binding=binding)
        return response

    async def update_experiment(self, experiment: pb.Experiment, *mask: str, request_id: str = "") -> pb.Experiment:
        """Updates an experiment; without `mask` the request has none."""
        request = pb.UpdateExperimentRequest(experiment=experiment, request_id=request_id)
        if mask:
            request.update_mask.CopyFrom(FieldMask(paths=mask))
        response: pb.UpdateExperimentResponse = await self.call(f"{_TRACKING}/UpdateExperiment", request)
        return response.experiment

    async def update_experiment_tags(
        self,
        experiment_id: str,
        to_set: Mapping[str, str] | None = None,
        delete: Sequence[str] = (),
        request_id: str = "",
    ) -> pb.Experiment:
        request = pb.UpdateExperimentTagsRequest(
            experiment_id=experiment_id, set=to_set, delete=delete, request_id=request_id
        )
        response: pb.UpdateExperimentTagsResponse = await self.call(f"{_TRACKING}/UpdateExperimentTags", request)
        return response.experiment

    async def delete_experiment(self, experiment_id: str, request_id: str = "") -> pb.Experiment:
        request = pb.DeleteExperimentRequest(experiment_id=experiment_id, request_id=request_id)
        response: pb.DeleteExperimentResponse = await self.call(f"{_TRACKING}/DeleteExperiment", request)
        return response.experiment

    async def restore_experiment(self, experiment_id: str, request_id: str = "") -> pb.Experiment:
        request = pb.RestoreExperimentRequest(experiment_id=experiment_id, request_id=request_id)
        response: pb.RestoreExperimentResponse = await self.call(f"{_TRACKING}/RestoreExperiment", request)
        return response.experiment

    async def purge_experiment(self, experiment_id: str, *, dry_run: bool = False) -> pb.PurgeSummary:
        request = pb.PurgeExperimentRequest(experiment_id=experiment_id, dry_run=dry_run)
        response: pb.PurgeExperimentResponse = await self.call(f"{_TRACKING}/PurgeExperiment", request)
        return response.purged

    # Runs

    async def create_run(self, experiment_id: str = "", *, request_id: str = "", **fields: Any) -> pb.Run:
        request = pb.CreateRunRequest(run=pb.Run(experiment_id=experiment_id, **fields), request_id=request_id)
        response: pb.CreateRunResponse = await self.call(f"{_TRACKING}/CreateRun", request)
        return response.run

    async def get_run(self, run_id: str) -> pb.Run:
        response: pb.GetRunResponse = await self.call(f"{_TRACKING}/GetRun", pb.GetRunRequest(run_id=run_id))
        return response.run

    async def batch_get_runs(self, run_ids: Sequence[str], *read_mask: str) -> list[pb.Run]:
        request = pb.BatchGetRunsRequest(run_ids=run_ids)
        if read_mask:
            request.read_mask.CopyFrom(FieldMask(paths=read_mask))
        response: pb.BatchGetRunsResponse = await self.call(f"{_TRACKING}/BatchGetRuns", request)
        return list(response.runs)

    async def list_runs(self, *, binding: int = 0, **fields: Any) -> pb.ListRunsResponse:
        request = pb.ListRunsRequest(**fields)
        response: pb.ListRunsResponse = await self.call(f"{_TRACKING}/ListRuns", request, binding=binding)
        return response

    async def count_runs(self, **fields: Any) -> int:
        response: pb.CountRunsResponse = await self.call(f"{_TRACKING}/CountRuns", pb.CountRunsRequest(**fields))
        return response.runs

    async def group_runs(self, **fields: Any) -> pb.GroupRunsResponse:
        response: pb.GroupRunsResponse = await self.call(f"{_TRACKING}/GroupRuns", pb.GroupRunsRequest(**fields))
        return response

    async def list_run_keys(self, **fields: Any) -> pb.ListRunKeysResponse:
        request = pb.ListRunKeysRequest(**fields)
        response: pb.ListRunKeysResponse = await self.call(f"{_TRACKING}/ListRunKeys", request)
        return response

    async def list_run_values(self, **fields: Any) -> pb.ListRunValuesResponse:
        request = pb.ListRunValuesRequest(**fields)
        response: pb.ListRunValuesResponse = await self.call(f"{_TRACKING}/ListRunValues", request)
        return response

    async def update_run(self, run: pb.Run, *mask: str, request_id: str = "") -> pb.Run:
        """Updates a run; without `mask` the request has none."""
        request = pb.UpdateRunRequest(run=run, request_id=request_id)
        if mask:
            request.update_mask.CopyFrom(FieldMask(paths=mask))
        response: pb.UpdateRunResponse = await self.call(f"{_TRACKING}/UpdateRun", request)
        return response.run

    async def delete_run(self, run_id: str, request_id: str = "") -> pb.Run:
        request = pb.DeleteRunRequest(run_id=run_id, request_id=request_id)
        response: pb.DeleteRunResponse = await self.call(f"{_TRACKING}/DeleteRun", request)
        return response.run

    async def restore_run(self, run_id: str, request_id: str = "") -> pb.Run:
        request = pb.RestoreRunRequest(run_id=run_id, request_id=request_id)
        response: pb.RestoreRunResponse = await self.call(f"{_TRACKING}/RestoreRun", request)
        return response.run

    async def purge_run(self, run_id: str, *, dry_run: bool = False) -> pb.PurgeSummary:
        request = pb.PurgeRunRequest(run_id=run_id, dry_run=dry_run)
        response: pb.PurgeRunResponse = await self.call(f"{_TRACKING}/PurgeRun", request)
        return response.purged

    async def purge_runs(self, **fields: Any) -> pb.PurgeRunsResponse:
        response: pb.PurgeRunsResponse = await self.call(f"{_TRACKING}/PurgeRuns", pb.PurgeRunsRequest(**fields))
        return response

    def watch_run(self, run_id: str, *read_mask: str, resume_token: str = "") -> Watch:
        """Watches a run; without `read_mask` all of it."""
        request = pb.WatchRunRequest(run_id=run_id, resume_token=resume_token)
        if read_mask:
            request.read_mask.CopyFrom(FieldMask(paths=read_mask))
        return self.watch(f"{_TRACKING}/WatchRun", request)

    def watch_experiment(self, experiment_id: str, *read_mask: str, resume_token: str = "") -> Watch:
        """Watches the runs of an experiment; without `read_mask` all of them."""
        request = pb.WatchExperimentRequest(experiment_id=experiment_id, resume_token=resume_token)
        if read_mask:
            request.read_mask.CopyFrom(FieldMask(paths=read_mask))
        return self.watch(f"{_TRACKING}/WatchExperiment", request)

    async def log_batch(
        self,
        run_id: str,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Sequence[pb.MetricPoints] = (),
        request_id: str = "",
        *,
        skip_repeated_points: bool = False,
        model_metrics: Mapping[str, Sequence[pb.ModelMetric]] | None = None,
        **about: str,
    ) -> int:
        """Logs a batch, params as Python values, with a new `name` and `description`; returns the points stored."""
        request = pb.LogBatchRequest(
            run_id=run_id,
            params={key: param(value) for key, value in (params or {}).items()},
            tags=tags,
            metrics=metrics,
            request_id=request_id,
            skip_repeated_points=skip_repeated_points,
            model_metrics=[
                pb.LoggedModelMetrics(model_id=model_id, metrics=measured)
                for model_id, measured in (model_metrics or {}).items()
            ],
            **about,
        )
        response: pb.LogBatchResponse = await self.call(f"{_TRACKING}/LogBatch", request)
        return response.metric_points

    async def delete_run_tags(self, run_id: str, keys: Sequence[str], request_id: str = "") -> None:
        request = pb.DeleteRunTagsRequest(run_id=run_id, keys=keys, request_id=request_id)
        await self.call(f"{_TRACKING}/DeleteRunTags", request)

    async def log_inputs(
        self, run_id: str, inputs: Sequence[pb.DatasetInput], request_id: str = "", *, models: Sequence[str] = ()
    ) -> None:
        """Records datasets and logged models, the latter by their ids."""
        request = pb.LogInputsRequest(run_id=run_id, inputs=inputs, request_id=request_id)
        request.models.extend(pb.ModelInput(model_id=model_id) for model_id in models)
        await self.call(f"{_TRACKING}/LogInputs", request)

    async def log_outputs(self, run_id: str, models: Sequence[tuple[str, int]], request_id: str = "") -> None:
        """Records logged models by their ids, each with a step."""
        outputs = [pb.ModelOutput(model_id=model_id, step=step) for model_id, step in models]
        request = pb.LogOutputsRequest(run_id=run_id, models=outputs, request_id=request_id)
        await self.call(f"{_TRACKING}/LogOutputs", request)

    async def list_datasets(self, **fields: Any) -> pb.ListDatasetsResponse:
        response: pb.ListDatasetsResponse = await self.call(
            f"{_TRACKING}/ListDatasets", pb.ListDatasetsRequest(**fields)
        )
        return response

    # Metrics

    async def log_metrics(self, run_id: str, *metrics: pb.MetricPoints, request_id: str = "") -> int:
        """Appends points and returns the number stored."""
        request = pb.LogMetricsRequest(run_id=run_id, metrics=metrics, request_id=request_id)
        response: pb.LogMetricsResponse = await self.call(f"{_METRICS}/LogMetrics", request)
        return response.metric_points

    def watch_metrics(self, run_ids: Sequence[str], *keys: str, **fields: Any) -> Watch:
        """Watches points of runs; without `keys` those of all metrics."""
        request = pb.WatchMetricsRequest(run_ids=run_ids, metric_keys=keys, **fields)
        return self.watch(f"{_METRICS}/WatchMetrics", request)

    async def rewind_metrics(self, run_id: str, after_step: int, *keys: str, request_id: str = "") -> int:
        """Takes back points and returns their number."""
        request = pb.RewindMetricsRequest(run_id=run_id, after_step=after_step, metric_keys=keys, request_id=request_id)
        response: pb.RewindMetricsResponse = await self.call(f"{_METRICS}/RewindMetrics", request)
        return response.metric_points

    async def delete_metrics(self, run_id: str, *keys: str) -> int:
        """Removes metrics and returns the number of their points."""
        request = pb.DeleteMetricsRequest(run_id=run_id, metric_keys=keys)
        response: pb.DeleteMetricsResponse = await self.call(f"{_METRICS}/DeleteMetrics", request)
        return response.metric_points

    async def recompute_metric_summaries(self, run_id: str, *keys: str) -> list[str]:
        """Computes summaries anew and returns the keys of those that were wrong."""
        request = pb.RecomputeMetricSummariesRequest(run_id=run_id, metric_keys=keys)
        response: pb.RecomputeMetricSummariesResponse = await self.call(f"{_METRICS}/RecomputeMetricSummaries", request)
        return list(response.corrected_keys)

    async def list_metric_history(self, run_id: str, metric_key: str, **fields: Any) -> pb.ListMetricHistoryResponse:
        request = pb.ListMetricHistoryRequest(run_id=run_id, metric_key=metric_key, **fields)
        response: pb.ListMetricHistoryResponse = await self.call(f"{_METRICS}/ListMetricHistory", request)
        return response

    async def stream_metric_history(self, run_id: str, *keys: str) -> list[pb.MetricPoints]:
        """The points of the messages, as the server cut them; without `keys` those of all metrics."""
        request = pb.StreamMetricHistoryRequest(run_id=run_id, metric_keys=keys)
        return [message.points for message in await self.stream(f"{_METRICS}/StreamMetricHistory", request)]

    async def export_metric_history(self, run_id: str, *keys: str) -> bytes:
        """An Arrow IPC stream; without `keys` of all metrics."""
        request = pb.ExportMetricHistoryRequest(run_id=run_id, metric_keys=keys)
        messages = await self.stream(f"{_METRICS}/ExportMetricHistory", request)
        assert messages[0].body.content_type == "application/vnd.apache.arrow.stream"
        return b"".join(message.body.data for message in messages)

    async def get_metric_series(
        self, run_ids: Sequence[str], keys: Sequence[str], **fields: Any
    ) -> pb.GetMetricSeriesResponse:
        request = pb.GetMetricSeriesRequest(run_ids=run_ids, metric_keys=keys, **fields)
        response: pb.GetMetricSeriesResponse = await self.call(f"{_METRICS}/GetMetricSeries", request)
        return response

    # Artifacts

    async def upload_artifact(
        self, run_id: str, path: str, content: bytes = b"content", content_type: str = "", **fields: Any
    ) -> pb.Artifact:
        """Uploads `content` in pieces of 256 KiB."""
        first = pb.UploadArtifactRequest(run_id=run_id, path=path, **fields)
        first.body.content_type = content_type
        return await self.upload(first, chunks(content, 256 * 1024))

    async def get_artifact_upload(self, run_id: str, upload_id: str) -> pb.ArtifactUpload:
        request = pb.GetArtifactUploadRequest(run_id=run_id, upload_id=upload_id)
        response: pb.GetArtifactUploadResponse = await self.call(f"{_ARTIFACTS}/GetArtifactUpload", request)
        return response.upload

    async def download_artifact(self, run_id: str, path: str, offset: int = 0, length: int = 0) -> Download:
        return await self.download(pb.DownloadArtifactRequest(run_id=run_id, path=path, offset=offset, length=length))

    async def list_artifacts(self, run_id: str, path: str = "", **fields: Any) -> pb.ListArtifactsResponse:
        request = pb.ListArtifactsRequest(run_id=run_id, path=path, **fields)
        response: pb.ListArtifactsResponse = await self.call(f"{_ARTIFACTS}/ListArtifacts", request)
        return response

    async def artifact_paths(self, run_id: str, path: str = "", *, recursive: bool = False) -> list[str]:
        """Paths of the first page of `list_artifacts`."""
        return [one.path for one in (await self.list_artifacts(run_id, path, recursive=recursive)).artifacts]

    async def delete_artifacts(self, run_id: str, path: str) -> int:
        """Deletes a file or directory and returns the number of files."""
        request = pb.DeleteArtifactsRequest(run_id=run_id, path=path)
        response: pb.DeleteArtifactsResponse = await self.call(f"{_ARTIFACTS}/DeleteArtifacts", request)
        return response.files

    async def purge_orphaned_artifacts(self, *, dry_run: bool = False) -> pb.PurgeOrphanedArtifactsResponse:
        request = pb.PurgeOrphanedArtifactsRequest(dry_run=dry_run)
        response: pb.PurgeOrphanedArtifactsResponse = await self.call(f"{_ARTIFACTS}/PurgeOrphanedArtifacts", request)
        return response
