"""The verbs of the asynchronous client on imports: those of `milepost.client`, to be awaited."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import _import_requests as req
from milepost import v1 as pb
from milepost._aio_groups import _Group


class AsyncImports(_Group):
    """Verbs that bring in histories of other tracking systems, with ids and times; rules are in `import_service.proto`.

    Each request is stored whole or not at all, and entries that are there already stay as they are.
    """

    async def experiments(
        self, experiments: Iterable[pb.Experiment], *, request_id: str = "", timeout: float | None = None
    ) -> list[pb.ExperimentOutcome]:
        """See `Imports.experiments`."""
        return await self._transport.call(req.experiments(experiments, request_id), timeout)

    async def runs(
        self, runs: Iterable[pb.ImportedRun], *, request_id: str = "", timeout: float | None = None
    ) -> list[pb.RunOutcome]:
        """See `Imports.runs`."""
        return await self._transport.call(req.runs(runs, request_id), timeout)

    async def metric_points(
        self, series: Iterable[pb.ImportedPoints], *, request_id: str = "", timeout: float | None = None
    ) -> list[int]:
        """See `Imports.metric_points`."""
        return await self._transport.call(req.metric_points(series, request_id), timeout)

    async def logged_models(
        self, logged_models: Iterable[pb.LoggedModel], *, request_id: str = "", timeout: float | None = None
    ) -> list[pb.LoggedModelOutcome]:
        """See `Imports.logged_models`."""
        return await self._transport.call(req.logged_models(logged_models, request_id), timeout)

    async def registered_models(
        self,
        registered_models: Iterable[pb.ImportedRegisteredModel],
        *,
        request_id: str = "",
        timeout: float | None = None,
    ) -> list[pb.RegisteredModelOutcome]:
        """See `Imports.registered_models`."""
        return await self._transport.call(req.registered_models(registered_models, request_id), timeout)

    async def deletions(
        self,
        *,
        experiments: Iterable[pb.ImportedDeletion] = (),
        runs: Iterable[pb.ImportedDeletion] = (),
        logged_models: Iterable[pb.ImportedDeletion] = (),
        request_id: str = "",
        timeout: float | None = None,
    ) -> list[str]:
        """See `Imports.deletions`."""
        return await self._transport.call(req.deletions(experiments, runs, logged_models, request_id), timeout)
