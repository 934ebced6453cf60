"""Makes the services on the stores, and the servicers on the services."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor import ServiceDescriptor

from milepost import v1 as pb
from milepost.mlflow.v1 import experiment_service_pb2 as mlflow_experiments
from milepost.mlflow.v1 import run_service_pb2 as mlflow_runs
from milepost.v1 import (
    artifact_service_pb2,
    logged_model_service_pb2,
    metric_service_pb2,
    registry_service_pb2,
    server_service_pb2,
    tracking_service_pb2,
    webhook_service_pb2,
)
from milepost_server.calls.rules import rules_for
from milepost_server.mlflow.experiments import MlflowExperimentServicer
from milepost_server.mlflow.runs import MlflowRunServicer
from milepost_server.servicers.artifacts import ArtifactServicer
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
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.services.metric_reads import MetricReadService
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
        (server_service_pb2.DESCRIPTOR.services_by_name["ServerService"], ServerServicer(info, s.upkeep)),
    ]


def mlflow_servicers(services: Services) -> Servicers:
    """Each service of `milepost.mlflow.v1` with what answers it."""
    s = services
    return [
        (
            mlflow_experiments.DESCRIPTOR.services_by_name["ExperimentService"],
            MlflowExperimentServicer(s.experiments, s.batches),
        ),
        (
            mlflow_runs.DESCRIPTOR.services_by_name["RunService"],
            MlflowRunServicer(s.experiments, s.runs, s.batches),
        ),
    ]
