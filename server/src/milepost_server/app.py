"""The composition root: makes everything, joins it, starts it and stops it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from milepost import v1 as pb
from milepost._version import __version__
from milepost.v1 import (
    artifact_service_pb2,
    logged_model_service_pb2,
    metric_service_pb2,
    registry_service_pb2,
    server_service_pb2,
    tracking_service_pb2,
    webhook_service_pb2,
)
from milepost_server.calls.answers import Answers
from milepost_server.calls.dispatcher import Dispatcher, Interceptor
from milepost_server.calls.handlers import HandlerTable
from milepost_server.calls.interceptors.admission import Admission
from milepost_server.calls.interceptors.caller import CallerName
from milepost_server.calls.interceptors.observation import Observation
from milepost_server.calls.interceptors.validation import Validation
from milepost_server.calls.rules import compile_rules, rules_for
from milepost_server.config import Settings
from milepost_server.errors import DomainError
from milepost_server.http_server import HttpServer
from milepost_server.rest.app import RestApp
from milepost_server.rpc.listener import GrpcListener
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
from milepost_server.services.clock import system_clock
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.folding import fold_forever
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
from milepost_server.services.replays import sweep_replays
from milepost_server.services.run_facets import RunFacetService
from milepost_server.services.runs import RunService
from milepost_server.services.upkeep import UpkeepService, renew_statistics_forever
from milepost_server.services.watch_metrics import MetricWatchService
from milepost_server.services.watches import WatchService
from milepost_server.services.webhook_delivery import WebhookSender
from milepost_server.services.webhook_requests import WebhookClient
from milepost_server.services.webhooks import WebhookService
from milepost_server.storage.artifacts.store import ArtifactStore
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema

_log = logging.getLogger(__name__)

_SWEEP_EVERY_S = 3600
# Balancers learn that the server is going before its listeners close.
_NOTICE_S = 0.2


class Server:
    """A whole server. Make it and use it within one event loop.

    Args:
        settings: Where everything is and how much of it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.grpc_port = 0
        self.http_port = 0
        self._registry = CollectorRegistry()
        self._admission = Admission(settings.max_concurrent_calls, settings.max_watches)
        self._ready = False
        self._stopped = False

    async def start(self) -> None:
        """Opens the stores and begins to answer; the ports are then those really taken.

        Raises:
            OSError: A folder cannot be made or a port cannot be bound.
            DomainError: The database has a schema of another version, or does not answer.
        """
        settings = self.settings
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        revision = await ensure_schema(settings.sql_url, upgrade=False)
        self._artifacts = ArtifactStore(settings.artifact_url)
        self._storage = await open_storage(
            settings.sql_url,
            self._artifacts.url(),
            synchronous=settings.synchronous,
            pool_size=settings.database_pool,
        )
        table = self._handlers(revision)
        interceptors: list[Interceptor] = [Observation(self._registry), self._admission, CallerName(), Validation()]
        dispatcher = Dispatcher(interceptors, Answers(self._storage.version))
        self._register_process_metrics()
        pages = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics}
        self._http = HttpServer(
            RestApp(
                table,
                dispatcher,
                max_body_bytes=settings.max_message_bytes,
                allowed_hosts=settings.allowed_hosts,
                pages=pages,
            )
        )
        self._grpc = GrpcListener(table, dispatcher, max_message_bytes=settings.max_message_bytes)
        try:
            self.grpc_port = await self._grpc.start(settings.host, settings.grpc_port)
            self.http_port = await self._http.start(settings.host, settings.http_port)
        except OSError:
            await self._grpc.stop(0)
            await self._close_stores()
            raise
        self._info.grpc_port, self._info.http_port = self.grpc_port, self.http_port
        self._changes.start()
        self._background = [
            asyncio.create_task(self._sweep_forever()),
            asyncio.create_task(fold_forever(self._storage, system_clock)),
            asyncio.create_task(renew_statistics_forever(self._upkeep)),
            asyncio.create_task(self._webhook_sender.run()),
        ]
        self._ready = True

    async def stop(self) -> None:
        """Refuses new calls, lets those at work finish within the drain time, and closes everything."""
        if self._stopped:
            return
        self._stopped, self._ready = True, False
        await self._grpc.drain()
        await asyncio.sleep(_NOTICE_S)
        self._metric_streams.drain()
        self._changes.stop()
        if not await self._admission.drain(self.settings.drain_s):
            _log.warning("calls were still at work when the drain time ended", extra={"calls": self._admission.at_work})
        await asyncio.gather(self._grpc.stop(1), self._http.stop(1))
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._close_stores()

    async def _close_stores(self) -> None:
        await self._changes.close()
        await self._webhook_client.close()
        await self._artifact_service.close()
        await self._storage.close()
        await self._artifacts.close()

    def _handlers(self, revision: str) -> HandlerTable:
        storage, clock = self._storage, system_clock
        self._changes = ChangeFeed(storage, clock)
        self._artifact_service = ArtifactService(storage, self._artifacts, clock)
        check_stream = rules_for(pb.StreamMetricsRequest.DESCRIPTOR).check
        self._metric_streams = MetricStreamService(storage, clock, check_stream)
        tracking = TrackingServicer(
            ExperimentService(storage, clock),
            RunService(storage, clock),
            RunFacetService(storage),
            BatchService(storage, clock),
            PurgeService(storage, self._artifacts.delete_tree, clock),
            WatchService(storage, self._changes, clock),
        )
        self._webhook_client = WebhookClient(self.settings.webhook_hosts)
        self._webhooks = WebhookService(storage, clock, self._webhook_client, self.settings.webhook_hosts)
        self._webhook_sender = WebhookSender(storage, self._changes, clock, self._webhook_client)
        self._upkeep = UpkeepService(storage)
        self._info = pb.ServerInfo(
            version=__version__,
            database=storage.kind,
            schema_revision=revision,
            artifact_scheme=self._artifacts.scheme,
            max_message_bytes=self.settings.max_message_bytes,
            max_concurrent_calls=self.settings.max_concurrent_calls,
        )
        table = HandlerTable(
            [
                (tracking_service_pb2.DESCRIPTOR.services_by_name["TrackingService"], tracking),
                (
                    metric_service_pb2.DESCRIPTOR.services_by_name["MetricService"],
                    MetricServicer(
                        MetricService(storage, clock),
                        MetricReadService(storage),
                        MetricSeriesService(storage),
                        self._metric_streams,
                        MetricWatchService(storage, self._changes),
                    ),
                ),
                (
                    artifact_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"],
                    ArtifactServicer(self._artifact_service),
                ),
                (
                    logged_model_service_pb2.DESCRIPTOR.services_by_name["LoggedModelService"],
                    LoggedModelServicer(LoggedModelService(storage, clock)),
                ),
                (
                    registry_service_pb2.DESCRIPTOR.services_by_name["RegistryService"],
                    RegistryServicer(
                        RegisteredModelService(storage, clock),
                        ModelVersionService(storage, clock),
                        ModelAliasService(storage, clock),
                        ModelPromotionService(storage, clock),
                        RegistryEventService(storage, self._changes),
                    ),
                ),
                (
                    webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
                    WebhookServicer(self._webhooks),
                ),
                (
                    server_service_pb2.DESCRIPTOR.services_by_name["ServerService"],
                    ServerServicer(self._info, self._upkeep),
                ),
            ]
        )
        compile_rules(method.descriptor.input_type for method in table)
        return table

    def _register_process_metrics(self) -> None:
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        at_work = Gauge("milepost_calls_at_work", "Calls being worked on.", registry=self._registry)
        at_work.set_function(lambda: self._admission.at_work)
        watchers = Gauge("milepost_watchers", "Streams that follow changes.", registry=self._registry)
        watchers.set_function(lambda: self._changes.watchers)

    async def _sweep_forever(self) -> None:
        """Removes what is kept for a day only: answers for repeats, and uploads that nobody finished."""
        sweeps: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: sweep_replays(self._storage, system_clock),
            self._artifact_service.sweep,
            self._webhooks.sweep,
        )
        while True:
            for sweep in sweeps:
                try:
                    await sweep()
                except Exception:
                    _log.warning("sweep failed; it will be tried again", exc_info=True)
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _healthz(self) -> tuple[int, str, bytes]:
        return 200, "text/plain; charset=utf-8", b"ok\n"

    async def _readyz(self) -> tuple[int, str, bytes]:
        if not self._ready:
            return 503, "text/plain; charset=utf-8", b"shutting down\n"
        try:
            await self._storage.ready()
        except DomainError as error:
            return 503, "text/plain; charset=utf-8", f"{error}\n".encode()
        return 200, "text/plain; charset=utf-8", b"ready\n"

    async def _metrics(self) -> tuple[int, str, bytes]:
        return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
