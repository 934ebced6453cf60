"""`milepost.v1.ServerService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.upkeep import UpkeepService


class ServerServicer:
    """What the server says of itself and its database."""

    def __init__(self, info: pb.ServerInfo, upkeep: UpkeepService) -> None:
        self._info = info
        self._upkeep = upkeep

    async def get_server_info(self, request: pb.GetServerInfoRequest, call: Call) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(server=self._info)

    async def get_database_status(
        self, request: pb.GetDatabaseStatusRequest, call: Call
    ) -> pb.GetDatabaseStatusResponse:
        return pb.GetDatabaseStatusResponse(status=await self._upkeep.status())
