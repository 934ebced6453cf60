"""Experiments and runs with verbs, those of `milepost.client` to be awaited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from milepost import v1 as pb
from milepost._metric_views import MetricHistories, MetricHistory
from milepost._pages import AsyncPages
from milepost._values import MetricsInput
from milepost._views import ExperimentView, RunState, RunView
from milepost._watching import AsyncWatch, MetricUpdate

if TYPE_CHECKING:
    from milepost.aio import AsyncClient


class AsyncExperiment(ExperimentView):
    """An experiment, as it was when last read or written through this handle.

    Every verb raises `MilepostError` when the server refuses or does not answer.
    """

    def __init__(self, client: AsyncClient, proto: pb.Experiment) -> None:
        super().__init__(proto)
        self._client = client

    async def refresh(self) -> AsyncExperiment:
        """See `Experiment.refresh`."""
        self.proto = (await self._client.experiments.get(self.experiment_id)).proto
        return self

    async def update(
        self, *, name: str | None = None, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> AsyncExperiment:
        """See `Experiment.update`."""
        changed = await self._client.experiments.update(
            self.experiment_id, name=name, description=description, tags=tags
        )
        self.proto = changed.proto
        return self

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `Experiment.set_tags`."""
        self.proto = (await self._client.experiments.update_tags(self.experiment_id, set=tags)).proto

    async def delete_tags(self, *keys: str) -> None:
        """See `Experiment.delete_tags`."""
        self.proto = (await self._client.experiments.update_tags(self.experiment_id, delete=keys)).proto

    async def create_run(self, name: str = "", **options: Any) -> AsyncRun:
        """See `Experiment.create_run`."""
        return await self._client.runs.create(self.experiment_id, name=name, **options)

    def runs(self, filter: str = "", order_by: str = "", **options: Any) -> AsyncPages[AsyncRun]:
        """See `Experiment.runs`."""
        return self._client.runs.list([self.experiment_id], filter=filter, order_by=order_by, **options)

    async def delete(self) -> None:
        """See `Experiment.delete`."""
        self.proto = (await self._client.experiments.delete(self.experiment_id)).proto

    async def restore(self) -> None:
        """See `Experiment.restore`."""
        self.proto = (await self._client.experiments.restore(self.experiment_id)).proto

    async def purge(self, *, dry_run: bool = False) -> pb.PurgeSummary:
        """See `Experiment.purge`."""
        return await self._client.experiments.purge(self.experiment_id, dry_run=dry_run)


class AsyncRun(RunView):
    """A run, as it was when last read, or changed by `update`, `end`, `delete` or `restore`, through this handle.

    Logging does not change what the handle shows: `refresh` reads params, tags and metrics again. Every verb waits for
    the server and raises `MilepostError` when it refuses or does not answer.
    """

    def __init__(self, client: AsyncClient, proto: pb.Run) -> None:
        super().__init__(proto)
        self._client = client

    async def refresh(self) -> AsyncRun:
        """See `Run.refresh`."""
        self._proto = (await self._client.runs.get(self.run_id)).proto
        return self

    async def update(
        self,
        *,
        name: str | None = None,
        state: RunState | str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        description: str | None = None,
        user: str | None = None,
    ) -> AsyncRun:
        """See `Run.update`."""
        changed = await self._client.runs.update(
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

    async def end(self, state: RunState | str = RunState.FINISHED) -> None:
        """See `Run.end`."""
        await self.update(state=state, end_time=datetime.now().astimezone())

    async def log_params(self, params: Mapping[str, Any]) -> None:
        """See `Run.log_params`."""
        await self._client.runs.log_batch(self.run_id, params=params)

    async def log_metrics(self, metrics: MetricsInput, step: int = 0, *, timestamp_ms: int | None = None) -> None:
        """See `Run.log_metrics`."""
        await self._client.metrics.log(self.run_id, metrics, step=step, timestamp_ms=timestamp_ms)

    async def log_batch(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: MetricsInput | None = None,
        step: int = 0,
        timestamp_ms: int | None = None,
    ) -> None:
        """See `Run.log_batch`."""
        await self._client.runs.log_batch(
            self.run_id, params=params, tags=tags, metrics=metrics, step=step, timestamp_ms=timestamp_ms
        )

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `Run.set_tags`."""
        await self._client.runs.log_batch(self.run_id, tags=tags)

    async def delete_tags(self, *keys: str) -> None:
        """See `Run.delete_tags`."""
        await self._client.runs.delete_tags(self.run_id, keys)

    async def log_inputs(self, inputs: Iterable[pb.DatasetInput] = (), *, models: Iterable[str] = ()) -> None:
        """See `Run.log_inputs`."""
        await self._client.runs.log_inputs(self.run_id, inputs, models=models)

    async def log_outputs(self, models: Iterable[str], *, step: int = 0) -> None:
        """See `Run.log_outputs`."""
        await self._client.runs.log_outputs(self.run_id, models, step=step)

    async def rewind_metrics(self, after_step: int, *keys: str) -> int:
        """See `Run.rewind_metrics`."""
        return await self._client.metrics.rewind(self.run_id, after_step, keys)

    async def metric_history(self, key: str) -> MetricHistory:
        """See `Run.metric_history`."""
        return (await self._client.metrics.histories(self.run_id, key))[0]

    async def metric_histories(self, *keys: str) -> MetricHistories:
        """See `Run.metric_histories`."""
        return await self._client.metrics.histories(self.run_id, keys)

    def watch(self, *, fields: Sequence[str] | None = None) -> AsyncWatch[AsyncRun]:
        """See `Run.watch`."""
        return self._client.runs.watch(self.run_id, fields=fields)

    def watch_metrics(self, *keys: str, max_points: int = 0) -> AsyncWatch[MetricUpdate]:
        """See `Run.watch_metrics`."""
        return self._client.metrics.watch([self.run_id], keys, max_points=max_points)

    async def upload_artifact(
        self,
        source: str | PathLike[str],
        path: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[pb.Artifact]:
        """See `Run.upload_artifact`."""
        return await self._client.artifacts.upload(self.run_id, source, path, progress=progress)

    def artifacts(self, path: str = "", *, recursive: bool = False) -> AsyncPages[pb.Artifact]:
        """See `Run.artifacts`."""
        return self._client.artifacts.list(self.run_id, path, recursive=recursive)

    async def delete(self) -> None:
        """See `Run.delete`."""
        self._proto = (await self._client.runs.delete(self.run_id)).proto

    async def restore(self) -> None:
        """See `Run.restore`."""
        self._proto = (await self._client.runs.restore(self.run_id)).proto

    async def purge(self, *, dry_run: bool = False) -> pb.PurgeSummary:
        """See `Run.purge`."""
        return await self._client.runs.purge(self.run_id, dry_run=dry_run)
