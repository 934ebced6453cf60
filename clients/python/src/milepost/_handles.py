"""Experiments and runs with verbs, as the synchronous client returns them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from milepost import v1 as pb
from milepost._metric_views import MetricHistories, MetricHistory
from milepost._pages import Pages
from milepost._values import MetricsInput
from milepost._views import ExperimentView, RunState, RunView
from milepost._watching import MetricUpdate, Watch

if TYPE_CHECKING:
    from milepost._registry_handles import LoggedModel
    from milepost.client import Client


class Experiment(ExperimentView):
    """An experiment, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: Client, proto: pb.Experiment) -> None:
        super().__init__(proto)
        self._client = client

    def refresh(self) -> Experiment:
        """Reads it again. Returns this handle."""
        self.proto = self._client.experiments.get(self.experiment_id).proto
        return self

    def update(
        self, *, name: str | None = None, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Experiment:
        """Changes what is not None; `tags` replaces all tags. Returns this handle."""
        changed = self._client.experiments.update(self.experiment_id, name=name, description=description, tags=tags)
        self.proto = changed.proto
        return self

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""
        self.proto = self._client.experiments.update_tags(self.experiment_id, set=tags).proto

    def delete_tags(self, *keys: str) -> None:
        """Removes tags. Raises `TagNotFound` when there is no such tag."""
        self.proto = self._client.experiments.update_tags(self.experiment_id, delete=keys).proto

    def create_run(self, name: str = "", **options: Any) -> Run:
        """Creates a run in it; `options` as of `Runs.create`."""
        return self._client.runs.create(self.experiment_id, name=name, **options)

    def runs(self, filter: str = "", order_by: str = "", **options: Any) -> Pages[Run]:
        """Its runs; `options` as of `Runs.list`."""
        return self._client.runs.list([self.experiment_id], filter=filter, order_by=order_by, **options)

    def delete(self) -> None:
        """Marks it and its active runs as deleted."""
        self.proto = self._client.experiments.delete(self.experiment_id).proto

    def restore(self) -> None:
        """Takes `delete` back, for the runs that it took too."""
        self.proto = self._client.experiments.restore(self.experiment_id).proto

    def purge(self, *, dry_run: bool = False) -> pb.PurgeSummary:
        """Removes it for good once it is deleted; with `dry_run` only says what would go."""
        return self._client.experiments.purge(self.experiment_id, dry_run=dry_run)


class Run(RunView):
    """A run, as it was when last read, or changed by `update`, `end`, `delete` or `restore`, through this handle.

    Logging does not change what the handle shows: `refresh` reads params, tags and metrics again. Every verb waits for
    the server and raises `MilepostError` when it refuses or does not answer.
    """

    def __init__(self, client: Client, proto: pb.Run) -> None:
        super().__init__(proto)
        self._client = client

    def refresh(self) -> Run:
        """Reads it again. Returns this handle."""
        self._proto = self._client.runs.get(self.run_id).proto
        return self

    def update(
        self,
        *,
        name: str | None = None,
        state: RunState | str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        description: str | None = None,
        user: str | None = None,
    ) -> Run:
        """Changes what is not None. Returns this handle."""
        changed = self._client.runs.update(
            self.run_id,
            name=name,
            state=state,
            start_time=start_time,
            end_time=end_time,
            description=description,
            user=user,
        )
        self._proto = changed.proto
        return self

    def end(self, state: RunState | str = RunState.FINISHED) -> None:
        """Ends it now, in `state`."""
        self.update(state=state, end_time=datetime.now().astimezone())

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs params: str, bool, int, float, or None, dict, list and tuple as JSON.

        Raises:
            TypeError, ValueError: A value is none of these, or an int does not fit into 64 bits.
            ParamConflict: A param has another value already; then none is stored.
        """
        self._client.runs.log_batch(self.run_id, params=params)

    def log_metrics(self, metrics: MetricsInput, step: int = 0, *, timestamp_ms: int | None = None) -> None:
        """Logs a value by key, at `step` and `timestamp_ms` (now when None), or columns of points as they are."""
        self._client.metrics.log(self.run_id, metrics, step=step, timestamp_ms=timestamp_ms)

    def log_batch(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: MetricsInput | None = None,
        step: int = 0,
        timestamp_ms: int | None = None,
    ) -> None:
        """Logs params, tags and metrics in one transaction: all or nothing."""
        self._client.runs.log_batch(
            self.run_id, params=params, tags=tags, metrics=metrics, step=step, timestamp_ms=timestamp_ms
        )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds or changes tags."""
        self._client.runs.log_batch(self.run_id, tags=tags)

    def delete_tags(self, *keys: str) -> None:
        """Removes tags. Raises `TagNotFound` when there is no such tag."""
        self._client.runs.delete_tags(self.run_id, keys)

    def log_inputs(self, inputs: Iterable[pb.DatasetInput] = (), *, models: Iterable[str] = ()) -> None:
        """Records datasets that it reads, and logged models that it uses, these by their ids."""
        self._client.runs.log_inputs(self.run_id, inputs, models=models)

    def log_outputs(self, models: Iterable[str], *, step: int = 0) -> None:
        """Records logged models, by their ids, that it made at a step; one that is recorded takes the new step."""
        self._client.runs.log_outputs(self.run_id, models, step=step)

    def rewind_metrics(self, after_step: int, *keys: str) -> int:
        """Takes back points of later steps, for example before going on from a checkpoint. See `Metrics.rewind`."""
        return self._client.metrics.rewind(self.run_id, after_step, keys)

    def metric_history(self, key: str) -> MetricHistory:
        """All points of a metric, as numpy columns where numpy is installed. Raises `MetricNotFound`."""
        return self._client.metrics.histories(self.run_id, key)[0]

    def metric_histories(self, *keys: str) -> MetricHistories:
        """All points of some metrics, or of all, by key. Raises `MetricNotFound`."""
        return self._client.metrics.histories(self.run_id, keys)

    def watch(self, *, fields: Sequence[str] | None = None) -> Watch[Run]:
        """Follows it; arguments as of `Runs.watch`. Does not change this handle."""
        return self._client.runs.watch(self.run_id, fields=fields)

    def watch_metrics(self, *keys: str, max_points: int = 0) -> Watch[MetricUpdate]:
        """Follows its metric points, of all metrics when no keys are given; `max_points` as of `Metrics.watch`."""
        return self._client.metrics.watch([self.run_id], keys, max_points=max_points)

    def upload_artifact(
        self,
        source: str | PathLike[str],
        path: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[pb.Artifact]:
        """Uploads a file or a directory; arguments as of `Artifacts.upload`."""
        return self._client.artifacts.upload(self.run_id, source, path, progress=progress)

    def log_model(self, model: Any, name: str, **options: Any) -> LoggedModel:
        """Saves a model that it made among its artifacts; `options` as of `milepost.log_model`."""
        from milepost.models.registry.publishing import log_model

        return log_model(model, name, run=self, **options)

    def artifacts(self, path: str = "", *, recursive: bool = False) -> Pages[pb.Artifact]:
        """Its artifacts; arguments as of `Artifacts.list`."""
        return self._client.artifacts.list(self.run_id, path, recursive=recursive)

    def delete(self) -> None:
        """Marks it as deleted."""
        self._proto = self._client.runs.delete(self.run_id).proto

    def restore(self) -> None:
        """Takes `delete` back."""
        self._proto = self._client.runs.restore(self.run_id).proto

    def purge(self, *, dry_run: bool = False) -> pb.PurgeSummary:
        """Removes it for good once it is deleted; with `dry_run` only says what would go."""
        return self._client.runs.purge(self.run_id, dry_run=dry_run)
