"""`milepost.mlflow.v1.RunService`."""

from __future__ import annotations

import secrets

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.errors import NotFound, invalid_field, quote
from milepost_server.filters import mlflow as names
from milepost_server.mlflow import run_messages, tags
from milepost_server.mlflow.native import checked, one_order, run_id_of, set_time, take, view
from milepost_server.mlflow.run_data import RunData
from milepost_server.services.batches import BatchService
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.runs import RunService

# What the stock client sends for a user of whom it says more in a tag.
_UNKNOWN_USER = "unknown"
_MOST_TOGETHER = 1000


class MlflowRunServicer:
    """MLflow's calls about runs. What each method does is said in the proto."""

    def __init__(self, experiments: ExperimentService, runs: RunService, batches: BatchService) -> None:
        self._experiments = experiments
        self._runs = runs
        self._data = RunData(runs, batches)

    async def create_run(self, request: mlflow_pb.CreateRunRequest, call: Call) -> mlflow_pb.CreateRunResponse:
        given = tags.split(tags.unique_values(request.tags, "tags"))
        run = pb.Run(
            run_id=secrets.token_hex(16),
            experiment_id=request.experiment_id or "0",
            name=_name(request, given),
            description=given.note or "",
            user=_user(request, given),
            tags=given.tags,
        )
        if request.HasField("start_time"):
            set_time(run.start_time, request.start_time, "start_time")
        create = checked(pb.CreateRunRequest(run=run))
        await self._place(create.run)
        response = mlflow_pb.CreateRunResponse()
        run_messages.fill_run(response.run, await self._runs.create(create))
        return response

    async def get_run(self, request: mlflow_pb.GetRunRequest, call: Call) -> mlflow_pb.GetRunResponse:
        found = await self._runs.get(run_id_of(request))
        response = mlflow_pb.GetRunResponse()
        run_messages.fill_run(response.run, found)
        return response

    async def search_runs(self, request: mlflow_pb.SearchRunsRequest, call: Call) -> mlflow_pb.SearchRunsResponse:
        if not request.experiment_ids:
            return mlflow_pb.SearchRunsResponse()
        search = pb.ListRunsRequest(
            experiment_ids=request.experiment_ids,
            filter=request.filter,
            order_by=one_order(request.order_by),
            page_token=request.page_token,
            view=view(request.run_view_type),
        )
        found, token = await take(search, request.max_results, lambda page: self._runs.list(page, names.RUNS))
        response = mlflow_pb.SearchRunsResponse(next_page_token=token or None)
        for run in found:
            run_messages.fill_run(response.runs.add(), run)
        return response

    async def update_run(self, request: mlflow_pb.UpdateRunRequest, call: Call) -> mlflow_pb.UpdateRunResponse:
        update = pb.UpdateRunRequest(run=pb.Run(run_id=run_id_of(request)))
        if request.HasField("status"):
            update.run.state = run_messages.native_state(request.status)
            update.update_mask.paths.append("state")
        if request.HasField("end_time"):
            set_time(update.run.end_time, request.end_time, "end_time")
            update.update_mask.paths.append("end_time")
        if request.run_name:
            update.run.name = request.run_name
            update.update_mask.paths.append("name")
        changed = bool(update.update_mask.paths)
        run = await self._runs.update(checked(update)) if changed else await self._runs.get(update.run.run_id)
        response = mlflow_pb.UpdateRunResponse()
        run_messages.fill_info(response.run_info, run)
        return response

    async def delete_run(self, request: mlflow_pb.DeleteRunRequest, call: Call) -> mlflow_pb.DeleteRunResponse:
        await self._runs.delete(checked(pb.DeleteRunRequest(run_id=request.run_id)))
        return mlflow_pb.DeleteRunResponse()

    async def restore_run(self, request: mlflow_pb.RestoreRunRequest, call: Call) -> mlflow_pb.RestoreRunResponse:
        await self._runs.restore(checked(pb.RestoreRunRequest(run_id=request.run_id)))
        return mlflow_pb.RestoreRunResponse()

    async def log_metric(self, request: mlflow_pb.LogMetricRequest, call: Call) -> mlflow_pb.LogMetricResponse:
        point = mlflow_pb.Metric(
            key=request.key,
            value=request.value,
            timestamp=request.timestamp,
            step=request.step,
            dataset_name=request.dataset_name,
            dataset_digest=request.dataset_digest,
            model_id=request.model_id,
        )
        await self._data.log(run_id_of(request), [point], {}, {})
        return mlflow_pb.LogMetricResponse()

    async def log_param(self, request: mlflow_pb.LogParamRequest, call: Call) -> mlflow_pb.LogParamResponse:
        await self._data.log(run_id_of(request), [], {request.key: request.value}, {})
        return mlflow_pb.LogParamResponse()

    async def set_tag(self, request: mlflow_pb.SetTagRequest, call: Call) -> mlflow_pb.SetTagResponse:
        await self._data.log(run_id_of(request), [], {}, {request.key: request.value})
        return mlflow_pb.SetTagResponse()

    async def delete_tag(self, request: mlflow_pb.DeleteTagRequest, call: Call) -> mlflow_pb.DeleteTagResponse:
        await self._data.delete_tag(request.run_id, request.key)
        return mlflow_pb.DeleteTagResponse()

    async def log_batch(self, request: mlflow_pb.LogBatchRequest, call: Call) -> mlflow_pb.LogBatchResponse:
        total = len(request.metrics) + len(request.params) + len(request.tags)
        if total > _MOST_TOGETHER:
            raise invalid_field(
                "metrics",
                f"{total} metrics, params and tags are more than {_MOST_TOGETHER} together; send several batches",
            )
        params = tags.unique_values(request.params, "params")
        await self._data.log(request.run_id, request.metrics, params, tags.last_values(request.tags))
        return mlflow_pb.LogBatchResponse()

    async def log_model(self, request: mlflow_pb.LogModelRequest, call: Call) -> mlflow_pb.LogModelResponse:
        await self._data.note_model(request.run_id, request.model_json)
        return mlflow_pb.LogModelResponse()

    async def log_inputs(self, request: mlflow_pb.LogInputsRequest, call: Call) -> mlflow_pb.LogInputsResponse:
        await self._data.log_inputs(request)
        return mlflow_pb.LogInputsResponse()

    async def log_outputs(self, request: mlflow_pb.LogOutputsRequest, call: Call) -> mlflow_pb.LogOutputsResponse:
        await self._data.log_outputs(request)
        return mlflow_pb.LogOutputsResponse()

    async def _place(self, run: pb.Run) -> None:
        """Nests a new run where its tag says so and that can be, and gives it a place for artifacts of its own."""
        experiment = await self._experiments.get(run.experiment_id)
        location = experiment.tags.get(tags.ARTIFACT_LOCATION)
        if location:
            run.tags[tags.ARTIFACT_URI] = f"{location}/{run.run_id}/artifacts"
        parent_id = run.tags.get(tags.PARENT)
        if parent_id is None:
            return
        try:
            parent = await self._runs.get(parent_id)
        except NotFound:
            return
        if parent.experiment_id == str(int(run.experiment_id)) and not parent.HasField("delete_time"):
            run.parent_run_id = parent_id
            del run.tags[tags.PARENT]


def _name(request: mlflow_pb.CreateRunRequest, given: tags.Split) -> str:
    if request.run_name and given.name and request.run_name != given.name:
        raise invalid_field(
            "run_name", f"is {quote(request.run_name)}, but the tag mlflow.runName is {quote(given.name)}; send one"
        )
    return request.run_name or given.name or ""


def _user(request: mlflow_pb.CreateRunRequest, given: tags.Split) -> str:
    named = request.user_id if request.user_id != _UNKNOWN_USER else ""
    return named or given.tags.get(tags.USER, request.user_id)
