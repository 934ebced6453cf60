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
from milepost_server.calls.answers import Answers
from milepost_server.calls.dispatcher import Dispatcher, Interceptor
from milepost_server.calls.handlers import HandlerTable
from milepost_server.calls.interceptors.admission import Admission
from milepost_server.calls.interceptors.caller import CallerName
from milepost_server.calls.interceptors.observation import Observation
from milepost_server.calls.interceptors.validation import Validation
from milepost_server.calls.rules import compile_rules
from milepost_server.config import Settings
from milepost_server.errors import DomainError
from milepost_server.http_server import HttpServer
from milepost_server.mlflow import MLFLOW_VERSION
from milepost_server.rest.app import RestApp
from milepost_server.rpc.listener import GrpcListener
from milepost_server.services.clock import system_clock
from milepost_server.services.folding import fold_forever
from milepost_server.services.replays import sweep_replays
from milepost_server.services.upkeep import renew_statistics_forever
from milepost_server.services.webhook_delivery import WebhookSender
from milepost_server.storage.artifacts.store import ArtifactStore
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema
from milepost_server.wiring import Services, mlflow_servicers, native_servicers

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
        pages = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            # MLflow's names.
            "/health": self._healthz,
            "/version": self._mlflow_version,
        }
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
        sender = WebhookSender(self._storage, self._services.changes, system_clock, self._services.webhook_client)
        self._services.changes.start()
        self._background = [
            asyncio.create_task(self._sweep_forever()),
            asyncio.create_task(fold_forever(self._storage, system_clock)),
            asyncio.create_task(renew_statistics_forever(self._services.upkeep)),
            asyncio.create_task(sender.run()),
        ]
        self._ready = True

    async def stop(self) -> None:
        """Refuses new calls, lets those at work finish within the drain time, and closes everything."""
        if self._stopped:
            return
        self._stopped, self._ready = True, False
        await self._grpc.drain()
        await asyncio.sleep(_NOTICE_S)
        self._services.metric_streams.drain()
        self._services.changes.stop()
        if not await self._admission.drain(self.settings.drain_s):
            _log.warning("calls were still at work when the drain time ended", extra={"calls": self._admission.at_work})
        await asyncio.gather(self._grpc.stop(1), self._http.stop(1))
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._close_stores()

    async def _close_stores(self) -> None:
        await self._services.changes.close()
        await self._services.webhook_client.close()
        await self._services.artifacts.close()
        await self._storage.close()
        await self._artifacts.close()

    def _handlers(self, revision: str) -> HandlerTable:
        self._services = Services(self._storage, self._artifacts, system_clock, self.settings.webhook_hosts)
        self._info = pb.ServerInfo(
            version=__version__,
            database=self._storage.kind,
            schema_revision=revision,
            artifact_scheme=self._artifacts.scheme,
            max_message_bytes=self.settings.max_message_bytes,
            max_concurrent_calls=self.settings.max_concurrent_calls,
        )
        table = HandlerTable([*native_servicers(self._services, self._info), *mlflow_servicers(self._services)])
        compile_rules(method.descriptor.input_type for method in table)
        return table

    def _register_process_metrics(self) -> None:
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        at_work = Gauge("milepost_calls_at_work", "Calls being worked on.", registry=self._registry)
        at_work.set_function(lambda: self._admission.at_work)
        watchers = Gauge("milepost_watchers", "Streams that follow changes.", registry=self._registry)
        watchers.set_function(lambda: self._services.changes.watchers)

    async def _sweep_forever(self) -> None:
        """Removes what is kept for a day only: answers for repeats, and uploads that nobody finished."""
        sweeps: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: sweep_replays(self._storage, system_clock),
            self._services.artifacts.sweep,
            self._services.webhooks.sweep,
        )
        while True:
            for sweep in sweeps:
                try:
                    await sweep()
                except Exception:
                    _log.warning("sweep failed; it will be tried again", exc_info=True)
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _mlflow_version(self) -> tuple[int, str, bytes]:
        return 200, "text/plain", MLFLOW_VERSION.encode()

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
