"""A method per RPC of imports; see `support.verbs`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from milepost import v1 as pb

_IMPORTS = "milepost.v1.ImportService"


class ImportVerbs(ABC):
    """Every RPC of this service under its name in snake case. Returned is what became of each entry."""

    @abstractmethod
    async def call(
        self, method: str, request: Message, *, binding: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        """See `Api.call`."""

    async def import_experiments(self, *experiments: pb.Experiment) -> list[pb.ExperimentOutcome]:
        request = pb.ImportExperimentsRequest(experiments=experiments)
        response: pb.ImportExperimentsResponse = await self.call(f"{_IMPORTS}/ImportExperiments", request)
        return list(response.outcomes)

    async def import_runs(self, *runs: pb.ImportedRun) -> list[pb.RunOutcome]:
        response: pb.ImportRunsResponse = await self.call(f"{_IMPORTS}/ImportRuns", pb.ImportRunsRequest(runs=runs))
        return list(response.outcomes)

    async def import_metric_points(self, *series: pb.ImportedPoints) -> list[int]:
        request = pb.ImportMetricPointsRequest(series=series)
        response: pb.ImportMetricPointsResponse = await self.call(f"{_IMPORTS}/ImportMetricPoints", request)
        return list(response.metric_points)

    async def import_logged_models(self, *models: pb.LoggedModel) -> list[pb.LoggedModelOutcome]:
        request = pb.ImportLoggedModelsRequest(logged_models=models)
        response: pb.ImportLoggedModelsResponse = await self.call(f"{_IMPORTS}/ImportLoggedModels", request)
        return list(response.outcomes)

    async def import_registered_models(self, *models: pb.ImportedRegisteredModel) -> list[pb.RegisteredModelOutcome]:
        request = pb.ImportRegisteredModelsRequest(registered_models=models)
        response: pb.ImportRegisteredModelsResponse = await self.call(f"{_IMPORTS}/ImportRegisteredModels", request)
        return list(response.outcomes)

    async def import_deletions(
        self,
        *,
        experiments: Sequence[pb.ImportedDeletion] = (),
        runs: Sequence[pb.ImportedDeletion] = (),
        logged_models: Sequence[pb.ImportedDeletion] = (),
    ) -> list[str]:
        """Returns ids of models that are in use."""
        request = pb.ImportDeletionsRequest(experiments=experiments, runs=runs, logged_models=logged_models)
        response: pb.ImportDeletionsResponse = await self.call(f"{_IMPORTS}/ImportDeletions", request)
        return list(response.logged_models_in_use)
