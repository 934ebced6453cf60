"""One transaction: the row access of each resource over one connection."""

from __future__ import annotations

from milepost_server.storage.base import Changed
from milepost_server.storage.sql.artifacts import ArtifactRows
from milepost_server.storage.sql.changes import ChangeRows, Changes
from milepost_server.storage.sql.experiments import ExperimentRows
from milepost_server.storage.sql.facets import FacetRows
from milepost_server.storage.sql.imports import ImportRows
from milepost_server.storage.sql.logged_models import LoggedModelRows
from milepost_server.storage.sql.metric_reads import MetricReadRows
from milepost_server.storage.sql.metric_writers import MetricWriterRows
from milepost_server.storage.sql.metrics import MetricRows
from milepost_server.storage.sql.model_uses import ModelUseRows
from milepost_server.storage.sql.model_versions import ModelVersionRows
from milepost_server.storage.sql.purging import PurgeRows
from milepost_server.storage.sql.registered_models import RegisteredModelRows
from milepost_server.storage.sql.registry_events import RegistryEventRows
from milepost_server.storage.sql.replays import ReplayRows
from milepost_server.storage.sql.runs import RunRows
from milepost_server.storage.sql.statements import Connection
from milepost_server.storage.sql.upkeep import UpkeepRows
from milepost_server.storage.sql.webhooks import WebhookRows


class SqlTransaction:
    """See `storage.base.Transaction`.

    Args:
        connection: Where it is open.
        artifact_root: URL of the folder that holds the experiments' folders.
        noted: Takes what the transaction changes, to be told once it is committed.
    """

    __slots__ = (
        "artifacts",
        "changes",
        "compute",
        "experiments",
        "imports",
        "logged_models",
        "metric_reads",
        "metric_writers",
        "metrics",
        "model_uses",
        "model_versions",
        "purges",
        "registered_models",
        "registry_events",
        "replays",
        "run_facets",
        "runs",
        "upkeep",
        "webhooks",
    )

    def __init__(self, connection: Connection, artifact_root: str, noted: set[Changed]) -> None:
        changes = Changes(connection, noted)
        self.experiments = ExperimentRows(connection, artifact_root, changes)
        self.runs = RunRows(connection, artifact_root, changes)
        self.imports = ImportRows(connection, changes)
        self.run_facets = FacetRows(connection)
        self.metrics = MetricRows(connection)
        self.metric_reads = MetricReadRows(connection)
        self.metric_writers = MetricWriterRows(connection)
        self.replays = ReplayRows(connection)
        self.artifacts = ArtifactRows(connection)
        self.changes = ChangeRows(connection)
        self.compute = connection.compute
        self.purges = PurgeRows(connection, changes)
        self.upkeep = UpkeepRows(connection)
        self.logged_models = LoggedModelRows(connection)
        self.model_uses = ModelUseRows(connection)
        self.registered_models = RegisteredModelRows(connection)
        self.model_versions = ModelVersionRows(connection)
        self.registry_events = RegistryEventRows(connection, changes)
        self.webhooks = WebhookRows(connection)
