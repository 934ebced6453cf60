"""`milepost.mlflow.v1.LoggedModelService`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.errors import invalid_field
from milepost_server.filters import mlflow as names
from milepost_server.mlflow import places, tags
from milepost_server.mlflow.artifact_messages import download_request, listed, relayed
from milepost_server.mlflow.logged_model_messages import logged_model, native_status
from milepost_server.mlflow.native import checked, one_order, take
from milepost_server.mlflow.places import Place
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.experiments import ExperimentService
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.services.model_refusals import logged_model_not_found
from milepost_server.services.names import make_run_name


class MlflowLoggedModelServicer:
    """MLflow's calls about logged models. What each method does is said in the proto."""

    def __init__(self, models: LoggedModelService, experiments: ExperimentService, artifacts: ArtifactService) -> None:
        self._models = models
        self._experiments = experiments
        self._artifacts = artifacts

    async def create_logged_model(
        self, request: mlflow_pb.CreateLoggedModelRequest, call: Call
    ) -> mlflow_pb.CreateLoggedModelResponse:
        model = pb.LoggedModel(
            model_id=f"m-{secrets.token_hex(16)}",
            run_id=request.source_run_id,
            experiment_id=request.experiment_id,
            name=request.name or make_run_name(),
            model_type=request.model_type,
            tags=tags.last_values(request.tags),
        )
        _fill_params(model, request.params)
        create = checked(pb.CreateLoggedModelRequest(logged_model=model))
        location = (await self._experiments.get(request.experiment_id)).tags.get(tags.ARTIFACT_LOCATION)
        if location:
            create.logged_model.tags[tags.ARTIFACT_URI] = f"{location}/models/{model.model_id}/artifacts"
        created = await self._models.create(create)
        return mlflow_pb.CreateLoggedModelResponse(model=logged_model(created))

    async def finalize_logged_model(
        self, request: mlflow_pb.FinalizeLoggedModelRequest, call: Call
    ) -> mlflow_pb.FinalizeLoggedModelResponse:
        status = native_status(request.status)
        finalize = pb.FinalizeLoggedModelRequest(
            model_id=request.model_id, status=status, stored_files=status == pb.LoggedModel.STATUS_READY
        )
        final = await self._models.finalize(checked(finalize))
        return mlflow_pb.FinalizeLoggedModelResponse(model=logged_model(final))

    async def get_logged_model(
        self, request: mlflow_pb.GetLoggedModelRequest, call: Call
    ) -> mlflow_pb.GetLoggedModelResponse:
        found = await self._models.get(request.model_id)
        if found.HasField("delete_time") and not request.allow_deleted:
            raise logged_model_not_found(request.model_id)
        return mlflow_pb.GetLoggedModelResponse(model=logged_model(found))

    async def delete_logged_model(
        self, request: mlflow_pb.DeleteLoggedModelRequest, call: Call
    ) -> mlflow_pb.DeleteLoggedModelResponse:
        await self._models.delete(checked(pb.DeleteLoggedModelRequest(model_id=request.model_id)))
        return mlflow_pb.DeleteLoggedModelResponse()

    async def search_logged_models(
        self, request: mlflow_pb.SearchLoggedModelsRequest, call: Call
    ) -> mlflow_pb.SearchLoggedModelsResponse:
        if not request.experiment_ids:
            return mlflow_pb.SearchLoggedModelsResponse()
        search = pb.ListLoggedModelsRequest(
            experiment_ids=request.experiment_ids,
            filter=request.filter,
            order_by=one_order([f"{key.field_name} {'ASC' if key.ascending else 'DESC'}" for key in request.order_by]),
            page_token=request.page_token,
            datasets=[pb.ModelDataset(name=data.dataset_name, digest=data.dataset_digest) for data in request.datasets],
            order_dataset=_order_dataset(request.order_by),
        )
        found, token = await take(
            search, request.max_results, lambda page: self._models.list(page, names.LOGGED_MODELS)
        )
        return mlflow_pb.SearchLoggedModelsResponse(
            models=[logged_model(model) for model in found], next_page_token=token or None
        )

    async def set_logged_model_tags(
        self, request: mlflow_pb.SetLoggedModelTagsRequest, call: Call
    ) -> mlflow_pb.SetLoggedModelTagsResponse:
        change = pb.UpdateLoggedModelRequest(model_id=request.model_id, tags=tags.last_values(request.tags))
        changed = await self._models.update(checked(change))
        return mlflow_pb.SetLoggedModelTagsResponse(model=logged_model(changed))

    async def delete_logged_model_tag(
        self, request: mlflow_pb.DeleteLoggedModelTagRequest, call: Call
    ) -> mlflow_pb.DeleteLoggedModelTagResponse:
        change = pb.UpdateLoggedModelRequest(model_id=request.model_id, delete_tags=[request.tag_key])
        await self._models.update(checked(change))
        return mlflow_pb.DeleteLoggedModelTagResponse()

    async def log_logged_model_params(
        self, request: mlflow_pb.LogLoggedModelParamsRequest, call: Call
    ) -> mlflow_pb.LogLoggedModelParamsResponse:
        change = pb.UpdateLoggedModelRequest(model_id=request.model_id)
        _fill_params(change, request.params)
        await self._models.update(checked(change))
        return mlflow_pb.LogLoggedModelParamsResponse()

    async def list_logged_model_artifacts(
        self, request: mlflow_pb.ListLoggedModelArtifactsRequest, call: Call
    ) -> mlflow_pb.ListLoggedModelArtifactsResponse:
        model = await self._models.get(request.model_id)
        folder = request.artifact_directory_path
        files, token = await listed(self._artifacts, _below(model, folder), model.path, request.page_token)
        root = places.uri_of(model, model.path)
        return mlflow_pb.ListLoggedModelArtifactsResponse(root_uri=root, files=files, next_page_token=token or None)

    async def download_logged_model_artifact(
        self, request: mlflow_pb.DownloadLoggedModelArtifactRequest, call: Call
    ) -> AsyncIterator[mlflow_pb.DownloadLoggedModelArtifactResponse]:
        model = await self._models.get(request.model_id)
        native = download_request(_below(model, request.artifact_file_path), request)
        async with aclosing(relayed(self._artifacts, native, mlflow_pb.DownloadLoggedModelArtifactResponse)) as answers:
            async for answer in answers:
                yield answer


def _fill_params(
    native: pb.LoggedModel | pb.UpdateLoggedModelRequest, params: Sequence[mlflow_pb.LoggedModelParameter]
) -> None:
    for key, value in tags.unique_values(params, "params").items():
        native.params[key].string_value = value


def _order_dataset(keys: Sequence[mlflow_pb.SearchLoggedModelsRequest.OrderBy]) -> pb.ModelDataset | None:
    """The one dataset that an order names."""
    found = {(key.dataset_name, key.dataset_digest) for key in keys if key.dataset_name}
    if len(found) > 1:
        raise invalid_field("order_by", f"names {len(found)} datasets; order by metrics of one")
    return next((pb.ModelDataset(name=name, digest=digest) for name, digest in found), None)


def _below(model: pb.LoggedModel, path: str) -> Place:
    """A place among the files of a model."""
    return Place(model.run_id, f"{model.path}/{path}" if path else model.path)
