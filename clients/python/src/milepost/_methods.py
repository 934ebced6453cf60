"""Every RPC that the client calls, with the verb of the client that calls it.

The channel makes its calls from these rows, and a test compares them with the descriptors of the services: a new RPC
without a verb fails it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.v1 import annotations_pb2

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

_PACKAGE = "milepost.v1"


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """One RPC.

    Args:
        service: Service of `milepost.v1`, without the package.
        name: The RPC in it.
        verb: The attribute path below `Client` and `AsyncClient` that calls it.
        request: Class of its request messages.
        response: Class of its response messages.
    """

    service: str
    name: str
    verb: str
    request: type[Request]
    response: type[Response]

    @property
    def path(self) -> str:
        """The RPC as HTTP/2 names it."""
        return f"/{_PACKAGE}.{self.service}/{self.name}"

    @cached_property
    def descriptor(self) -> MethodDescriptor:
        """The RPC's descriptor."""
        service = descriptor_pool.Default().FindServiceByName(f"{_PACKAGE}.{self.service}")
        return service.methods_by_name[self.name]

    @cached_property
    def takes_request_id(self) -> bool:
        """Whether a `request_id` makes a repeat safe."""
        return "request_id" in self.request.DESCRIPTOR.fields_by_name

    @cached_property
    def repeatable(self) -> bool:
        """Whether a lost answer may be answered by calling again: reads, and what carries a `request_id`."""
        return self.takes_request_id or self._reads

    @cached_property
    def told(self) -> bool:
        """Whether the server records who calls: changes of the registry, imports among them."""
        return self.service in ("RegistryService", "ImportService") and not self._reads

    @cached_property
    def _reads(self) -> bool:
        permission = self.descriptor.GetOptions().Extensions[annotations_pb2.permission]
        return permission in (pb.PERMISSION_READ, pb.PERMISSION_PUBLIC)


METHODS: dict[str, Method[Any, Any]] = {}
"""All methods by the RPC's name."""


def _method(
    service: str, name: str, verb: str, request: type[Request], response: type[Response]
) -> Method[Request, Response]:
    method = Method(service, name, verb, request, response)
    METHODS[name] = method
    return method


def _tracking(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _method("TrackingService", name, verb, request, response)


def _artifact(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _method("ArtifactService", name, verb, request, response)


def _registry(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _method("RegistryService", name, verb, request, response)


def _logged_model(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _method("LoggedModelService", name, verb, request, response)


def _webhook(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _method("WebhookService", name, verb, request, response)


def _import(name: str, verb: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _method("ImportService", name, verb, request, response)


CREATE_EXPERIMENT = _tracking(
    "CreateExperiment", "experiments.create", pb.CreateExperimentRequest, pb.CreateExperimentResponse
)
GET_EXPERIMENT = _tracking("GetExperiment", "experiments.get", pb.GetExperimentRequest, pb.GetExperimentResponse)
GET_EXPERIMENT_BY_NAME = _tracking(
    "GetExperimentByName", "experiments.get_by_name", pb.GetExperimentByNameRequest, pb.GetExperimentByNameResponse
)
BATCH_GET_EXPERIMENTS = _tracking(
    "BatchGetExperiments", "experiments.batch_get", pb.BatchGetExperimentsRequest, pb.BatchGetExperimentsResponse
)
LIST_EXPERIMENTS = _tracking(
    "ListExperiments", "experiments.list", pb.ListExperimentsRequest, pb.ListExperimentsResponse
)
UPDATE_EXPERIMENT = _tracking(
    "UpdateExperiment", "experiments.update", pb.UpdateExperimentRequest, pb.UpdateExperimentResponse
)
UPDATE_EXPERIMENT_TAGS = _tracking(
    "UpdateExperimentTags", "experiments.update_tags", pb.UpdateExperimentTagsRequest, pb.UpdateExperimentTagsResponse
)
DELETE_EXPERIMENT = _tracking(
    "DeleteExperiment", "experiments.delete", pb.DeleteExperimentRequest, pb.DeleteExperimentResponse
)
RESTORE_EXPERIMENT = _tracking(
    "RestoreExperiment", "experiments.restore", pb.RestoreExperimentRequest, pb.RestoreExperimentResponse
)
PURGE_EXPERIMENT = _tracking(
    "PurgeExperiment", "experiments.purge", pb.PurgeExperimentRequest, pb.PurgeExperimentResponse
)
CREATE_RUN = _tracking("CreateRun", "runs.create", pb.CreateRunRequest, pb.CreateRunResponse)
GET_RUN = _tracking("GetRun", "runs.get", pb.GetRunRequest, pb.GetRunResponse)
BATCH_GET_RUNS = _tracking("BatchGetRuns", "runs.batch_get", pb.BatchGetRunsRequest, pb.BatchGetRunsResponse)
LIST_RUNS = _tracking("ListRuns", "runs.list", pb.ListRunsRequest, pb.ListRunsResponse)
COUNT_RUNS = _tracking("CountRuns", "runs.count", pb.CountRunsRequest, pb.CountRunsResponse)
GROUP_RUNS = _tracking("GroupRuns", "runs.group", pb.GroupRunsRequest, pb.GroupRunsResponse)
LIST_RUN_KEYS = _tracking("ListRunKeys", "runs.keys", pb.ListRunKeysRequest, pb.ListRunKeysResponse)
LIST_RUN_VALUES = _tracking("ListRunValues", "runs.values", pb.ListRunValuesRequest, pb.ListRunValuesResponse)
UPDATE_RUN = _tracking("UpdateRun", "runs.update", pb.UpdateRunRequest, pb.UpdateRunResponse)
DELETE_RUN = _tracking("DeleteRun", "runs.delete", pb.DeleteRunRequest, pb.DeleteRunResponse)
RESTORE_RUN = _tracking("RestoreRun", "runs.restore", pb.RestoreRunRequest, pb.RestoreRunResponse)
PURGE_RUN = _tracking("PurgeRun", "runs.purge", pb.PurgeRunRequest, pb.PurgeRunResponse)
PURGE_RUNS = _tracking("PurgeRuns", "runs.purge_many", pb.PurgeRunsRequest, pb.PurgeRunsResponse)
LOG_BATCH = _tracking("LogBatch", "runs.log_batch", pb.LogBatchRequest, pb.LogBatchResponse)
DELETE_RUN_TAGS = _tracking("DeleteRunTags", "runs.delete_tags", pb.DeleteRunTagsRequest, pb.DeleteRunTagsResponse)
LOG_INPUTS = _tracking("LogInputs", "runs.log_inputs", pb.LogInputsRequest, pb.LogInputsResponse)
LOG_OUTPUTS = _tracking("LogOutputs", "runs.log_outputs", pb.LogOutputsRequest, pb.LogOutputsResponse)
LIST_DATASETS = _tracking("ListDatasets", "datasets.list", pb.ListDatasetsRequest, pb.ListDatasetsResponse)
WATCH_RUN = _tracking("WatchRun", "runs.watch", pb.WatchRunRequest, pb.WatchRunResponse)
WATCH_EXPERIMENT = _tracking(
    "WatchExperiment", "experiments.watch", pb.WatchExperimentRequest, pb.WatchExperimentResponse
)
UPLOAD_ARTIFACT = _artifact("UploadArtifact", "artifacts.upload", pb.UploadArtifactRequest, pb.UploadArtifactResponse)
GET_ARTIFACT_UPLOAD = _artifact(
    "GetArtifactUpload", "artifacts.get_upload", pb.GetArtifactUploadRequest, pb.GetArtifactUploadResponse
)
DOWNLOAD_ARTIFACT = _artifact(
    "DownloadArtifact", "artifacts.download", pb.DownloadArtifactRequest, pb.DownloadArtifactResponse
)
LIST_ARTIFACTS = _artifact("ListArtifacts", "artifacts.list", pb.ListArtifactsRequest, pb.ListArtifactsResponse)
PURGE_ORPHANED_ARTIFACTS = _artifact(
    "PurgeOrphanedArtifacts",
    "artifacts.purge_orphans",
    pb.PurgeOrphanedArtifactsRequest,
    pb.PurgeOrphanedArtifactsResponse,
)
DELETE_ARTIFACTS = _artifact(
    "DeleteArtifacts", "artifacts.delete", pb.DeleteArtifactsRequest, pb.DeleteArtifactsResponse
)

LOG_METRICS = _method("MetricService", "LogMetrics", "metrics.log", pb.LogMetricsRequest, pb.LogMetricsResponse)
STREAM_METRICS = _method(
    "MetricService", "StreamMetrics", "metrics.stream", pb.StreamMetricsRequest, pb.StreamMetricsResponse
)
WATCH_METRICS = _method(
    "MetricService", "WatchMetrics", "metrics.watch", pb.WatchMetricsRequest, pb.WatchMetricsResponse
)
LIST_METRIC_HISTORY = _method(
    "MetricService",
    "ListMetricHistory",
    "metrics.history",
    pb.ListMetricHistoryRequest,
    pb.ListMetricHistoryResponse,
)
STREAM_METRIC_HISTORY = _method(
    "MetricService",
    "StreamMetricHistory",
    "metrics.stream_history",
    pb.StreamMetricHistoryRequest,
    pb.StreamMetricHistoryResponse,
)
EXPORT_METRIC_HISTORY = _method(
    "MetricService",
    "ExportMetricHistory",
    "metrics.export",
    pb.ExportMetricHistoryRequest,
    pb.ExportMetricHistoryResponse,
)
GET_METRIC_SERIES = _method(
    "MetricService", "GetMetricSeries", "metrics.series", pb.GetMetricSeriesRequest, pb.GetMetricSeriesResponse
)
REWIND_METRICS = _method(
    "MetricService", "RewindMetrics", "metrics.rewind", pb.RewindMetricsRequest, pb.RewindMetricsResponse
)
DELETE_METRICS = _method(
    "MetricService", "DeleteMetrics", "metrics.delete", pb.DeleteMetricsRequest, pb.DeleteMetricsResponse
)
RECOMPUTE_METRIC_SUMMARIES = _method(
    "MetricService",
    "RecomputeMetricSummaries",
    "metrics.recompute",
    pb.RecomputeMetricSummariesRequest,
    pb.RecomputeMetricSummariesResponse,
)
GET_SERVER_INFO = _method(
    "ServerService", "GetServerInfo", "server_info", pb.GetServerInfoRequest, pb.GetServerInfoResponse
)
GET_DATABASE_STATUS = _method(
    "ServerService", "GetDatabaseStatus", "database_status", pb.GetDatabaseStatusRequest, pb.GetDatabaseStatusResponse
)

CREATE_REGISTERED_MODEL = _registry(
    "CreateRegisteredModel",
    "registered_models.create",
    pb.CreateRegisteredModelRequest,
    pb.CreateRegisteredModelResponse,
)
GET_REGISTERED_MODEL = _registry(
    "GetRegisteredModel", "registered_models.get", pb.GetRegisteredModelRequest, pb.GetRegisteredModelResponse
)
LIST_REGISTERED_MODELS = _registry(
    "ListRegisteredModels", "registered_models.list", pb.ListRegisteredModelsRequest, pb.ListRegisteredModelsResponse
)
UPDATE_REGISTERED_MODEL = _registry(
    "UpdateRegisteredModel",
    "registered_models.update",
    pb.UpdateRegisteredModelRequest,
    pb.UpdateRegisteredModelResponse,
)
UPDATE_MODEL_TAGS = _registry(
    "UpdateModelTags", "registered_models.update_tags", pb.UpdateModelTagsRequest, pb.UpdateModelTagsResponse
)
RENAME_REGISTERED_MODEL = _registry(
    "RenameRegisteredModel",
    "registered_models.rename",
    pb.RenameRegisteredModelRequest,
    pb.RenameRegisteredModelResponse,
)
DELETE_REGISTERED_MODEL = _registry(
    "DeleteRegisteredModel",
    "registered_models.delete",
    pb.DeleteRegisteredModelRequest,
    pb.DeleteRegisteredModelResponse,
)
SET_MODEL_ALIAS = _registry(
    "SetModelAlias", "registered_models.set_alias", pb.SetModelAliasRequest, pb.SetModelAliasResponse
)
DELETE_MODEL_ALIAS = _registry(
    "DeleteModelAlias", "registered_models.delete_alias", pb.DeleteModelAliasRequest, pb.DeleteModelAliasResponse
)
CREATE_MODEL_VERSION = _registry(
    "CreateModelVersion", "model_versions.create", pb.CreateModelVersionRequest, pb.CreateModelVersionResponse
)
GET_MODEL_VERSION = _registry(
    "GetModelVersion", "model_versions.get", pb.GetModelVersionRequest, pb.GetModelVersionResponse
)
GET_MODEL_VERSION_BY_ALIAS = _registry(
    "GetModelVersionByAlias",
    "model_versions.get_by_alias",
    pb.GetModelVersionByAliasRequest,
    pb.GetModelVersionByAliasResponse,
)
LIST_MODEL_VERSIONS = _registry(
    "ListModelVersions", "model_versions.list", pb.ListModelVersionsRequest, pb.ListModelVersionsResponse
)
UPDATE_MODEL_VERSION = _registry(
    "UpdateModelVersion", "model_versions.update", pb.UpdateModelVersionRequest, pb.UpdateModelVersionResponse
)
TRANSITION_MODEL_VERSION = _registry(
    "TransitionModelVersion",
    "model_versions.transition",
    pb.TransitionModelVersionRequest,
    pb.TransitionModelVersionResponse,
)
DELETE_MODEL_VERSION = _registry(
    "DeleteModelVersion", "model_versions.delete", pb.DeleteModelVersionRequest, pb.DeleteModelVersionResponse
)
COPY_MODEL_VERSION = _registry(
    "CopyModelVersion", "model_versions.copy", pb.CopyModelVersionRequest, pb.CopyModelVersionResponse
)
LIST_REGISTRY_EVENTS = _registry(
    "ListRegistryEvents", "registry.events", pb.ListRegistryEventsRequest, pb.ListRegistryEventsResponse
)
WATCH_REGISTRY = _registry("WatchRegistry", "registry.watch", pb.WatchRegistryRequest, pb.WatchRegistryResponse)
CREATE_LOGGED_MODEL = _logged_model(
    "CreateLoggedModel", "logged_models.create", pb.CreateLoggedModelRequest, pb.CreateLoggedModelResponse
)
FINALIZE_LOGGED_MODEL = _logged_model(
    "FinalizeLoggedModel", "logged_models.finalize", pb.FinalizeLoggedModelRequest, pb.FinalizeLoggedModelResponse
)
GET_LOGGED_MODEL = _logged_model(
    "GetLoggedModel", "logged_models.get", pb.GetLoggedModelRequest, pb.GetLoggedModelResponse
)
LIST_LOGGED_MODELS = _logged_model(
    "ListLoggedModels", "logged_models.list", pb.ListLoggedModelsRequest, pb.ListLoggedModelsResponse
)
UPDATE_LOGGED_MODEL = _logged_model(
    "UpdateLoggedModel", "logged_models.update", pb.UpdateLoggedModelRequest, pb.UpdateLoggedModelResponse
)
DELETE_LOGGED_MODEL = _logged_model(
    "DeleteLoggedModel", "logged_models.delete", pb.DeleteLoggedModelRequest, pb.DeleteLoggedModelResponse
)
RESTORE_LOGGED_MODEL = _logged_model(
    "RestoreLoggedModel", "logged_models.restore", pb.RestoreLoggedModelRequest, pb.RestoreLoggedModelResponse
)
CREATE_WEBHOOK = _webhook("CreateWebhook", "webhooks.create", pb.CreateWebhookRequest, pb.CreateWebhookResponse)
GET_WEBHOOK = _webhook("GetWebhook", "webhooks.get", pb.GetWebhookRequest, pb.GetWebhookResponse)
LIST_WEBHOOKS = _webhook("ListWebhooks", "webhooks.list", pb.ListWebhooksRequest, pb.ListWebhooksResponse)
UPDATE_WEBHOOK = _webhook("UpdateWebhook", "webhooks.update", pb.UpdateWebhookRequest, pb.UpdateWebhookResponse)
DELETE_WEBHOOK = _webhook("DeleteWebhook", "webhooks.delete", pb.DeleteWebhookRequest, pb.DeleteWebhookResponse)
TEST_WEBHOOK = _webhook("TestWebhook", "webhooks.test", pb.TestWebhookRequest, pb.TestWebhookResponse)
LIST_WEBHOOK_DELIVERIES = _webhook(
    "ListWebhookDeliveries", "webhooks.deliveries", pb.ListWebhookDeliveriesRequest, pb.ListWebhookDeliveriesResponse
)

IMPORT_EXPERIMENTS = _import(
    "ImportExperiments", "imports.experiments", pb.ImportExperimentsRequest, pb.ImportExperimentsResponse
)
IMPORT_RUNS = _import("ImportRuns", "imports.runs", pb.ImportRunsRequest, pb.ImportRunsResponse)
IMPORT_METRIC_POINTS = _import(
    "ImportMetricPoints", "imports.metric_points", pb.ImportMetricPointsRequest, pb.ImportMetricPointsResponse
)
IMPORT_LOGGED_MODELS = _import(
    "ImportLoggedModels", "imports.logged_models", pb.ImportLoggedModelsRequest, pb.ImportLoggedModelsResponse
)
IMPORT_REGISTERED_MODELS = _import(
    "ImportRegisteredModels",
    "imports.registered_models",
    pb.ImportRegisteredModelsRequest,
    pb.ImportRegisteredModelsResponse,
)
IMPORT_DELETIONS = _import(
    "ImportDeletions", "imports.deletions", pb.ImportDeletionsRequest, pb.ImportDeletionsResponse
)
