"""What services may ask of a database. Implemented by `storage.sql`; nothing above this layer knows SQL.

A service passes a unit of work, a coroutine function of one `Transaction`, to `Storage`. A unit of work awaits only
methods of its transaction: it may run on another thread, together with other units, or twice after a conflict.
Methods return resources of `milepost.v1`; rows exist below this layer only. Times are microseconds since the Unix
epoch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from milepost import v1 as pb
from milepost_server.filters.ast import Expression, Metric, OrderKey, Param, Tag
from milepost_server.points.columns import Points
from milepost_server.storage.imports import Imports
from milepost_server.storage.logged_models import LoggedModels, ModelUses
from milepost_server.storage.metric_reads import MetricReads
from milepost_server.storage.metric_writes import Metrics, MetricWriters
from milepost_server.storage.registry import ModelVersions, RegisteredModels
from milepost_server.storage.registry_events import RegistryEvents
from milepost_server.storage.run_facets import RunFacets
from milepost_server.storage.upkeep import Purges, Upkeep
from milepost_server.storage.webhooks import Webhooks

T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Query:
    """A page of a filtered and ordered list.

    Args:
        filter: What to return. None for all.
        order_by: How to sort; ties are sorted by id.
        view: Whether deleted resources are shown.
        limit: Most resources to return.
        after: `Page.last` of the page before; None for the first.
        fields: Names of the resource's fields to fill. None for all.
        experiment_ids: For runs, the experiments to look in. Empty for all.
        datasets: For logged models, names and digests of the datasets whose metrics the filter sees; an empty digest
            stands for any. Empty for all.
        order_dataset: Likewise, the one whose metrics the order sees. None for all.
        columns: For runs, the params, tags and metrics to fill, whatever `fields` says of them. None for all that
            `fields` has.
    """

    filter: Expression | None
    order_by: tuple[OrderKey, ...]
    view: pb.View.ValueType
    limit: int
    after: tuple[Any, ...] | None = None
    fields: frozenset[str] | None = None
    experiment_ids: tuple[int, ...] = ()
    columns: tuple[Param | Tag | Metric, ...] | None = None
    datasets: tuple[tuple[str, str], ...] = ()
    order_dataset: tuple[str, str] | None = None


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Resources, and where the next page begins.

    Args:
        items: The resources.
        last: Sort position of the last item, made of text, integers, finite floats and None. None on the last page.
    """

    items: list[Item]
    last: tuple[Any, ...] | None


@dataclass(frozen=True)
class RunKey:
    """Where a run is stored, for the methods that write below it.

    Args:
        row: Its number in the database.
        run_id: Its id.
        experiment_id: Its experiment's number.
        deleted: Whether it is deleted, alone or with its experiment.
    """

    row: int
    run_id: str
    experiment_id: int
    deleted: bool


Changed = tuple[int, str]
"""A run that a transaction may have changed: the number of its experiment, and its id."""
ANY_RUN: Changed = (-1, "")
"""Any run or experiment, or the model registry, may have changed."""
REGISTRY: Changed = (-2, "")
"""The model registry changed."""
ChangeListener = Callable[[Collection[Changed]], None]


class Experiments(Protocol):
    """Experiments and their tags."""

    async def create(self, experiment: pb.Experiment, now_us: int) -> int | None:
        """Stores a new experiment with its tags and returns its number; None when the name is taken."""

    async def get(self, experiment_id: int) -> pb.Experiment | None:
        """The experiment, also a deleted one."""

    async def find(self, name: str) -> pb.Experiment | None:
        """The experiment of that name, also a deleted one."""

    async def get_many(self, experiment_ids: Sequence[int]) -> dict[int, pb.Experiment]:
        """The experiments that exist, by number."""

    async def list(self, query: Query) -> Page[pb.Experiment]:
        """A page of experiments."""

    async def update(self, experiment_id: int, values: Mapping[str, str], now_us: int) -> bool:
        """Changes `name` and `description`; false when the new name is taken."""

    async def set_tags(self, experiment_id: int, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""

    async def delete_tags(self, experiment_id: int, keys: Collection[str]) -> set[str]:
        """Removes tags and returns the keys that were there."""

    async def lock(self, experiment_id: int, *, shared: bool = False) -> pb.Experiment | None:
        """The experiment without tags, kept from changing until the transaction ends; `shared` with others who read."""

    async def set_deleted(self, experiment_id: int, deleted: bool, now_us: int) -> None:
        """Deletes an active experiment and its active runs, or restores it and the runs that went with it."""

    async def purge(self, experiment_id: int) -> None:
        """Removes the experiment, which has no runs any more."""


class Runs(Protocol):
    """Runs with their params and tags."""

    async def create(self, run: pb.Run, now_us: int) -> RunKey | None:
        """Stores a new run with its params and tags; None when the id is taken."""

    async def get(self, run_id: str) -> pb.Run | None:
        """The run with all below it, also a deleted one."""

    async def get_many(self, run_ids: Sequence[str], fields: frozenset[str] | None) -> dict[str, pb.Run]:
        """The runs that exist, by id."""

    async def list(self, query: Query) -> Page[pb.Run]:
        """A page of runs."""

    async def key(self, run_id: str, *, lock: bool = False) -> RunKey | None:
        """Where the run is stored; with `lock`, kept from changing until the transaction ends."""

    async def header(self, run_id: str) -> pb.Run | None:
        """The run without params, tags, metrics and inputs, kept from changing until the transaction ends."""

    async def update(self, key: RunKey, run: pb.Run, fields: Collection[str], now_us: int) -> None:
        """Writes the named fields of `run`."""

    async def set_deleted(self, key: RunKey, deleted: bool, now_us: int) -> bool:
        """Deletes or restores one run; false when its removal for good has begun, which cannot be taken back."""

    async def log_params(self, key: RunKey, params: Mapping[str, pb.ParamValue]) -> dict[str, pb.ParamValue]:
        """Writes params that are new. Returns those that are stored already with another value, as stored."""

    async def set_tags(self, key: RunKey, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""

    async def delete_tags(self, key: RunKey, keys: Collection[str]) -> set[str]:
        """Removes tags and returns the keys that were there."""

    async def log_inputs(self, key: RunKey, inputs: Sequence[pb.DatasetInput]) -> None:
        """Records datasets that the run reads."""

    async def log_models(self, key: RunKey, inputs: Sequence[pb.ModelInput], outputs: Sequence[pb.ModelOutput]) -> None:
        """Records logged models that the run uses or makes. Of one that is recorded, or given, twice the last stays."""

    async def list_datasets(
        self, experiment_ids: Sequence[int], limit: int, after: tuple[Any, ...] | None
    ) -> Page[pb.ExperimentDataset]:
        """A page of datasets by experiment, name and digest."""


@dataclass(frozen=True)
class Replay:
    """What an earlier request of an id was and what it was answered.

    Args:
        request_hash: Digest of the request.
        response: The answer, serialized.
    """

    request_hash: bytes
    response: bytes


class Replays(Protocol):
    """Answers kept for repeated requests."""

    async def find(self, method: str, request_id: str) -> Replay | None:
        """The earlier request of this id, if any. Until the transaction ends, nobody else can store one."""

    async def store(self, method: str, request_id: str, replay: Replay, now_us: int) -> None:
        """Keeps the answer."""

    async def sweep(self, before_us: int) -> int:
        """Removes answers from before a time and returns their number."""


@dataclass(frozen=True)
class StoredArtifact:
    """A file of a run as recorded.

    Args:
        artifact: The resource.
        staged: Name of the staged file that has its content and must be moved into place first. Empty once it is there.
    """

    artifact: pb.Artifact
    staged: str


@dataclass(frozen=True)
class PendingArtifact:
    """A file that is recorded and may not be in its place yet."""

    run: RunKey
    path: str
    staged: str


@dataclass(frozen=True)
class StoredUpload:
    """An upload that has begun and can be resumed.

    Args:
        run: The run that the artifact will belong to.
        upload_id: The client's id for it.
        path: Path of the artifact.
        size: Bytes of the whole file.
        content_type: Media type of the artifact.
        staged: Name of the staged file.
        update_us: When bytes last came.
    """

    run: RunKey
    upload_id: str
    path: str
    size: int
    content_type: str
    staged: str
    update_us: int


class Artifacts(Protocol):
    """Records of artifacts and of uploads that have begun. Paths are `str` of an `ArtifactPath`."""

    async def get(self, key: RunKey, path: str) -> StoredArtifact | None:
        """The file at `path`."""

    async def obstacle(self, key: RunKey, path: str) -> str | None:
        """Path of a file or directory that keeps a file from being stored at `path`, if any."""

    async def put(self, key: RunKey, artifact: pb.Artifact, staged: str) -> None:
        """Records a file, in place of the one at its path, whose content is in a staged file."""

    async def settle(self, key: RunKey, path: str, staged: str) -> None:
        """Records that the content is in place, unless another file was recorded since."""

    async def withdraw(self, key: RunKey, path: str, staged: str) -> None:
        """Removes the record of a file whose content cannot be moved into place."""

    async def list_files(self, key: RunKey, folder: str, limit: int, after: str | None) -> Page[pb.Artifact]:
        """All files below a directory (empty: the run's folder), by path."""

    async def list_level(self, key: RunKey, folder: str, limit: int, after: str | None) -> Page[pb.Artifact]:
        """The files and directories in a directory (empty: the run's folder), by name."""

    async def delete(self, key: RunKey, path: str) -> tuple[int, list[str]]:
        """Removes the record of a file, or of all files below a directory.

        Returns:
            The number of files, and the staged files that were not in place yet.
        """

    async def pending(self, limit: int) -> Sequence[PendingArtifact]:
        """Some files whose content may not be in place yet."""

    async def get_upload(self, key: RunKey, upload_id: str) -> StoredUpload | None:
        """An upload that has begun."""

    async def put_upload(self, upload: StoredUpload) -> None:
        """Records an upload, or the time at which bytes last came for it."""

    async def delete_upload(self, key: RunKey, upload_id: str) -> None:
        """Forgets an upload."""

    async def stale_uploads(self, before_us: int, limit: int) -> Sequence[StoredUpload]:
        """Some uploads for which no bytes came since a time."""

    async def recorded(
        self, experiment_id: int, run_id: str, paths: Collection[str], staged: Collection[str]
    ) -> tuple[set[str], set[str]]:
        """Those of the paths, and of the names of staged files, that a record of a run names. None without the run."""


@dataclass(frozen=True)
class TouchedRun:
    """A run and when it last changed.

    Args:
        run_id: Its id.
        position: The time, at most a second before the last change, and the run's number in the database.
    """

    run_id: str
    position: tuple[int, int]


@dataclass(frozen=True, slots=True)
class WatchedSeries:
    """How far a metric of a run has come.

    Args:
        number: Its number in the database. A metric that is removed and begun again gets another.
        run_id: The run's id.
        key_id: Number of its key.
        key: Its key.
        epoch: Differs after points were taken back.
        next_sequence: Number that the next point to arrive will get.
    """

    number: int
    run_id: str
    key_id: int
    key: str
    epoch: int
    next_sequence: int


class Changes(Protocol):
    """What changed, for those who were not told."""

    async def touched(self, experiment_id: int, after: tuple[int, int], limit: int) -> Sequence[TouchedRun]:
        """Some runs of an experiment, deleted ones included, that lie behind a position, in order of it."""

    async def since(self, run_ids: Collection[str], experiment_ids: Collection[int], time_us: int) -> set[Changed]:
        """What of these runs and experiments was touched after a time or does not exist.

        `ANY_RUN` stands for an experiment that does not exist.
        """

    async def series(self, run_ids: Collection[str], names: Collection[str]) -> Sequence[WatchedSeries]:
        """The metrics of runs, those of the names or all when no names are given."""

    async def key_names(self, key_ids: Collection[int]) -> dict[int, str]:
        """Keys by their numbers."""

    async def tails(self, ranges: Mapping[int, tuple[int, int]]) -> dict[int, Points]:
        """Points of many series, given and returned by number of the series, for the last few of each.

        From a number on and to before another, which is near the end. A series that has none there may be left out.
        """


class Transaction(Protocol):
    """One view of the database throughout, and, for `Storage.write`, changes kept or dropped together."""

    @property
    def experiments(self) -> Experiments:
        """Experiments."""

    @property
    def runs(self) -> Runs:
        """Runs."""

    @property
    def run_facets(self) -> RunFacets:
        """Many runs at once."""

    @property
    def imports(self) -> Imports:
        """Histories of other systems."""

    @property
    def metrics(self) -> Metrics:
        """Metric points."""

    @property
    def metric_reads(self) -> MetricReads:
        """Metric points to read."""

    @property
    def metric_writers(self) -> MetricWriters:
        """Writers of metric streams."""

    @property
    def replays(self) -> Replays:
        """Answers kept for repeats."""

    @property
    def artifacts(self) -> Artifacts:
        """Artifacts."""

    @property
    def changes(self) -> Changes:
        """What changed."""

    async def compute(self, work: Callable[[], T]) -> T:
        """Runs what takes a while and needs no database, off the event loop. For units of `Storage.scan`."""

    @property
    def registered_models(self) -> RegisteredModels:
        """Registered models."""

    @property
    def model_versions(self) -> ModelVersions:
        """Versions of registered models."""

    @property
    def registry_events(self) -> RegistryEvents:
        """What happened in the model registry."""

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks."""

    @property
    def logged_models(self) -> LoggedModels:
        """Logged models."""

    @property
    def model_uses(self) -> ModelUses:
        """Which versions of registered models consist of files of runs."""

    @property
    def purges(self) -> Purges:
        """Removal for good."""

    @property
    def upkeep(self) -> Upkeep:
        """The state of the database itself."""


class Storage(Protocol):
    """A database.

    Attributes:
        kind: Its name.
        recheck_s: How often those who follow changes must look for what their listener was not told. None: it is told
            everything.
    """

    kind: str
    recheck_s: float | None

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Runs a unit of work that reads a few rows."""

    async def scan(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Runs a unit of work that may read many rows, without holding up other calls."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]], *, light: bool = False) -> T:
        """Runs a unit of work that writes. When this returns, its changes are durable; when it raises, there are none.

        The work goes on when the caller is cancelled. `light` says that it takes no more than some tenths of a
        millisecond: it may run in the event loop.
        """

    def listen(self, listener: ChangeListener) -> None:
        """Has the one `listener` called in this event loop after each commit, with what that may have changed."""

    def version(self) -> int | None:
        """A number that differs after every commit, also of another process; None when it is not known at hand."""

    async def ready(self) -> None:
        """Returns when the database answers; raises `Unavailable` when it does not."""

    async def close(self) -> None:
        """Finishes what was accepted and releases the database."""
