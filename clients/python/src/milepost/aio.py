"""The typed, asynchronous client: the groups and verbs of `milepost.client`, awaited, on grpc.aio.

    async with milepost.AsyncClient("127.0.0.1:5001") as client:
        async for run in client.runs.list(experiment="digits", filter="metrics.loss < 0.5"):
            print(run.run_id, run.metrics["loss"])

A client belongs to the event loop that first uses it.
"""

from __future__ import annotations

from types import TracebackType

from milepost import _requests as req
from milepost import v1 as pb
from milepost._aio_groups import AsyncDatasets, AsyncExperiments, AsyncRuns
from milepost._aio_handles import AsyncExperiment, AsyncRun
from milepost._aio_import_groups import AsyncImports
from milepost._aio_logged_model_groups import AsyncLoggedModels
from milepost._aio_metric_groups import AsyncMetrics
from milepost._aio_model_version_groups import AsyncModelVersions
from milepost._aio_registry_groups import AsyncRegisteredModels, AsyncRegistry
from milepost._aio_registry_handles import AsyncLoggedModel, AsyncModelVersion, AsyncRegisteredModel
from milepost._aio_webhook_groups import AsyncWebhooks
from milepost._channel import AsyncTransport
from milepost._pages import AsyncPages
from milepost._watching import AsyncWatch
from milepost.artifacts import AsyncArtifacts
from milepost.config import DEFAULT_TIMEOUT_S, ClientConfig

__all__ = [
    "AsyncArtifacts",
    "AsyncClient",
    "AsyncDatasets",
    "AsyncExperiment",
    "AsyncExperiments",
    "AsyncImports",
    "AsyncLoggedModel",
    "AsyncLoggedModels",
    "AsyncMetrics",
    "AsyncModelVersion",
    "AsyncModelVersions",
    "AsyncPages",
    "AsyncRegisteredModel",
    "AsyncRegisteredModels",
    "AsyncRegistry",
    "AsyncRun",
    "AsyncRuns",
    "AsyncWatch",
    "AsyncWebhooks",
]


class AsyncClient:
    """See `milepost.client.Client`."""

    def __init__(self, address: str | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.config = ClientConfig.resolve(address, timeout_s=timeout_s)
        self._transport = AsyncTransport(self.config)
        self.experiments = AsyncExperiments(self)
        self.runs = AsyncRuns(self)
        self.metrics = AsyncMetrics(self)
        self.datasets = AsyncDatasets(self)
        self.artifacts = AsyncArtifacts(self._transport)
        self.logged_models = AsyncLoggedModels(self)
        self.registered_models = AsyncRegisteredModels(self)
        self.model_versions = AsyncModelVersions(self)
        self.registry = AsyncRegistry(self)
        self.webhooks = AsyncWebhooks(self)
        self.imports = AsyncImports(self)

    def __repr__(self) -> str:
        return f"AsyncClient({self.config.address!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        await self._transport.close()

    async def server_info(self, *, timeout: float | None = None) -> pb.ServerInfo:
        """Version, storage and limits of the server."""
        return await self._transport.call(req.server_info(), timeout)

    async def database_status(self, *, timeout: float | None = None) -> pb.DatabaseStatus:
        """Size and upkeep of the server's database, and what to do about it."""
        return await self._transport.call(req.database_status(), timeout)
