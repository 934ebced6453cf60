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
from milepost._metric_groups import Metrics
from milepost._metric_views import MetricChart, MetricHistories, MetricHistory, MetricSeries
from milepost._pages import Pages
from milepost._views import RunState
from milepost._watching import MetricUpdate, RunChanges, Watch
from milepost.artifacts import Artifacts
from milepost.config import DEFAULT_TIMEOUT_S, ClientConfig

__all__ = [
    "Client",
    "Datasets",
    "Experiment",
    "Experiments",
    "MetricChart",
    "MetricHistories",
    "MetricHistory",
    "MetricSeries",
    "MetricUpdate",
    "Metrics",
    "Pages",
    "Run",
    "RunChanges",
    "RunState",
    "Runs",
    "Watch",
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
