"""`milepost.v1.ArtifactService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.services.artifacts import ArtifactService


class ArtifactServicer:
    """Files of runs, up and down. What each method does is said in the proto."""

    def __init__(self, artifacts: ArtifactService) -> None:
        self._artifacts = artifacts

    async def upload_artifact(
        self, requests: AsyncIterator[pb.UploadArtifactRequest], call: Call
    ) -> pb.UploadArtifactResponse:
        return pb.UploadArtifactResponse(artifact=await self._artifacts.upload(requests))

    async def get_artifact_upload(
        self, request: pb.GetArtifactUploadRequest, call: Call
    ) -> pb.GetArtifactUploadResponse:
        return pb.GetArtifactUploadResponse(upload=await self._artifacts.get_upload(request))

    async def download_artifact(
        self, request: pb.DownloadArtifactRequest, call: Call
    ) -> AsyncIterator[pb.DownloadArtifactResponse]:
        async with aclosing(self._artifacts.download(request)) as responses:
            async for response in responses:
                yield response

    async def list_artifacts(self, request: pb.ListArtifactsRequest, call: Call) -> pb.ListArtifactsResponse:
        return await self._artifacts.list(request)

    async def delete_artifacts(self, request: pb.DeleteArtifactsRequest, call: Call) -> pb.DeleteArtifactsResponse:
        return pb.DeleteArtifactsResponse(files=await self._artifacts.delete(request))

    async def purge_orphaned_artifacts(
        self, request: pb.PurgeOrphanedArtifactsRequest, call: Call
    ) -> pb.PurgeOrphanedArtifactsResponse:
        return await self._artifacts.purge_orphans(request)
