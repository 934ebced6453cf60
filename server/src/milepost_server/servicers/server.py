"""`milepost.v1.ServerService`."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call


class ServerServicer:
    """The server's self-description."""

    def __init__(self, info: pb.ServerInfo) -> None:
        self._info = info

    async def get_server_info(self, request: pb.GetServerInfoRequest, call: Call) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(server=self._info)
