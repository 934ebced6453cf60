"""What MLflow keeps, as it keeps it: every source gives these, and `mapping` makes resources of Milepost of them.

Times are in milliseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from milepost.migration.files import FileTree
from milepost.migration.report import Problems
from milepost.migration.source import Points, Totals

Tags = dict[str, str]


@dataclass
class Experiment:
    """A named group of runs."""

    experiment_id: str
    name: str
    artifact_location: str = ""
    deleted: bool = False
    create_ms: int | None = None
    update_ms: int | None = None
    tags: Tags = field(default_factory=dict)


@dataclass
class DatasetInput:
    """The use of a dataset by a run; MLflow's context is one of the tags."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    tags: Tags = field(default_factory=dict)


@dataclass
class Run:
    """A run without its points.

    Args:
        status: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
        model_inputs: Ids of logged models.
        model_outputs: Ids of logged models with their steps.
        metric_keys: Its metrics, from a source that has to be asked for each.
    """

    run_id: str
    experiment_id: str
    name: str = ""
    status: str = "RUNNING"
    start_ms: int | None = None
    end_ms: int | None = None
    deleted: bool = False
    delete_ms: int | None = None
    user: str = ""
    artifact_uri: str = ""
    params: dict[str, str] = field(default_factory=dict)
    tags: Tags = field(default_factory=dict)
    datasets: list[DatasetInput] = field(default_factory=list)
    model_inputs: list[str] = field(default_factory=list)
    model_outputs: list[tuple[str, int]] = field(default_factory=list)
    metric_keys: list[str] = field(default_factory=list)


@dataclass
class ModelMetric:
    """A figure of merit of a logged model, perhaps on a dataset."""

    key: str
    value: float
    step: int = 0
    timestamp_ms: int = 0
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass
class LoggedModel:
    """A logged model of MLflow 3.

    Args:
        status: `PENDING`, `READY` or `FAILED`.
    """

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str = ""
    status: str = "PENDING"
    status_message: str = ""
    model_type: str = ""
    source_run_id: str = ""
    deleted: bool = False
    create_ms: int | None = None
    update_ms: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: Tags = field(default_factory=dict)
    metrics: list[ModelMetric] = field(default_factory=list)


@dataclass
class ModelVersion:
    """A version of a registered model.

    Args:
        stage: `None`, `Staging`, `Production` or `Archived`.
        status: `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
    """

    name: str
    version: int
    create_ms: int | None = None
    update_ms: int | None = None
    description: str = ""
    user: str = ""
    stage: str = "None"
    source: str = ""
    storage_location: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    status: str = "READY"
    status_message: str = ""
    tags: Tags = field(default_factory=dict)


@dataclass
class RegisteredModel:
    """A registered model with its versions, or a prompt, which MLflow keeps as one.

    Args:
        last_number: Greatest number ever given to a version, of deleted ones too.
    """

    name: str
    create_ms: int | None = None
    update_ms: int | None = None
    description: str = ""
    tags: Tags = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: list[ModelVersion] = field(default_factory=list)
    last_number: int = 0


@dataclass
class Webhook:
    """A webhook without its secret, which no source gives.

    Args:
        events: Such as `model_version.created`.
        signed: Whether it has a secret; None when the source does not say.
    """

    webhook_id: str
    name: str
    url: str
    description: str = ""
    active: bool = True
    events: list[str] = field(default_factory=list)
    signed: bool | None = None


class MlflowStore(Protocol):
    """Reads a store of MLflow, of whatever kind. What cannot be read goes to `problems`, and is left out.

    Attributes:
        location: What was opened, for people; without passwords.
        version: Version of its form, such as that of the database's schema. Empty when it has none.
        problems: Where it says what it could not read.
    """

    location: str
    version: str
    problems: Problems

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, deleted ones included, by id."""

    def totals(self, experiment_ids: Sequence[str]) -> Totals:
        """How much there is in some experiments."""

    def runs(self, experiment_id: str) -> Iterator[Sequence[Run]]:
        """The runs of an experiment, deleted ones included, some at a time: each after its parent."""

    def points(self, runs: Sequence[Run]) -> Iterator[Points]:
        """All points of some runs, run after run. Those of a metric come in the same order each time."""

    def logged_models(self, experiment_id: str) -> Iterator[LoggedModel]:
        """The logged models of an experiment, deleted ones included."""

    def registered_models(self) -> Iterator[RegisteredModel]:
        """All registered models, prompts included."""

    def webhooks(self) -> Iterator[Webhook]:
        """All webhooks."""

    def files(self, uri: str, default: Sequence[str]) -> FileTree | None:
        """The files of an artifact folder, None where they are out of this source's reach.

        Args:
            uri: Where the store says that they are.
            default: Where they are within the store when it keeps them itself: names of folders.
        """

    def close(self) -> None:
        """Ends the connection, if there is one."""
