"""`milepost.mlflow.v1.ArtifactService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.errors import NotFound, Unimplemented, invalid_field
from milepost_server.mlflow import places
from milepost_server.mlflow.artifact_messages import download_request, listed, relayed, uploaded
from milepost_server.mlflow.native import run_id_of
from milepost_server.mlflow.places import Place
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.runs import RunService

_MOST_BYTES = 10 * 1024 * 1024
_NO_LINKS = "This server gives no signed links. Send and fetch the bytes by way of it: see `artifact_uri` of the run."


class MlflowArtifactServicer:
    """MLflow's calls about artifacts by their run. What each method does is said in the proto."""

    def __init__(self, artifacts: ArtifactService, runs: RunService, versions: ModelVersionService) -> None:
        self._artifacts = artifacts
        self._runs = runs
        self._versions = versions

    async def list_artifacts(
        self, request: mlflow_pb.ListArtifactsRequest, call: Call
    ) -> mlflow_pb.ListArtifactsResponse:
        run = await self._runs.get(run_id_of(request))
        files, token = await listed(self._artifacts, Place(run.run_id, request.path), "", request.page_token)
        return mlflow_pb.ListArtifactsResponse(root_uri=places.uri_of(run), files=files, next_page_token=token or None)

    async def download_artifact(
        self, request: mlflow_pb.DownloadArtifactRequest, call: Call
    ) -> AsyncIterator[mlflow_pb.DownloadArtifactResponse]:
        native = download_request(Place(run_id_of(request), request.path), request)
        async with aclosing(relayed(self._artifacts, native, mlflow_pb.DownloadArtifactResponse)) as answers:
            async for answer in answers:
                yield answer

    async def download_model_version_artifact(
        self, request: mlflow_pb.DownloadModelVersionArtifactRequest, call: Call
    ) -> AsyncIterator[mlflow_pb.DownloadModelVersionArtifactResponse]:
        version = await self._versions.get(request.name, int(request.version))
        if version.source_uri:
            raise NotFound(
                f"The files of version {version.version} of {version.name!r} are not on this server. Fetch them from "
                "where its source says.",
                reason=pb.ERROR_REASON_ARTIFACT_NOT_FOUND,
                metadata={"name": version.name, "version": str(version.version)},
            )
        native = download_request(Place(version.run_id, f"{version.path}/{request.path}"), request)
        async with aclosing(
            relayed(self._artifacts, native, mlflow_pb.DownloadModelVersionArtifactResponse)
        ) as answers:
            async for answer in answers:
                yield answer

    async def upload_artifact(
        self, requests: AsyncIterator[mlflow_pb.UploadArtifactRequest], call: Call
    ) -> mlflow_pb.UploadArtifactResponse:
        first = await anext(requests, mlflow_pb.UploadArtifactRequest())
        place = Place(run_id_of(first), first.path)
        await self._artifacts.upload(uploaded(place, first, _bounded(first, requests)))
        return mlflow_pb.UploadArtifactResponse()

    async def create_presigned_upload_url(
        self, request: mlflow_pb.CreatePresignedUploadUrlRequest, call: Call
    ) -> mlflow_pb.CreatePresignedUploadUrlResponse:
        raise Unimplemented(_NO_LINKS)

    async def create_presigned_download_url(
        self, request: mlflow_pb.CreatePresignedDownloadUrlRequest, call: Call
    ) -> mlflow_pb.CreatePresignedDownloadUrlResponse:
        raise Unimplemented(_NO_LINKS)


async def _bounded(
    first: mlflow_pb.UploadArtifactRequest, rest: AsyncIterator[mlflow_pb.UploadArtifactRequest]
) -> AsyncIterator[mlflow_pb.UploadArtifactRequest]:
    """The messages behind the first, as long as their bytes are not too many."""
    received = max(first.size, len(first.body.data))
    _check_size(received)
    received = len(first.body.data)
    async for message in rest:
        received += len(message.body.data)
        _check_size(received)
        yield message


def _check_size(received: int) -> None:
    if received > _MOST_BYTES:
        raise invalid_field(
            "body", f"has more than the {_MOST_BYTES} bytes that this call takes; upload it to the run's artifact_uri"
        )
