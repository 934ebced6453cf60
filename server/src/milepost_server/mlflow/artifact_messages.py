"""Lists and transfers of artifacts on behalf of MLflow's calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.mlflow.native import checked
from milepost_server.mlflow.places import Place
from milepost_server.services.artifacts import ArtifactService

Answer = TypeVar("Answer", bound=Message)

_MOST_LISTED = 10_000


class Ranged(Protocol):
    """A request for a range of bytes."""

    offset: int
    length: int


async def listed(
    artifacts: ArtifactService, place: Place, root: str, page_token: str
) -> tuple[list[mlflow_pb.FileInfo], str]:
    """A page of what is in a directory, and the token of the next.

    Args:
        artifacts: Lists them.
        place: The directory. A file has nothing in it.
        root: Directory of the run that paths are relative to; empty for the run's artifact folder.
        page_token: Where the page begins; empty for the first.
    """
    request = pb.ListArtifactsRequest(
        run_id=place.run_id, path=place.path, page_size=_MOST_LISTED, page_token=page_token
    )
    found = await artifacts.list(checked(request))
    skip = len(root) + 1 if root else 0
    files = [
        mlflow_pb.FileInfo(
            path=artifact.path[skip:],
            is_dir=artifact.directory,
            file_size=None if artifact.directory else artifact.size,
        )
        for artifact in found.artifacts
        if artifact.directory or artifact.path != place.path
    ]
    return files, found.next_page_token


def download_request(place: Place, range_: Ranged) -> pb.DownloadArtifactRequest:
    """Asks for a range of a file."""
    return checked(
        pb.DownloadArtifactRequest(run_id=place.run_id, path=place.path, offset=range_.offset, length=range_.length)
    )


async def relayed(
    artifacts: ArtifactService, request: pb.DownloadArtifactRequest, answer_class: type[Answer]
) -> AsyncGenerator[Answer, None]:
    """A download, message for message; the fields of `answer_class` are those of the native answer."""
    async with aclosing(artifacts.download(request)) as responses:
        async for response in responses:
            answer: Any = answer_class()
            answer.body.CopyFrom(response.body)
            if response.size or response.filename:
                answer.size, answer.sha256, answer.filename = response.size, response.sha256, response.filename
            yield answer


async def uploaded(place: Place, first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[pb.UploadArtifactRequest]:
    """An upload, message for message; `first` and those of `rest` have `body` and `size`."""
    begin = pb.UploadArtifactRequest(run_id=place.run_id, path=place.path, body=first.body)
    if first.HasField("size"):
        begin.size = first.size
    yield checked(begin)
    async for message in rest:
        yield pb.UploadArtifactRequest(body=message.body)
