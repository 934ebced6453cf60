"""One transaction: the row access of each resource over one connection."""

from __future__ import annotations

from milepost_server.storage.sql.artifacts import ArtifactRows
from milepost_server.storage.sql.experiments import ExperimentRows
from milepost_server.storage.sql.metrics import MetricRows
from milepost_server.storage.sql.replays import ReplayRows
from milepost_server.storage.sql.runs import RunRows
from milepost_server.storage.sql.statements import Connection


class SqlTransaction:
    """See `storage.base.Transaction`."""

    __slots__ = ("artifacts", "experiments", "metrics", "replays", "runs")

    def __init__(self, connection: Connection, artifact_root: str) -> None:
        self.experiments = ExperimentRows(connection, artifact_root)
        self.runs = RunRows(connection, artifact_root)
        self.metrics = MetricRows(connection)
        self.replays = ReplayRows(connection)
        self.artifacts = ArtifactRows(connection)
