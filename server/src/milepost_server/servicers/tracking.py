"""`milepost.v1.TrackingService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.batches import BatchService
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.purges import PurgeService
from milepost_server.services.run_facets import RunFacetService
from milepost_server.services.runs import RunService
from milepost_server.services.watches import WatchService


class TrackingServicer:
    """Experiments, runs and what is logged to them. What each method does is said in the proto."""

    def __init__(
        self,
        experiments: ExperimentService,
        runs: RunService,
        facets: RunFacetService,
        batches: BatchService,
        purges: PurgeService,
        watches: WatchService,
    ) -> None:
        self._experiments = experiments
        self._runs = runs
        self._facets = facets
        self._batches = batches
        self._purges = purges
        self._watches = watches

    async def create_experiment(self, request: pb.CreateExperimentRequest, call: Call) -> pb.CreateExperimentResponse:
        return pb.CreateExperimentResponse(experiment=await self._experiments.create(request))

    async def get_experiment(self, request: pb.GetExperimentRequest, call: Call) -> pb.GetExperimentResponse:
        return pb.GetExperimentResponse(experiment=await self._experiments.get(request.experiment_id))

    async def get_experiment_by_name(
        self, request: pb.GetExperimentByNameRequest, call: Call
    ) -> pb.GetExperimentByNameResponse:
        return pb.GetExperimentByNameResponse(experiment=await self._experiments.get_by_name(request.name))

    async def batch_get_experiments(
        self, request: pb.BatchGetExperimentsRequest, call: Call
    ) -> pb.BatchGetExperimentsResponse:
        return pb.BatchGetExperimentsResponse(experiments=await self._experiments.batch_get(request))

    async def list_experiments(self, request: pb.ListExperimentsRequest, call: Call) -> pb.ListExperimentsResponse:
        experiments, token = await self._experiments.list(request)
        return pb.ListExperimentsResponse(experiments=experiments, next_page_token=token)

    async def update_experiment(self, request: pb.UpdateExperimentRequest, call: Call) -> pb.UpdateExperimentResponse:
        return pb.UpdateExperimentResponse(experiment=await self._experiments.update(request))

    async def update_experiment_tags(
        self, request: pb.UpdateExperimentTagsRequest, call: Call
    ) -> pb.UpdateExperimentTagsResponse:
        return pb.UpdateExperimentTagsResponse(experiment=await self._experiments.update_tags(request))

    async def delete_experiment(self, request: pb.DeleteExperimentRequest, call: Call) -> pb.DeleteExperimentResponse:
        return pb.DeleteExperimentResponse(experiment=await self._experiments.set_deleted(request, True))

    async def restore_experiment(
        self, request: pb.RestoreExperimentRequest, call: Call
    ) -> pb.RestoreExperimentResponse:
        return pb.RestoreExperimentResponse(experiment=await self._experiments.set_deleted(request, False))

    async def purge_experiment(self, request: pb.PurgeExperimentRequest, call: Call) -> pb.PurgeExperimentResponse:
        return pb.PurgeExperimentResponse(purged=await self._purges.purge_experiment(request))

    async def create_run(self, request: pb.CreateRunRequest, call: Call) -> pb.CreateRunResponse:
        return pb.CreateRunResponse(run=await self._runs.create(request))

    async def get_run(self, request: pb.GetRunRequest, call: Call) -> pb.GetRunResponse:
        return pb.GetRunResponse(run=await self._runs.get(request.run_id))

    async def batch_get_runs(self, request: pb.BatchGetRunsRequest, call: Call) -> pb.BatchGetRunsResponse:
        return pb.BatchGetRunsResponse(runs=await self._runs.batch_get(request))

    async def list_runs(self, request: pb.ListRunsRequest, call: Call) -> pb.ListRunsResponse:
        runs, token = await self._runs.list(request)
        return pb.ListRunsResponse(runs=runs, next_page_token=token)

    async def count_runs(self, request: pb.CountRunsRequest, call: Call) -> pb.CountRunsResponse:
        return pb.CountRunsResponse(runs=await self._facets.count(request))

    async def group_runs(self, request: pb.GroupRunsRequest, call: Call) -> pb.GroupRunsResponse:
        return await self._facets.group(request)

    async def list_run_keys(self, request: pb.ListRunKeysRequest, call: Call) -> pb.ListRunKeysResponse:
        return await self._facets.keys(request)

    async def list_run_values(self, request: pb.ListRunValuesRequest, call: Call) -> pb.ListRunValuesResponse:
        return await self._facets.values(request)

    async def update_run(self, request: pb.UpdateRunRequest, call: Call) -> pb.UpdateRunResponse:
        return pb.UpdateRunResponse(run=await self._runs.update(request))

    async def delete_run(self, request: pb.DeleteRunRequest, call: Call) -> pb.DeleteRunResponse:
        return pb.DeleteRunResponse(run=await self._runs.delete(request))

    async def restore_run(self, request: pb.RestoreRunRequest, call: Call) -> pb.RestoreRunResponse:
        return pb.RestoreRunResponse(run=await self._runs.restore(request))

    async def purge_run(self, request: pb.PurgeRunRequest, call: Call) -> pb.PurgeRunResponse:
        return pb.PurgeRunResponse(purged=await self._purges.purge_run(request))

    async def watch_run(self, request: pb.WatchRunRequest, call: Call) -> AsyncIterator[pb.WatchRunResponse]:
        async with aclosing(self._watches.run(request)) as responses:
            async for response in responses:
                yield response

    async def watch_experiment(
        self, request: pb.WatchExperimentRequest, call: Call
    ) -> AsyncIterator[pb.WatchExperimentResponse]:
        async with aclosing(self._watches.experiment(request)) as responses:
            async for response in responses:
                yield response

    async def purge_runs(self, request: pb.PurgeRunsRequest, call: Call) -> pb.PurgeRunsResponse:
        return await self._purges.purge_runs(request)

    async def log_batch(self, request: pb.LogBatchRequest, call: Call) -> pb.LogBatchResponse:
        return await self._batches.log_batch(request)

    async def delete_run_tags(self, request: pb.DeleteRunTagsRequest, call: Call) -> pb.DeleteRunTagsResponse:
        return await self._batches.delete_tags(request)

    async def log_inputs(self, request: pb.LogInputsRequest, call: Call) -> pb.LogInputsResponse:
        return await self._batches.log_inputs(request)

    async def log_outputs(self, request: pb.LogOutputsRequest, call: Call) -> pb.LogOutputsResponse:
        return await self._batches.log_outputs(request)

    async def list_datasets(self, request: pb.ListDatasetsRequest, call: Call) -> pb.ListDatasetsResponse:
        return await self._batches.list_datasets(request)
