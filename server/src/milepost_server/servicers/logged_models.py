"""`milepost.v1.LoggedModelService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.logged_models import LoggedModelService


class LoggedModelServicer:
    """The models that runs made. What each method does is said in the proto."""

    def __init__(self, models: LoggedModelService) -> None:
        self._models = models

    async def create_logged_model(
        self, request: pb.CreateLoggedModelRequest, call: Call
    ) -> pb.CreateLoggedModelResponse:
        return pb.CreateLoggedModelResponse(logged_model=await self._models.create(request))

    async def finalize_logged_model(
        self, request: pb.FinalizeLoggedModelRequest, call: Call
    ) -> pb.FinalizeLoggedModelResponse:
        return pb.FinalizeLoggedModelResponse(logged_model=await self._models.finalize(request))

    async def get_logged_model(self, request: pb.GetLoggedModelRequest, call: Call) -> pb.GetLoggedModelResponse:
        return pb.GetLoggedModelResponse(logged_model=await self._models.get(request.model_id))

    async def list_logged_models(self, request: pb.ListLoggedModelsRequest, call: Call) -> pb.ListLoggedModelsResponse:
        models, token = await self._models.list(request)
        return pb.ListLoggedModelsResponse(logged_models=models, next_page_token=token)

    async def update_logged_model(
        self, request: pb.UpdateLoggedModelRequest, call: Call
    ) -> pb.UpdateLoggedModelResponse:
        return pb.UpdateLoggedModelResponse(logged_model=await self._models.update(request))

    async def delete_logged_model(
        self, request: pb.DeleteLoggedModelRequest, call: Call
    ) -> pb.DeleteLoggedModelResponse:
        return pb.DeleteLoggedModelResponse(logged_model=await self._models.delete(request))

    async def restore_logged_model(
        self, request: pb.RestoreLoggedModelRequest, call: Call
    ) -> pb.RestoreLoggedModelResponse:
        return pb.RestoreLoggedModelResponse(logged_model=await self._models.restore(request))
