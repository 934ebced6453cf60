"""`milepost.mlflow.v1.ExperimentService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.filters import mlflow as names
from milepost_server.mlflow import places, tags
from milepost_server.mlflow.native import checked, milliseconds, one_order, take, view
from milepost_server.services.batches import BatchService
from milepost_server.services.experiments import ExperimentService

_MOST_DATASETS = 1000


class MlflowExperimentServicer:
    """MLflow's calls about experiments. What each method does is said in the proto."""

    def __init__(self, experiments: ExperimentService, batches: BatchService) -> None:
        self._experiments = experiments
        self._batches = batches

    async def create_experiment(
        self, request: mlflow_pb.CreateExperimentRequest, call: Call
    ) -> mlflow_pb.CreateExperimentResponse:
        given = tags.split(tags.unique_values(request.tags, "tags"))
        experiment = pb.Experiment(name=request.name, description=given.note or "", tags=given.tags)
        if request.artifact_location:
            experiment.tags[tags.ARTIFACT_LOCATION] = request.artifact_location.rstrip("/")
        created = await self._experiments.create(checked(pb.CreateExperimentRequest(experiment=experiment)))
        return mlflow_pb.CreateExperimentResponse(experiment_id=created.experiment_id)

    async def get_experiment(
        self, request: mlflow_pb.GetExperimentRequest, call: Call
    ) -> mlflow_pb.GetExperimentResponse:
        found = await self._experiments.get(request.experiment_id)
        return mlflow_pb.GetExperimentResponse(experiment=_experiment(found))

    async def get_experiment_by_name(
        self, request: mlflow_pb.GetExperimentByNameRequest, call: Call
    ) -> mlflow_pb.GetExperimentByNameResponse:
        found = await self._experiments.get_by_name(request.experiment_name)
        return mlflow_pb.GetExperimentByNameResponse(experiment=_experiment(found))

    async def search_experiments(
        self, request: mlflow_pb.SearchExperimentsRequest, call: Call
    ) -> mlflow_pb.SearchExperimentsResponse:
        search = pb.ListExperimentsRequest(
            filter=request.filter,
            order_by=one_order(request.order_by),
            page_token=request.page_token,
            view=view(request.view_type),
        )
        found, token = await take(
            search, request.max_results, lambda page: self._experiments.list(page, names.EXPERIMENTS)
        )
        return mlflow_pb.SearchExperimentsResponse(
            experiments=[_experiment(experiment) for experiment in found], next_page_token=token or None
        )

    async def update_experiment(
        self, request: mlflow_pb.UpdateExperimentRequest, call: Call
    ) -> mlflow_pb.UpdateExperimentResponse:
        await self._update(pb.Experiment(experiment_id=request.experiment_id, name=request.new_name), "name")
        return mlflow_pb.UpdateExperimentResponse()

    async def delete_experiment(
        self, request: mlflow_pb.DeleteExperimentRequest, call: Call
    ) -> mlflow_pb.DeleteExperimentResponse:
        delete = checked(pb.DeleteExperimentRequest(experiment_id=request.experiment_id))
        await self._experiments.set_deleted(delete, True)
        return mlflow_pb.DeleteExperimentResponse()

    async def restore_experiment(
        self, request: mlflow_pb.RestoreExperimentRequest, call: Call
    ) -> mlflow_pb.RestoreExperimentResponse:
        restore = checked(pb.RestoreExperimentRequest(experiment_id=request.experiment_id))
        await self._experiments.set_deleted(restore, False)
        return mlflow_pb.RestoreExperimentResponse()

    async def set_experiment_tag(
        self, request: mlflow_pb.SetExperimentTagRequest, call: Call
    ) -> mlflow_pb.SetExperimentTagResponse:
        if request.key == tags.NOTE:
            await self._update(
                pb.Experiment(experiment_id=request.experiment_id, description=request.value), "description"
            )
        else:
            await self._change_tags(request.experiment_id, {request.key: request.value}, [])
        return mlflow_pb.SetExperimentTagResponse()

    async def delete_experiment_tag(
        self, request: mlflow_pb.DeleteExperimentTagRequest, call: Call
    ) -> mlflow_pb.DeleteExperimentTagResponse:
        if request.key == tags.NOTE:
            await self._update(pb.Experiment(experiment_id=request.experiment_id), "description")
        else:
            await self._change_tags(request.experiment_id, {}, [request.key])
        return mlflow_pb.DeleteExperimentTagResponse()

    async def search_datasets(
        self, request: mlflow_pb.SearchDatasetsRequest, call: Call
    ) -> mlflow_pb.SearchDatasetsResponse:
        listed = pb.ListDatasetsRequest(experiment_ids=request.experiment_ids, page_size=_MOST_DATASETS)
        found = await self._batches.list_datasets(checked(listed))
        summaries = [
            mlflow_pb.DatasetSummary(
                experiment_id=used.experiment_id,
                name=used.dataset.name,
                digest=used.dataset.digest,
                context=context or None,
            )
            for used in found.datasets
            for context in used.contexts
        ]
        return mlflow_pb.SearchDatasetsResponse(dataset_summaries=summaries[:_MOST_DATASETS])

    async def _update(self, experiment: pb.Experiment, field: str) -> None:
        update = pb.UpdateExperimentRequest(experiment=experiment)
        update.update_mask.paths.append(field)
        await self._experiments.update(checked(update))

    async def _change_tags(self, experiment_id: str, changed: dict[str, str], deleted: list[str]) -> None:
        change = pb.UpdateExperimentTagsRequest(experiment_id=experiment_id, set=changed, delete=deleted)
        await self._experiments.update_tags(checked(change))


def _experiment(native: pb.Experiment) -> mlflow_pb.Experiment:
    location = native.tags.get(tags.ARTIFACT_LOCATION, "")
    return mlflow_pb.Experiment(
        experiment_id=native.experiment_id,
        name=native.name,
        artifact_location=location or f"{places.SCHEME}/{native.experiment_id}",
        lifecycle_stage="deleted" if native.HasField("delete_time") else "active",
        creation_time=milliseconds(native.create_time),
        last_update_time=milliseconds(native.update_time),
        tags=[
            mlflow_pb.ExperimentTag(key=key, value=value)
            for key, value in tags.shown(native.tags, note=native.description)
        ],
    )
