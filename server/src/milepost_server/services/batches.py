"""Rules of what is logged to a run: params, tags, points, inputs."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.services.clock import Clock
from milepost_server.services.logged_model_keys import existing_model
from milepost_server.services.metrics import LIGHT_VALUES, completed_metrics, point_count
from milepost_server.services.model_metrics import check_model_metrics, lock_runs, log_model_metrics
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.params import check_params, param_conflict
from milepost_server.services.refusals import tag_not_found
from milepost_server.services.replays import write_once
from milepost_server.services.run_keys import writable_run
from milepost_server.storage.base import Storage, Transaction


class BatchService:
    """What is logged to runs."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def log_batch(self, request: pb.LogBatchRequest) -> pb.LogBatchResponse:
        """See `TrackingService.LogBatch`."""
        check_params(request.params, "params")
        check_model_metrics(request.model_metrics)
        metrics = completed_metrics(request, self._clock)
        skip = request.skip_repeated_points
        values = len(request.params) + len(request.tags) + point_count(metrics)
        light = values <= LIGHT_VALUES and not request.model_metrics
        fields = [name for name in ("name", "description") if request.HasField(name)]

        async def work(tx: Transaction) -> pb.LogBatchResponse:
            if request.model_metrics:
                await lock_runs(tx, request.run_id, request.model_metrics)
            key = await writable_run(tx, request.run_id)
            conflicts = await tx.runs.log_params(key, request.params)
            for name, stored in sorted(conflicts.items()):
                raise param_conflict(name, stored, request.params[name], "run")
            await tx.runs.set_tags(key, request.tags)
            if fields:
                about = pb.Run(name=request.name, description=request.description)
                await tx.runs.update(key, about, fields, self._clock())
            points = await tx.metrics.append(key, metrics, self._clock(), skip_repeats=skip) if metrics else 0
            await log_model_metrics(tx, key, request.model_metrics, self._clock())
            return pb.LogBatchResponse(metric_points=points)

        return await write_once(self._storage, self._clock, request, pb.LogBatchResponse, work, light=light)

    async def delete_tags(self, request: pb.DeleteRunTagsRequest) -> pb.DeleteRunTagsResponse:
        """See `TrackingService.DeleteRunTags`."""

        async def work(tx: Transaction) -> pb.DeleteRunTagsResponse:
            key = await writable_run(tx, request.run_id)
            missing = set(request.keys) - await tx.runs.delete_tags(key, set(request.keys))
            if missing:
                raise tag_not_found(missing)
            return pb.DeleteRunTagsResponse()

        return await write_once(self._storage, self._clock, request, pb.DeleteRunTagsResponse, work)

    async def log_inputs(self, request: pb.LogInputsRequest) -> pb.LogInputsResponse:
        """See `TrackingService.LogInputs`."""
        if not (request.inputs or request.models):
            raise invalid_field(
                "inputs", "is required; set it, or models, or both", reason=pb.ERROR_REASON_REQUIRED_FIELD
            )

        async def work(tx: Transaction) -> pb.LogInputsResponse:
            key = await writable_run(tx, request.run_id)
            for model in request.models:
                await existing_model(tx, model.model_id)
            await tx.runs.log_inputs(key, request.inputs)
            await tx.runs.log_models(key, request.models, [])
            return pb.LogInputsResponse()

        return await write_once(self._storage, self._clock, request, pb.LogInputsResponse, work)

    async def log_outputs(self, request: pb.LogOutputsRequest) -> pb.LogOutputsResponse:
        """See `TrackingService.LogOutputs`."""

        async def work(tx: Transaction) -> pb.LogOutputsResponse:
            key = await writable_run(tx, request.run_id)
            for model in request.models:
                await existing_model(tx, model.model_id)
            await tx.runs.log_models(key, [], request.models)
            return pb.LogOutputsResponse()

        return await write_once(self._storage, self._clock, request, pb.LogOutputsResponse, work)

    async def list_datasets(self, request: pb.ListDatasetsRequest) -> pb.ListDatasetsResponse:
        """See `TrackingService.ListDatasets`."""
        after = decode_token(request, request.page_token)
        limit = page_limit(request.page_size, 100, 1000)
        numbers = [int(experiment_id) for experiment_id in request.experiment_ids]
        page = await self._storage.scan(lambda tx: tx.runs.list_datasets(numbers, limit, after))
        return pb.ListDatasetsResponse(datasets=page.items, next_page_token=encode_token(request, page.last))
