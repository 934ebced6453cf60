"""The typed, synchronous client.

    with milepost.Client("127.0.0.1:5001") as client:
        run = client.experiments.get_or_create("digits").create_run(params={"lr": 3e-4})
        run.log_metrics({"loss": 0.3}, step=1)
        run.end()
        for run in client.runs.list(experiment="digits", filter="metrics.loss < 0.5"):
            print(run.run_id, run.metrics["loss"])

Every verb takes `timeout` in seconds (the client's `timeout_s` when None), waits for the server, repeats what is safe
to repeat, and raises `MilepostError` (see `milepost.errors`) when it failed for good. Lists fetch their pages as they
are read. Times without a zone are local. A client may be used from several threads and from forked children.
"""

from __future__ import annotations

from types import TracebackType

from milepost import _requests as req
from milepost import v1 as pb
from milepost._channel import Transport
from milepost._groups import Datasets, Experiments, Runs
from milepost._handles import Experiment, Run
from milepost._import_groups import Imports
from milepost._logged_model_groups import LoggedModels
from milepost._metric_groups import Metrics
from milepost._metric_views import MetricChart, MetricHistories, MetricHistory, MetricSeries
from milepost._model_version_groups import ModelVersions
from milepost._pages import Pages
from milepost._registry_groups import RegisteredModels, Registry
from milepost._registry_handles import LoggedModel, ModelVersion, RegisteredModel
from milepost._registry_views import ModelStage, ModelStatus
from milepost._views import RunState
from milepost._watching import MetricUpdate, RunChanges, Watch
from milepost._webhook_groups import Webhooks
from milepost.artifacts import Artifacts
from milepost.config import DEFAULT_TIMEOUT_S, ClientConfig

__all__ = [
    "Client",
    "Datasets",
    "Experiment",
    "Experiments",
    "Imports",
    "LoggedModel",
    "LoggedModels",
    "MetricChart",
    "MetricHistories",
    "MetricHistory",
    "MetricSeries",
    "MetricUpdate",
    "Metrics",
    "ModelStage",
    "ModelStatus",
    "ModelVersion",
    "ModelVersions",
    "Pages",
    "RegisteredModel",
    "RegisteredModels",
    "Registry",
    "Run",
    "RunChanges",
    "RunState",
    "Runs",
    "Watch",
    "Webhooks",
]


class Client:
    """A connection to a server. Connects on first use; `close` it or use it as a context manager.

    Args:
        address: `host:port` or `grpc://host:port`. None: `milepost.set_tracking_uri`, else `MILEPOST_TRACKING_URI`,
            else `127.0.0.1:5001`.
        timeout_s: Seconds that a call may take, retries included. Transfers of artifacts are not bound by it.

    Raises:
        ValueError: The address is of another form.
    """

    def __init__(self, address: str | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.config = ClientConfig.resolve(address, timeout_s=timeout_s)
        self._transport = Transport(self.config)
        self.experiments = Experiments(self)
        self.runs = Runs(self)
        self.metrics = Metrics(self)
        self.datasets = Datasets(self)
        self.artifacts = Artifacts(self._transport)
        self.logged_models = LoggedModels(self)
        self.registered_models = RegisteredModels(self)
        self.model_versions = ModelVersions(self)
        self.registry = Registry(self)
        self.webhooks = Webhooks(self)
        self.imports = Imports(self)

    def __repr__(self) -> str:
        return f"Client({self.config.address!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        self._transport.close()

    def server_info(self, *, timeout: float | None = None) -> pb.ServerInfo:
        """Version, storage and limits of the server."""
        return self._transport.call(req.server_info(), timeout)

    def database_status(self, *, timeout: float | None = None) -> pb.DatabaseStatus:
        """Size and upkeep of the server's database, and what to do about it."""
        return self._transport.call(req.database_status(), timeout)
