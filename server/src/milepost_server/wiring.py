"""Makes the services on the stores, and the servicers on the services."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor import ServiceDescriptor

from milepost import v1 as pb
from milepost.mlflow.v1 import artifact_proxy_service_pb2 as mlflow_proxy
from milepost.mlflow.v1 import artifact_service_pb2 as mlflow_artifacts
from milepost.mlflow.v1 import experiment_service_pb2 as mlflow_experiments
from milepost.mlflow.v1 import logged_model_service_pb2 as mlflow_logged_models
from milepost.mlflow.v1 import metric_service_pb2 as mlflow_metrics
from milepost.mlflow.v1 import model_version_service_pb2 as mlflow_versions
from milepost.mlflow.v1 import registered_model_service_pb2 as mlflow_registry
from milepost.mlflow.v1 import run_service_pb2 as mlflow_runs
from milepost.mlflow.v1 import server_service_pb2 as mlflow_server
from milepost.mlflow.v1 import webhook_service_pb2 as mlflow_webhooks
from milepost.v1 import (
    artifact_service_pb2,
    import_service_pb2,
    logged_model_service_pb2,
    metric_service_pb2,
    registry_service_pb2,
    server_service_pb2,
    tracking_service_pb2,
    webhook_service_pb2,
)
from milepost_server.calls.rules import rules_for
from milepost_server.mlflow import version_sources
from milepost_server.mlflow.artifact_proxy import MlflowArtifactProxyServicer
from milepost_server.mlflow.artifacts import MlflowArtifactServicer
from milepost_server.mlflow.experiments import MlflowExperimentServicer
from milepost_server.mlflow.logged_models import MlflowLoggedModelServicer
from milepost_server.mlflow.metrics import MlflowMetricServicer
from milepost_server.mlflow.model_versions import MlflowModelVersionServicer
from milepost_server.mlflow.registered_models import MlflowRegisteredModelServicer
from milepost_server.mlflow.runs import MlflowRunServicer
from milepost_server.mlflow.server_info import MlflowServerServicer
from milepost_server.mlflow.webhooks import MlflowWebhookServicer
from milepost_server.servicers.artifacts import ArtifactServicer
from milepost_server.servicers.imports import ImportServicer
from milepost_server.servicers.logged_models import LoggedModelServicer
from milepost_server.servicers.metrics import MetricServicer
from milepost_server.servicers.registry import RegistryServicer
from milepost_server.servicers.server import ServerServicer
from milepost_server.servicers.tracking import TrackingServicer
from milepost_server.servicers.webhooks import WebhookServicer
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.batches import BatchService
from milepost_server.services.changes import ChangeFeed
from milepost_server.services.clock import Clock
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.imports import ImportService
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.services.metric_histories import MetricHistoryService
from milepost_server.services.metric_reads import MetricReadService
from milepost_server.services.metric_samples import MetricSampleService
from milepost_server.services.metric_series import MetricSeriesService
from milepost_server.services.metric_streams import MetricStreamService
from milepost_server.services.metrics import MetricService
from milepost_server.services.model_aliases import ModelAliasService
from milepost_server.services.model_promotion import ModelPromotionService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.purges import PurgeService
from milepost_server.services.registered_models import RegisteredModelService
from milepost_server.services.registry_events import RegistryEventService
from milepost_server.services.run_facets import RunFacetService
from milepost_server.services.runs import RunService
from milepost_server.services.upkeep import UpkeepService
from milepost_server.services.watch_metrics import MetricWatchService
from milepost_server.services.watches import WatchService
from milepost_server.services.webhook_requests import WebhookClient
from milepost_server.services.webhooks import WebhookService
from milepost_server.storage.artifacts.store import ArtifactStore
from milepost_server.storage.base import Storage

Servicers = list[tuple[ServiceDescriptor, object]]


class Services:
    """The services of one server.

    Args:
        storage: The database.
        artifacts: The artifact store.
        clock: The time.
        webhook_hosts: Hosts that webhooks may call although their addresses are not public.
    """

    def __init__(self, storage: Storage, artifacts: ArtifactStore, clock: Clock, webhook_hosts: Sequence[str]) -> None:
        self.changes = ChangeFeed(storage, clock)
        self.experiments = ExperimentService(storage, clock)
        self.runs = RunService(storage, clock)
        self.facets = RunFacetService(storage)
        self.batches = BatchService(storage, clock)
        self.purges = PurgeService(storage, artifacts.delete_tree, clock)
        self.watches = WatchService(storage, self.changes, clock)
        self.metrics = MetricService(storage, clock)
        self.metric_reads = MetricReadService(storage)
        self.metric_histories = MetricHistoryService(storage)
        self.metric_samples = MetricSampleService(storage)
        self.metric_series = MetricSeriesService(storage)
        check_stream = rules_for(pb.StreamMetricsRequest.DESCRIPTOR).check
        self.metric_streams = MetricStreamService(storage, clock, check_stream)
        self.metric_watches = MetricWatchService(storage, self.changes)
        self.artifacts = ArtifactService(storage, artifacts, clock)
        self.logged_models = LoggedModelService(storage, clock)
        self.registered_models = RegisteredModelService(storage, clock)
        self.model_versions = ModelVersionService(storage, clock)
        self.model_aliases = ModelAliasService(storage, clock)
        self.model_promotion = ModelPromotionService(storage, clock)
        self.registry_events = RegistryEventService(storage, self.changes)
        self.webhook_client = WebhookClient(webhook_hosts)
        self.webhooks = WebhookService(storage, clock, self.webhook_client, webhook_hosts)
        self.imports = ImportService(storage, clock)
        self.upkeep = UpkeepService(storage)


def native_servicers(services: Services, info: pb.ServerInfo) -> Servicers:
    """Each service of `milepost.v1` with what answers it."""
    s = services
    tracking = TrackingServicer(s.experiments, s.runs, s.facets, s.batches, s.purges, s.watches)
    metrics = MetricServicer(s.metrics, s.metric_reads, s.metric_series, s.metric_streams, s.metric_watches)
    registry = RegistryServicer(
        s.registered_models, s.model_versions, s.model_aliases, s.model_promotion, s.registry_events
    )
    return [
        (tracking_service_pb2.DESCRIPTOR.services_by_name["TrackingService"], tracking),
        (metric_service_pb2.DESCRIPTOR.services_by_name["MetricService"], metrics),
        (artifact_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"], ArtifactServicer(s.artifacts)),
        (
            logged_model_service_pb2.DESCRIPTOR.services_by_name["LoggedModelService"],
            LoggedModelServicer(s.logged_models),
        ),
        (registry_service_pb2.DESCRIPTOR.services_by_name["RegistryService"], registry),
        (webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"], WebhookServicer(s.webhooks)),
        (import_service_pb2.DESCRIPTOR.services_by_name["ImportService"], ImportServicer(s.imports)),
        (server_service_pb2.DESCRIPTOR.services_by_name["ServerService"], ServerServicer(info, s.upkeep)),
    ]


def mlflow_servicers(services: Services) -> Servicers:
    """Each service of `milepost.mlflow.v1` with what answers it."""
    s = services
    sources = version_sources.VersionSources(
        version_sources.Services(s.runs, s.artifacts, s.logged_models, s.model_versions, s.model_aliases)
    )
    return [
        (
            mlflow_experiments.DESCRIPTOR.services_by_name["ExperimentService"],
            MlflowExperimentServicer(s.experiments, s.batches),
        ),
        (
            mlflow_runs.DESCRIPTOR.services_by_name["RunService"],
            MlflowRunServicer(s.experiments, s.runs, s.batches),
        ),
        (
            mlflow_metrics.DESCRIPTOR.services_by_name["MetricService"],
            MlflowMetricServicer(s.metric_histories, s.metric_samples),
        ),
        (
            mlflow_logged_models.DESCRIPTOR.services_by_name["LoggedModelService"],
            MlflowLoggedModelServicer(s.logged_models, s.experiments, s.artifacts),
        ),
        (
            mlflow_registry.DESCRIPTOR.services_by_name["RegisteredModelService"],
            MlflowRegisteredModelServicer(s.registered_models, s.model_versions, s.model_aliases),
        ),
        (
            mlflow_versions.DESCRIPTOR.services_by_name["ModelVersionService"],
            MlflowModelVersionServicer(s.model_versions, s.model_promotion, s.artifacts, sources),
        ),
        (
            mlflow_artifacts.DESCRIPTOR.services_by_name["ArtifactService"],
            MlflowArtifactServicer(s.artifacts, s.runs, s.model_versions),
        ),
        (
            mlflow_proxy.DESCRIPTOR.services_by_name["ArtifactProxyService"],
            MlflowArtifactProxyServicer(s.artifacts),
        ),
        (mlflow_webhooks.DESCRIPTOR.services_by_name["WebhookService"], MlflowWebhookServicer(s.webhooks)),
        (mlflow_server.DESCRIPTOR.services_by_name["ServerService"], MlflowServerServicer()),
    ]
