"""`milepost.mlflow.v1.ArtifactProxyService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.errors import NotFound, Unimplemented
from milepost_server.mlflow.artifact_messages import download_request, listed, relayed, uploaded
from milepost_server.mlflow.native import checked, missing_is_fine
from milepost_server.mlflow.places import Place, locate
from milepost_server.services.artifacts import ArtifactService

_FIELD = "artifact_path"
# Clients send a file whole when the message begins with this.
_NO_PARTS = "Multipart upload is not supported for the current artifact repository: send the whole file by PUT."
_NO_LINKS = "This server gives no signed links. Fetch the file itself by GET."


class MlflowArtifactProxyServicer:
    """The store behind `mlflow-artifacts:` URIs. What each method does is said in the proto."""

    def __init__(self, artifacts: ArtifactService) -> None:
        self._artifacts = artifacts

    async def download_proxied_artifact(
        self, request: mlflow_pb.DownloadProxiedArtifactRequest, call: Call
    ) -> AsyncIterator[mlflow_pb.DownloadProxiedArtifactResponse]:
        native = download_request(await locate(self._artifacts, request.artifact_path, _FIELD), request)
        async with aclosing(relayed(self._artifacts, native, mlflow_pb.DownloadProxiedArtifactResponse)) as answers:
            async for answer in answers:
                yield answer

    async def upload_proxied_artifact(
        self, requests: AsyncIterator[mlflow_pb.UploadProxiedArtifactRequest], call: Call
    ) -> mlflow_pb.UploadProxiedArtifactResponse:
        first = await anext(requests, mlflow_pb.UploadProxiedArtifactRequest())
        place = await locate(self._artifacts, first.artifact_path, _FIELD)
        await self._artifacts.upload(uploaded(place, first, requests))
        return mlflow_pb.UploadProxiedArtifactResponse()

    async def list_proxied_artifacts(
        self, request: mlflow_pb.ListProxiedArtifactsRequest, call: Call
    ) -> mlflow_pb.ListProxiedArtifactsResponse:
        try:
            place = await locate(self._artifacts, request.path, "path")
        except NotFound:
            return mlflow_pb.ListProxiedArtifactsResponse()
        return mlflow_pb.ListProxiedArtifactsResponse(files=await self._all(place))

    async def delete_proxied_artifacts(
        self, request: mlflow_pb.DeleteProxiedArtifactsRequest, call: Call
    ) -> mlflow_pb.DeleteProxiedArtifactsResponse:
        try:
            place = await locate(self._artifacts, request.artifact_path, _FIELD)
        except NotFound:
            return mlflow_pb.DeleteProxiedArtifactsResponse()
        # The folder of a run stays, so all that is in it goes instead.
        for path in [place.path] if place.path else [file.path for file in await self._all(place)]:
            with missing_is_fine(pb.ERROR_REASON_ARTIFACT_NOT_FOUND):
                await self._artifacts.delete(checked(pb.DeleteArtifactsRequest(run_id=place.run_id, path=path)))
        return mlflow_pb.DeleteProxiedArtifactsResponse()

    async def create_multipart_upload(
        self, request: mlflow_pb.CreateMultipartUploadRequest, call: Call
    ) -> mlflow_pb.CreateMultipartUploadResponse:
        raise Unimplemented(_NO_PARTS)

    async def complete_multipart_upload(
        self, request: mlflow_pb.CompleteMultipartUploadRequest, call: Call
    ) -> mlflow_pb.CompleteMultipartUploadResponse:
        raise Unimplemented(_NO_PARTS)

    async def abort_multipart_upload(
        self, request: mlflow_pb.AbortMultipartUploadRequest, call: Call
    ) -> mlflow_pb.AbortMultipartUploadResponse:
        raise Unimplemented(_NO_PARTS)

    async def get_presigned_download_url(
        self, request: mlflow_pb.GetPresignedDownloadUrlRequest, call: Call
    ) -> mlflow_pb.GetPresignedDownloadUrlResponse:
        raise Unimplemented(_NO_LINKS)

    async def _all(self, place: Place) -> list[mlflow_pb.FileInfo]:
        """What is in a directory, by paths below it."""
        files, token = await listed(self._artifacts, place, place.path, "")
        while token:
            more, token = await listed(self._artifacts, place, place.path, token)
            files += more
        return files
