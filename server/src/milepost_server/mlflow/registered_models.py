"""`milepost.mlflow.v1.RegisteredModelService`."""

from __future__ import annotations

from collections import defaultdict

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.errors import InvalidArgument, NotFound
from milepost_server.filters import mlflow as names
from milepost_server.mlflow import tags
from milepost_server.mlflow.native import checked, missing_is_fine, one_order, take
from milepost_server.mlflow.registry_messages import (
    model_version,
    model_versions,
    native_stage,
    registered_model,
)
from milepost_server.services.model_aliases import ModelAliasService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.registered_models import RegisteredModelService

_BY_NAME = "name ASC"
_LATEST = "latest"


class MlflowRegisteredModelServicer:
    """MLflow's calls about registered models. What each method does is said in the proto."""

    def __init__(
        self, models: RegisteredModelService, versions: ModelVersionService, aliases: ModelAliasService
    ) -> None:
        self._models = models
        self._versions = versions
        self._aliases = aliases

    async def create_registered_model(
        self, request: mlflow_pb.CreateRegisteredModelRequest, call: Call
    ) -> mlflow_pb.CreateRegisteredModelResponse:
        model = pb.RegisteredModel(
            name=request.name, description=request.description, tags=tags.last_values(request.tags)
        )
        created = await self._models.create(checked(pb.CreateRegisteredModelRequest(registered_model=model)))
        return mlflow_pb.CreateRegisteredModelResponse(registered_model=registered_model(created, []))

    async def rename_registered_model(
        self, request: mlflow_pb.RenameRegisteredModelRequest, call: Call
    ) -> mlflow_pb.RenameRegisteredModelResponse:
        rename = pb.RenameRegisteredModelRequest(name=request.name, new_name=request.new_name)
        renamed = await self._models.rename(checked(rename))
        return mlflow_pb.RenameRegisteredModelResponse(registered_model=await self._whole(renamed))

    async def update_registered_model(
        self, request: mlflow_pb.UpdateRegisteredModelRequest, call: Call
    ) -> mlflow_pb.UpdateRegisteredModelResponse:
        update = pb.UpdateRegisteredModelRequest(
            registered_model=pb.RegisteredModel(name=request.name, description=request.description)
        )
        update.update_mask.paths.append("description")
        updated = await self._models.update(checked(update))
        return mlflow_pb.UpdateRegisteredModelResponse(registered_model=await self._whole(updated))

    async def delete_registered_model(
        self, request: mlflow_pb.DeleteRegisteredModelRequest, call: Call
    ) -> mlflow_pb.DeleteRegisteredModelResponse:
        await self._models.delete(checked(pb.DeleteRegisteredModelRequest(name=request.name)))
        return mlflow_pb.DeleteRegisteredModelResponse()

    async def get_registered_model(
        self, request: mlflow_pb.GetRegisteredModelRequest, call: Call
    ) -> mlflow_pb.GetRegisteredModelResponse:
        found = await self._models.get(request.name)
        return mlflow_pb.GetRegisteredModelResponse(registered_model=await self._whole(found))

    async def search_registered_models(
        self, request: mlflow_pb.SearchRegisteredModelsRequest, call: Call
    ) -> mlflow_pb.SearchRegisteredModelsResponse:
        search = pb.ListRegisteredModelsRequest(
            filter=request.filter, order_by=one_order(request.order_by) or _BY_NAME, page_token=request.page_token
        )
        found, token = await take(
            search, request.max_results, lambda page: self._models.list(page, names.REGISTERED_MODELS)
        )
        latest: defaultdict[str, list[pb.ModelVersion]] = defaultdict(list)
        for version in await self._versions.latest_of_stages([model.name for model in found]):
            latest[version.name].append(version)
        return mlflow_pb.SearchRegisteredModelsResponse(
            registered_models=[registered_model(model, latest[model.name]) for model in found],
            next_page_token=token or None,
        )

    async def get_latest_versions(
        self, request: mlflow_pb.GetLatestVersionsRequest, call: Call
    ) -> mlflow_pb.GetLatestVersionsResponse:
        stages = {native_stage(name, f"stages[{index}]") for index, name in enumerate(request.stages)}
        latest = await self._versions.latest_of_stages([request.name])
        if not latest:
            await self._models.get(request.name)  # which must exist
        wanted = [version for version in latest if not stages or version.stage in stages]
        return mlflow_pb.GetLatestVersionsResponse(model_versions=model_versions(wanted))

    async def set_registered_model_tag(
        self, request: mlflow_pb.SetRegisteredModelTagRequest, call: Call
    ) -> mlflow_pb.SetRegisteredModelTagResponse:
        change = pb.UpdateModelTagsRequest(name=request.name, set={request.key: request.value})
        await self._versions.update_tags(checked(change))
        return mlflow_pb.SetRegisteredModelTagResponse()

    async def delete_registered_model_tag(
        self, request: mlflow_pb.DeleteRegisteredModelTagRequest, call: Call
    ) -> mlflow_pb.DeleteRegisteredModelTagResponse:
        change = pb.UpdateModelTagsRequest(name=request.name, delete=[request.key])
        with missing_is_fine(pb.ERROR_REASON_TAG_NOT_FOUND):
            await self._versions.update_tags(checked(change))
        return mlflow_pb.DeleteRegisteredModelTagResponse()

    async def set_registered_model_alias(
        self, request: mlflow_pb.SetRegisteredModelAliasRequest, call: Call
    ) -> mlflow_pb.SetRegisteredModelAliasResponse:
        change = pb.SetModelAliasRequest(name=request.name, alias=request.alias, version=int(request.version))
        await self._aliases.set(checked(change))
        return mlflow_pb.SetRegisteredModelAliasResponse()

    async def delete_registered_model_alias(
        self, request: mlflow_pb.DeleteRegisteredModelAliasRequest, call: Call
    ) -> mlflow_pb.DeleteRegisteredModelAliasResponse:
        with missing_is_fine(pb.ERROR_REASON_ALIAS_NOT_FOUND):
            await self._aliases.delete(checked(pb.DeleteModelAliasRequest(name=request.name, alias=request.alias)))
        return mlflow_pb.DeleteRegisteredModelAliasResponse()

    async def get_model_version_by_alias(
        self, request: mlflow_pb.GetModelVersionByAliasRequest, call: Call
    ) -> mlflow_pb.GetModelVersionByAliasResponse:
        alias = _LATEST if request.alias.lower() == _LATEST else request.alias
        try:
            found = await self._aliases.get(request.name, alias)
        except NotFound as missing:
            if missing.reason != pb.ERROR_REASON_ALIAS_NOT_FOUND:
                raise
            # Clients tell it from a model that does not exist by the status.
            raise InvalidArgument(str(missing), reason=missing.reason, metadata=missing.metadata) from None
        return mlflow_pb.GetModelVersionByAliasResponse(model_version=model_version(found))

    async def _whole(self, native: pb.RegisteredModel) -> mlflow_pb.RegisteredModel:
        return registered_model(native, await self._versions.latest_of_stages([native.name]))
