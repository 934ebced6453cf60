"""The verbs of the asynchronous client, by resource: those of `milepost.client`, to be awaited."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from milepost import _methods as rpc
from milepost import _requests as req
from milepost import v1 as pb
from milepost._aio_handles import AsyncExperiment, AsyncRun
from milepost._methods import Method
from milepost._pages import AsyncPages
from milepost._requests import KeyKind, View, name_list
from milepost._values import MetricsInput, ModelMetrics
from milepost._views import RunState
from milepost._watching import AsyncWatch, Course, Item, RunChanges, RunReader
from milepost.errors import ExperimentExists, ExperimentNotFound

if TYPE_CHECKING:
    from milepost.aio import AsyncClient


class _Group:
    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._transport = client._transport

    def _watch(
        self, method: Method[Any, Any], request: Any, read: Callable[[Any], Iterable[Item]], timeout: float | None
    ) -> AsyncWatch[Item]:
        timeout_s = self._transport.config.timeout_s if timeout is None else timeout
        return AsyncWatch(self._transport, Course(method, request, read, timeout_s))

    async def _experiment_ids(self, ids: Sequence[str], names: str | Sequence[str] | None) -> Sequence[str]:
        found = [(await self._client.experiments.get_by_name(name)).experiment_id for name in name_list(names)]
        return [*ids, *found]


class AsyncExperiments(_Group):
    """Verbs on experiments."""

    async def create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> AsyncExperiment:
        """See `Experiments.create`."""
        return await self._one(req.create_experiment(name, description, tags, request_id), timeout)

    async def get(self, experiment_id: str, *, timeout: float | None = None) -> AsyncExperiment:
        """See `Experiments.get`."""
        return await self._one(req.get_experiment(experiment_id), timeout)

    async def get_by_name(self, name: str, *, timeout: float | None = None) -> AsyncExperiment:
        """See `Experiments.get_by_name`."""
        return await self._one(req.get_experiment_by_name(name), timeout)

    async def get_or_create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> AsyncExperiment:
        """See `Experiments.get_or_create`."""
        try:
            return await self.get_by_name(name, timeout=timeout)
        except ExperimentNotFound:
            pass
        try:
            return await self.create(name, description=description, tags=tags, timeout=timeout)
        except ExperimentExists:  # another process was faster
            return await self.get_by_name(name, timeout=timeout)

    async def batch_get(self, experiment_ids: Sequence[str], *, timeout: float | None = None) -> list[AsyncExperiment]:
        """See `Experiments.batch_get`."""
        found = await self._transport.call(req.batch_get_experiments(experiment_ids), timeout)
        return [AsyncExperiment(self._client, proto) for proto in found]

    def list(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        fields: Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[AsyncExperiment]:
        """See `Experiments.list`."""
        paged = req.list_experiments(filter, order_by, view, fields)

        async def fetch(token: str, size: int) -> tuple[builtins.list[AsyncExperiment], str]:
            protos, next_token = await self._transport.call(paged.page(token, size), timeout)
            return [AsyncExperiment(self._client, proto) for proto in protos], next_token

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def update(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        etag: str = "",
        timeout: float | None = None,
    ) -> AsyncExperiment:
        """See `Experiments.update`."""
        return await self._one(req.update_experiment(experiment_id, name, description, tags, etag), timeout)

    async def update_tags(
        self,
        experiment_id: str,
        set: Mapping[str, str] | None = None,
        delete: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> AsyncExperiment:
        """See `Experiments.update_tags`."""
        return await self._one(req.update_experiment_tags(experiment_id, set, delete), timeout)

    async def delete(self, experiment_id: str, *, timeout: float | None = None) -> AsyncExperiment:
        """See `Experiments.delete`."""
        return await self._one(req.delete_experiment(experiment_id), timeout)

    async def restore(self, experiment_id: str, *, timeout: float | None = None) -> AsyncExperiment:
        """See `Experiments.restore`."""
        return await self._one(req.restore_experiment(experiment_id), timeout)

    async def purge(
        self, experiment_id: str, *, dry_run: bool = False, timeout: float | None = None
    ) -> pb.PurgeSummary:
        """See `Experiments.purge`."""
        return await self._transport.call(req.purge_experiment(experiment_id, dry_run), timeout)

    def watch(
        self,
        experiment_id: str,
        *,
        fields: Sequence[str] | None = None,
        resume_token: str = "",
        timeout: float | None = None,
    ) -> AsyncWatch[RunChanges[AsyncRun]]:
        """See `Experiments.watch`."""
        request = req.watch_experiment(experiment_id, fields, resume_token)

        def read(response: pb.WatchExperimentResponse) -> builtins.list[RunChanges[AsyncRun]]:
            runs = [AsyncRun(self._client, proto) for proto in response.runs]
            return [RunChanges(runs, [*response.purged_run_ids])]

        return self._watch(rpc.WATCH_EXPERIMENT, request, read, timeout)

    async def _one(self, op: req.Op[pb.Experiment], timeout: float | None) -> AsyncExperiment:
        return AsyncExperiment(self._client, await self._transport.call(op, timeout))


class AsyncRuns(_Group):
    """Verbs on runs."""

    async def create(
        self,
        experiment_id: str = "0",
        *,
        name: str = "",
        run_id: str = "",
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        parent_run_id: str = "",
        description: str = "",
        user: str = "",
        state: RunState | str = RunState.RUNNING,
        start_time: datetime | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> AsyncRun:
        """See `Runs.create`."""
        op = req.create_run(
            experiment_id,
            name=name,
            run_id=run_id,
            params=params,
            tags=tags,
            parent_run_id=parent_run_id,
            description=description,
            user=user,
            state=RunState.parse(state),
            start_time=start_time,
            request_id=request_id,
        )
        return await self._one(op, timeout)

    async def get(self, run_id: str, *, timeout: float | None = None) -> AsyncRun:
        """See `Runs.get`."""
        return await self._one(req.get_run(run_id), timeout)

    async def batch_get(
        self, run_ids: Sequence[str], *, fields: Sequence[str] | None = None, timeout: float | None = None
    ) -> list[AsyncRun]:
        """See `Runs.batch_get`."""
        found = await self._transport.call(req.batch_get_runs(run_ids, fields), timeout)
        return [AsyncRun(self._client, proto) for proto in found]

    def list(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        fields: Sequence[str] | None = None,
        columns: Sequence[str] = (),
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[AsyncRun]:
        """See `Runs.list`."""
        op = req.list_runs((), filter, order_by, view, fields, columns)

        async def fetch(token: str, size: int) -> tuple[builtins.list[AsyncRun], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(await self._experiment_ids(experiment_ids, experiment))
            protos, next_token = await self._transport.call(op.page(token, size), timeout)
            return [AsyncRun(self._client, proto) for proto in protos], next_token

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def count(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        view: View = "active",
        timeout: float | None = None,
    ) -> int:
        """See `Runs.count`."""
        chosen = await self._experiment_ids(experiment_ids, experiment)
        return await self._transport.call(req.count_runs(chosen, filter, view), timeout)

    def group(
        self,
        by: Sequence[str],
        experiment_ids: Sequence[str] = (),
        *,
        metrics: Sequence[str] = (),
        experiment: str | Sequence[str] | None = None,
        filter: str = "",
        order_by: str = "",
        view: View = "active",
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[pb.RunGroup]:
        """See `Runs.group`."""
        op = req.group_runs(by, metrics, filter, order_by, view)
        return self._facet(op, experiment_ids, experiment, page_size, limit, timeout)

    def keys(
        self,
        kind: KeyKind,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        prefix: str = "",
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[str]:
        """See `Runs.keys`."""
        op = req.list_run_keys(kind, prefix)
        return self._facet(op, experiment_ids, experiment, page_size, limit, timeout)

    def values(
        self,
        column: str,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        prefix: str = "",
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[pb.RunValue]:
        """See `Runs.values`."""
        op = req.list_run_values(column, prefix)
        return self._facet(op, experiment_ids, experiment, page_size, limit, timeout)

    def _facet(
        self,
        op: req.PagedOp[Item],
        experiment_ids: Sequence[str],
        experiment: str | Sequence[str] | None,
        page_size: int,
        limit: int | None,
        timeout: float | None,
    ) -> AsyncPages[Item]:
        async def fetch(token: str, size: int) -> tuple[builtins.list[Item], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(await self._experiment_ids(experiment_ids, experiment))
            return await self._transport.call(op.page(token, size), timeout)

        return AsyncPages(fetch, page_size=page_size, limit=limit)

    async def update(
        self,
        run_id: str,
        *,
        name: str | None = None,
        state: RunState | str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        description: str | None = None,
        user: str | None = None,
        etag: str = "",
        clear: Iterable[str] = (),
        timeout: float | None = None,
    ) -> AsyncRun:
        """See `Runs.update`."""
        op = req.update_run(
            run_id,
            name=name,
            state=None if state is None else RunState.parse(state),
            start_time=start_time,
            end_time=end_time,
            description=description,
            user=user,
            etag=etag,
            clear=clear,
        )
        return await self._one(op, timeout)

    async def delete(self, run_id: str, *, timeout: float | None = None) -> AsyncRun:
        """See `Runs.delete`."""
        return await self._one(req.delete_run(run_id), timeout)

    async def restore(self, run_id: str, *, timeout: float | None = None) -> AsyncRun:
        """See `Runs.restore`."""
        return await self._one(req.restore_run(run_id), timeout)

    async def purge(self, run_id: str, *, dry_run: bool = False, timeout: float | None = None) -> pb.PurgeSummary:
        """See `Runs.purge`."""
        return await self._transport.call(req.purge_run(run_id, dry_run), timeout)

    async def purge_many(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        deleted_before: datetime | None = None,
        limit: int = 0,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> pb.PurgeRunsResponse:
        """See `Runs.purge_many`."""
        op = req.purge_runs(experiment_ids, filter, deleted_before, limit, dry_run)
        return await self._transport.call(op, timeout)

    async def log_batch(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: MetricsInput | None = None,
        step: int = 0,
        timestamp_ms: int | None = None,
        model_metrics: Mapping[str, ModelMetrics] | None = None,
        skip_repeated_points: bool = False,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """See `Runs.log_batch`."""
        op = req.log_batch(
            run_id, params, tags, metrics, step, timestamp_ms, model_metrics, skip_repeated_points, name, description
        )
        return await self._transport.call(op, timeout)

    async def delete_tags(self, run_id: str, keys: Iterable[str], *, timeout: float | None = None) -> None:
        """See `Runs.delete_tags`."""
        await self._transport.call(req.delete_run_tags(run_id, keys), timeout)

    async def log_inputs(
        self,
        run_id: str,
        inputs: Iterable[pb.DatasetInput] = (),
        *,
        models: Iterable[str] = (),
        timeout: float | None = None,
    ) -> None:
        """See `Runs.log_inputs`."""
        await self._transport.call(req.log_inputs(run_id, inputs, models), timeout)

    async def log_outputs(
        self, run_id: str, models: Iterable[str], *, step: int = 0, timeout: float | None = None
    ) -> None:
        """See `Runs.log_outputs`."""
        await self._transport.call(req.log_outputs(run_id, models, step), timeout)

    def watch(
        self, run_id: str, *, fields: Sequence[str] | None = None, timeout: float | None = None
    ) -> AsyncWatch[AsyncRun]:
        """See `Runs.watch`."""
        reader = RunReader()

        def read(response: pb.WatchRunResponse) -> builtins.list[AsyncRun]:
            return [AsyncRun(self._client, proto) for proto in reader(response)]

        return self._watch(rpc.WATCH_RUN, req.watch_run(run_id, fields), read, timeout)

    async def _one(self, op: req.Op[pb.Run], timeout: float | None) -> AsyncRun:
        return AsyncRun(self._client, await self._transport.call(op, timeout))


class AsyncDatasets(_Group):
    """Verbs on datasets."""

    def list(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        experiment: str | Sequence[str] | None = None,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[pb.ExperimentDataset]:
        """See `Datasets.list`."""
        op = req.list_datasets(())

        async def fetch(token: str, size: int) -> tuple[builtins.list[pb.ExperimentDataset], str]:
            if not op.request.experiment_ids:
                op.request.experiment_ids.extend(await self._experiment_ids(experiment_ids, experiment))
            return await self._transport.call(op.page(token, size), timeout)

        return AsyncPages(fetch, page_size=page_size, limit=limit)
