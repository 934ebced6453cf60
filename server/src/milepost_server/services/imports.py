"""Histories of other tracking systems, brought in with their ids and times."""

from __future__ import annotations

import asyncio

from milepost import v1 as pb
from milepost_server.callers import current_user
from milepost_server.services.clock import Clock
from milepost_server.services.imports_deletions import deletion_import
from milepost_server.services.imports_experiments import experiment_import
from milepost_server.services.imports_models import logged_model_import
from milepost_server.services.imports_points import point_import
from milepost_server.services.imports_registry import registered_model_import
from milepost_server.services.imports_runs import run_import
from milepost_server.services.replays import write_once
from milepost_server.storage.base import Storage


class ImportService:
    """Imports. Each method stores one request in one transaction, or raises the errors that its RPC names.

    Args:
        storage: The database.
        clock: The time of what comes without one.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def experiments(self, request: pb.ImportExperimentsRequest) -> pb.ImportExperimentsResponse:
        """See `ImportService.ImportExperiments`."""
        work = experiment_import(request, self._clock())
        return await write_once(self._storage, self._clock, request, pb.ImportExperimentsResponse, work)

    async def runs(self, request: pb.ImportRunsRequest) -> pb.ImportRunsResponse:
        """See `ImportService.ImportRuns`."""
        # To check thousands of params and points takes a while.
        work = await asyncio.to_thread(run_import, request, self._clock)
        return await write_once(self._storage, self._clock, request, pb.ImportRunsResponse, work)

    async def metric_points(self, request: pb.ImportMetricPointsRequest) -> pb.ImportMetricPointsResponse:
        """See `ImportService.ImportMetricPoints`."""
        work = point_import(request, self._clock)
        return await write_once(self._storage, self._clock, request, pb.ImportMetricPointsResponse, work)

    async def logged_models(self, request: pb.ImportLoggedModelsRequest) -> pb.ImportLoggedModelsResponse:
        """See `ImportService.ImportLoggedModels`."""
        work = logged_model_import(request, self._clock())
        return await write_once(self._storage, self._clock, request, pb.ImportLoggedModelsResponse, work)

    async def registered_models(self, request: pb.ImportRegisteredModelsRequest) -> pb.ImportRegisteredModelsResponse:
        """See `ImportService.ImportRegisteredModels`."""
        work = registered_model_import(request, current_user(), self._clock())
        return await write_once(self._storage, self._clock, request, pb.ImportRegisteredModelsResponse, work)

    async def deletions(self, request: pb.ImportDeletionsRequest) -> pb.ImportDeletionsResponse:
        """See `ImportService.ImportDeletions`."""
        work = deletion_import(request, self._clock())
        return await write_once(self._storage, self._clock, request, pb.ImportDeletionsResponse, work)
