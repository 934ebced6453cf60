"""`milepost.v1.RegistryService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.model_aliases import ModelAliasService
from milepost_server.services.model_promotion import ModelPromotionService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.registered_models import RegisteredModelService
from milepost_server.services.registry_events import RegistryEventService


class RegistryServicer:
    """The model registry. What each method does is said in the proto."""

    def __init__(
        self,
        models: RegisteredModelService,
        versions: ModelVersionService,
        aliases: ModelAliasService,
        promotion: ModelPromotionService,
        events: RegistryEventService,
    ) -> None:
        self._models = models
        self._versions = versions
        self._aliases = aliases
        self._promotion = promotion
        self._events = events

    async def create_registered_model(
        self, request: pb.CreateRegisteredModelRequest, call: Call
    ) -> pb.CreateRegisteredModelResponse:
        return pb.CreateRegisteredModelResponse(registered_model=await self._models.create(request))

    async def get_registered_model(
        self, request: pb.GetRegisteredModelRequest, call: Call
    ) -> pb.GetRegisteredModelResponse:
        return pb.GetRegisteredModelResponse(registered_model=await self._models.get(request.name))

    async def list_registered_models(
        self, request: pb.ListRegisteredModelsRequest, call: Call
    ) -> pb.ListRegisteredModelsResponse:
        models, token = await self._models.list(request)
        return pb.ListRegisteredModelsResponse(registered_models=models, next_page_token=token)

    async def update_registered_model(
        self, request: pb.UpdateRegisteredModelRequest, call: Call
    ) -> pb.UpdateRegisteredModelResponse:
        return pb.UpdateRegisteredModelResponse(registered_model=await self._models.update(request))

    async def update_model_tags(self, request: pb.UpdateModelTagsRequest, call: Call) -> pb.UpdateModelTagsResponse:
        return await self._versions.update_tags(request)

    async def rename_registered_model(
        self, request: pb.RenameRegisteredModelRequest, call: Call
    ) -> pb.RenameRegisteredModelResponse:
        return pb.RenameRegisteredModelResponse(registered_model=await self._models.rename(request))

    async def delete_registered_model(
        self, request: pb.DeleteRegisteredModelRequest, call: Call
    ) -> pb.DeleteRegisteredModelResponse:
        return await self._models.delete(request)

    async def create_model_version(
        self, request: pb.CreateModelVersionRequest, call: Call
    ) -> pb.CreateModelVersionResponse:
        return pb.CreateModelVersionResponse(model_version=await self._versions.create(request))

    async def get_model_version(self, request: pb.GetModelVersionRequest, call: Call) -> pb.GetModelVersionResponse:
        return pb.GetModelVersionResponse(model_version=await self._versions.get(request.name, request.version))

    async def get_model_version_by_alias(
        self, request: pb.GetModelVersionByAliasRequest, call: Call
    ) -> pb.GetModelVersionByAliasResponse:
        return pb.GetModelVersionByAliasResponse(model_version=await self._aliases.get(request.name, request.alias))

    async def list_model_versions(
        self, request: pb.ListModelVersionsRequest, call: Call
    ) -> pb.ListModelVersionsResponse:
        versions, token = await self._versions.list(request)
        return pb.ListModelVersionsResponse(model_versions=versions, next_page_token=token)

    async def update_model_version(
        self, request: pb.UpdateModelVersionRequest, call: Call
    ) -> pb.UpdateModelVersionResponse:
        return pb.UpdateModelVersionResponse(model_version=await self._versions.update(request))

    async def transition_model_version(
        self, request: pb.TransitionModelVersionRequest, call: Call
    ) -> pb.TransitionModelVersionResponse:
        return await self._promotion.transition(request)

    async def delete_model_version(
        self, request: pb.DeleteModelVersionRequest, call: Call
    ) -> pb.DeleteModelVersionResponse:
        return await self._versions.delete(request)

    async def copy_model_version(self, request: pb.CopyModelVersionRequest, call: Call) -> pb.CopyModelVersionResponse:
        return pb.CopyModelVersionResponse(model_version=await self._promotion.copy(request))

    async def set_model_alias(self, request: pb.SetModelAliasRequest, call: Call) -> pb.SetModelAliasResponse:
        return pb.SetModelAliasResponse(registered_model=await self._aliases.set(request))

    async def delete_model_alias(self, request: pb.DeleteModelAliasRequest, call: Call) -> pb.DeleteModelAliasResponse:
        return pb.DeleteModelAliasResponse(registered_model=await self._aliases.delete(request))

    async def list_registry_events(
        self, request: pb.ListRegistryEventsRequest, call: Call
    ) -> pb.ListRegistryEventsResponse:
        return await self._events.page(request)

    async def watch_registry(
        self, request: pb.WatchRegistryRequest, call: Call
    ) -> AsyncIterator[pb.WatchRegistryResponse]:
        async with aclosing(self._events.watch(request)) as responses:
            async for response in responses:
                yield response
