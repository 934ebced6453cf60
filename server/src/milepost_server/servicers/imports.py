"""`milepost.v1.ImportService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.imports import ImportService


class ImportServicer:
    """Histories of other systems. What each method does is said in the proto."""

    def __init__(self, imports: ImportService) -> None:
        self._imports = imports

    async def import_experiments(
        self, request: pb.ImportExperimentsRequest, call: Call
    ) -> pb.ImportExperimentsResponse:
        return await self._imports.experiments(request)

    async def import_runs(self, request: pb.ImportRunsRequest, call: Call) -> pb.ImportRunsResponse:
        return await self._imports.runs(request)

    async def import_metric_points(
        self, request: pb.ImportMetricPointsRequest, call: Call
    ) -> pb.ImportMetricPointsResponse:
        return await self._imports.metric_points(request)

    async def import_logged_models(
        self, request: pb.ImportLoggedModelsRequest, call: Call
    ) -> pb.ImportLoggedModelsResponse:
        return await self._imports.logged_models(request)

    async def import_registered_models(
        self, request: pb.ImportRegisteredModelsRequest, call: Call
    ) -> pb.ImportRegisteredModelsResponse:
        return await self._imports.registered_models(request)

    async def import_deletions(self, request: pb.ImportDeletionsRequest, call: Call) -> pb.ImportDeletionsResponse:
        return await self._imports.deletions(request)
