"""`milepost.v1.ServingService`."""

from __future__ import annotations

import dataclasses

from milepost import v1 as pb
from milepost.errors import BadModelUri
from milepost.models.registry.uri import AliasUri, LoggedModelUri, VersionUri, parse_uri
from milepost_server.calls.call import Call
from milepost_server.errors import invalid_field
from milepost_server.serving.models.repository import Repository
from milepost_server.serving.options import Options

_DEFAULT_PAGE = 100


class ServingServicer:
    """What the server serves.

    Args:
        repository: The served models.
        defaults: How models are run where a call does not say.
    """

    def __init__(self, repository: Repository, defaults: Options) -> None:
        self._repository = repository
        self._defaults = defaults

    async def list_served_models(self, request: pb.ListServedModelsRequest, call: Call) -> pb.ListServedModelsResponse:
        behind = [model for model in self._repository.list() if model.name > request.page_token]
        size = request.page_size or _DEFAULT_PAGE
        page = behind[:size]
        return pb.ListServedModelsResponse(
            served_models=page, next_page_token=page[-1].name if len(behind) > size else ""
        )

    async def get_served_model(self, request: pb.GetServedModelRequest, call: Call) -> pb.GetServedModelResponse:
        return pb.GetServedModelResponse(served_model=self._repository.get(request.name))

    async def load_model(self, request: pb.LoadModelRequest, call: Call) -> pb.LoadModelResponse:
        # A folder or a URL of a caller's choice is not opened: it could be any file that this process can read.
        if not _is_registered(request.source):
            raise invalid_field("source", "must be a model of the registry, such as models:/NAME@champion")
        options = self._options(request.options)
        return pb.LoadModelResponse(served_model=await self._repository.load(request.source, request.name, options))

    async def unload_model(self, request: pb.UnloadModelRequest, call: Call) -> pb.UnloadModelResponse:
        await self._repository.unload(request.name)
        return pb.UnloadModelResponse()

    async def set_live_version(self, request: pb.SetLiveVersionRequest, call: Call) -> pb.SetLiveVersionResponse:
        return pb.SetLiveVersionResponse(served_model=await self._repository.set_live(request.name, request.version))

    async def roll_back(self, request: pb.RollBackRequest, call: Call) -> pb.RollBackResponse:
        return pb.RollBackResponse(served_model=await self._repository.roll_back(request.name))

    async def follow_alias(self, request: pb.FollowAliasRequest, call: Call) -> pb.FollowAliasResponse:
        return pb.FollowAliasResponse(served_model=await self._repository.follow(request.name))

    async def set_canary(self, request: pb.SetCanaryRequest, call: Call) -> pb.SetCanaryResponse:
        _check_percent(request.percent)
        changed = await self._repository.set_canary(request.name, request.version, request.percent)
        return pb.SetCanaryResponse(served_model=changed)

    async def set_shadow(self, request: pb.SetShadowRequest, call: Call) -> pb.SetShadowResponse:
        _check_percent(request.percent)
        changed = await self._repository.set_shadow(request.name, request.version, request.percent)
        return pb.SetShadowResponse(served_model=changed)

    def _options(self, given: pb.ServingOptions) -> Options:
        """The server's options with those that were given in place of its own."""
        if not 0 <= given.max_batch_wait_s <= 1:
            raise invalid_field("options.max_batch_wait_s", "must be from 0 to 1 second")
        # All values are plain: the fields of both have the same names, and unset ones are not listed.
        return dataclasses.replace(self._defaults, **{field.name: value for field, value in given.ListFields()})


def _is_registered(source: str) -> bool:
    try:
        return isinstance(parse_uri(source), VersionUri | AliasUri | LoggedModelUri)
    except BadModelUri:
        return False


def _check_percent(percent: float) -> None:
    if not 0 <= percent <= 100:
        raise invalid_field("percent", "must be from 0 to 100")
