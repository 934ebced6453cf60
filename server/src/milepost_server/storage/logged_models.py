"""What services may ask of a database about logged models and what consists of them. See `storage.base`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from milepost import v1 as pb

if TYPE_CHECKING:
    from milepost_server.storage.base import Page, Query, RunKey


@dataclass(frozen=True)
class LoggedModelKey:
    """Where a logged model is stored, for the methods that write it.

    Args:
        row: Its number in the database.
        model_id: Its id.
        run: The run that made it.
        status: State of its files.
        deleted: Whether it is deleted itself; its run may be when it is not.
    """

    row: int
    model_id: str
    run: RunKey
    status: pb.LoggedModel.Status.ValueType
    deleted: bool


class StoredFile(NamedTuple):
    """A file of a model as it is recorded.

    Args:
        path: Its path below the model's.
        size: Bytes.
        sha256: Digest of its content.
    """

    path: str
    size: int
    sha256: str


class LoggedModels(Protocol):
    """Logged models with their params, tags and metrics.

    Whoever changes a logged model, the files below its path or what relies on either locks its run first, by
    `Runs.key`: that is enough to be alone with all models of the run.
    """

    async def create(self, run: RunKey, model: pb.LoggedModel, now_us: int) -> bool:
        """Stores a new pending model with its params and tags; false when the id is taken."""

    async def get(self, model_id: str) -> pb.LoggedModel | None:
        """The model without its files, also a deleted one."""

    async def key(self, model_id: str) -> LoggedModelKey | None:
        """Where the model is stored."""

    async def is_ready(self, run: RunKey, model_id: str) -> bool:
        """Whether the run has a ready model of that id."""

    async def ready(self, run: RunKey) -> Sequence[str]:
        """Ids of some of the run's ready models; none only when there are none."""

    async def files(self, key: LoggedModelKey) -> list[StoredFile]:
        """All files recorded below the model's path, by their paths below it. Staged ones count: they are durable."""

    async def list(self, query: Query) -> Page[pb.LoggedModel]:
        """A page of models without their files."""

    async def finalize(self, key: LoggedModelKey, model: pb.LoggedModel, now_us: int) -> None:
        """Writes `status`, `status_message`, `flavors`, `signature_json`, `sha256` and `size`."""

    async def touch(self, key: LoggedModelKey, now_us: int) -> None:
        """Writes when the model last changed."""

    async def set_times(self, key: LoggedModelKey, create_us: int, update_us: int) -> None:
        """Writes when the model was created and last changed."""

    async def set_deleted(self, key: LoggedModelKey, deleted: bool, now_us: int) -> None:
        """Deletes or restores the model."""

    async def log_params(self, key: LoggedModelKey, params: Mapping[str, pb.ParamValue]) -> dict[str, pb.ParamValue]:
        """Writes params that are new. Returns those that are stored already with another value, as stored."""

    async def set_tags(self, key: LoggedModelKey, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""

    async def delete_tags(self, key: LoggedModelKey, keys: Collection[str]) -> set[str]:
        """Removes tags and returns the keys that were there."""

    async def log_metrics(self, key: LoggedModelKey, metrics: Sequence[pb.ModelMetric]) -> None:
        """Writes metrics, each unless the one of its key and dataset has a greater (step, time)."""


@dataclass(frozen=True)
class ModelUse:
    """A version of a registered model that consists of files of a run.

    Args:
        name: Name of the registered model.
        version: Number of the version.
        path: Directory of its files below the run's artifact folder.
    """

    name: str
    version: int
    path: str


class ModelUses(Protocol):
    """Which versions of registered models consist of files that this server keeps, in order of their creation.

    Whoever creates such a version locks the run first, by `Runs.key`, so that nobody removes what it consists of.
    """

    async def of_run(self, run_id: str, limit: int) -> Sequence[ModelUse]:
        """Some versions that consist of files of a run."""

    async def of_experiment(self, experiment_id: int, limit: int) -> Sequence[ModelUse]:
        """Some versions that consist of files of runs of an experiment."""

    async def of_model(self, model_id: str, limit: int) -> Sequence[ModelUse]:
        """Some versions that consist of a logged model."""

    async def of_path(self, run_id: str, path: str, limit: int) -> Sequence[ModelUse]:
        """Some versions whose files a file or directory of a run is, holds, or would be one of."""
