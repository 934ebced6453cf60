"""Artifacts for the asynchronous client. Files are read, hashed and written in threads."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from milepost import _methods as rpc
from milepost import _requests as req
from milepost import v1 as pb
from milepost._channel import AsyncTransport
from milepost._pages import AsyncPages
from milepost.artifacts._transfer import (
    PARALLEL_FILES,
    Attempts,
    Deadline,
    Download,
    LocalFile,
    Meter,
    Progress,
    Upload,
    UploadMessages,
    artifact_path,
    below,
    files_below,
    local_target,
    replacing,
)
from milepost.errors import MilepostError, UploadNotFound

Item = TypeVar("Item")
Done = TypeVar("Done")


class AsyncArtifacts:
    """Verbs on the files of runs: `milepost.artifacts.Artifacts` to be awaited."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(
        self,
        run_id: str,
        source: str | PathLike[str],
        path: str | None = None,
        *,
        content_type: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> builtins.list[pb.Artifact]:
        """See `Artifacts.upload`."""
        files = await asyncio.to_thread(files_below, source, path)
        meter = Meter(progress, [file.size for file in files])
        deadline = Deadline(timeout)
        return await _in_parallel(
            lambda file: self._send(Upload.of(run_id, file, content_type), meter, deadline), files
        )

    async def upload_bytes(
        self,
        run_id: str,
        data: bytes,
        path: str,
        *,
        content_type: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> pb.Artifact:
        """See `Artifacts.upload_bytes`."""
        upload = Upload.of_bytes(run_id, data, path, content_type)
        return await self._send(upload, Meter(progress, [len(data)]), Deadline(timeout))

    async def get_upload(self, run_id: str, upload_id: str, *, timeout: float | None = None) -> pb.ArtifactUpload:
        """See `Artifacts.get_upload`."""
        return await self._transport.call(req.get_artifact_upload(run_id, upload_id), timeout)

    async def download(
        self,
        run_id: str,
        path: str = "",
        destination: str | PathLike[str] = ".",
        *,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Path:
        """See `Artifacts.download`."""
        path = artifact_path(path)
        found = await self.list(run_id, path, recursive=True).to_list()
        meter = Meter(progress, [artifact.size for artifact in found])
        deadline = Deadline(timeout)
        if path and (not found or found[0].path == path):  # without an entry the server's error says what is missing
            target = local_target(path, destination)
            await self._fetch(Download(run_id, path, 0, 0), target, meter, deadline)
            return target
        root = Path(destination)
        await asyncio.to_thread(root.mkdir, parents=True, exist_ok=True)
        prefix = len(path) + 1 if path else 0
        files = [LocalFile(below(root, artifact.path[prefix:]), artifact.path, artifact.size) for artifact in found]
        await _in_parallel(
            lambda file: self._fetch(Download(run_id, file.path, 0, 0), file.file, meter, deadline), files
        )
        return root

    async def read(
        self, run_id: str, path: str, *, offset: int = 0, length: int = 0, timeout: float | None = None
    ) -> bytes:
        """See `Artifacts.read`."""
        return b"".join(
            [data async for data in self.stream(run_id, path, offset=offset, length=length, timeout=timeout)]
        )

    def stream(
        self, run_id: str, path: str, *, offset: int = 0, length: int = 0, timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """See `Artifacts.stream`."""
        return self._receive(Download(run_id, artifact_path(path), offset, length), Deadline(timeout))

    async def open(self, run_id: str, path: str) -> AsyncArtifactReader:
        """A seekable reader of the file; each read is one call. Raises `ArtifactNotFound`."""
        download = Download(run_id, artifact_path(path), 0, 1)
        async for _ in self._receive(download, Deadline(None)):
            pass
        return AsyncArtifactReader(self, run_id, download.path, download.size)

    def list(
        self,
        run_id: str,
        path: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[pb.Artifact]:
        """See `Artifacts.list`."""
        op = req.list_artifacts(run_id, artifact_path(path), recursive)
        return AsyncPages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )

    async def delete(self, run_id: str, path: str, *, timeout: float | None = None) -> int:
        """See `Artifacts.delete`."""
        return await self._transport.call(req.delete_artifacts(run_id, artifact_path(path)), timeout)

    async def purge_orphans(
        self, *, dry_run: bool = False, timeout: float | None = None
    ) -> pb.PurgeOrphanedArtifactsResponse:
        """See `Artifacts.purge_orphans`."""
        return await self._transport.call(req.purge_orphaned_artifacts(dry_run), timeout)

    async def _send(self, upload: Upload, meter: Meter, deadline: Deadline) -> pb.Artifact:
        attempts = Attempts(deadline)
        offset = 0
        while True:
            messages = _messages(upload, offset, meter)
            try:
                answer = await self._transport.upload(rpc.UPLOAD_ARTIFACT, messages, deadline.attempt_s())
            except MilepostError as error:
                await asyncio.sleep(attempts.delay_s(error, offset))
                offset = await self._committed(upload)
            else:
                artifact: pb.Artifact = answer.artifact
                return artifact

    async def _committed(self, upload: Upload) -> int:
        if not upload.upload_id:
            return 0
        try:
            return (await self.get_upload(upload.run_id, upload.upload_id)).committed_size
        except UploadNotFound:  # nothing arrived, or all did and only the answer was lost: sending again does no harm
            return 0

    async def _receive(self, download: Download, deadline: Deadline) -> AsyncIterator[bytes]:
        attempts = Attempts(deadline)
        while not download.complete:
            messages = self._transport.download(rpc.DOWNLOAD_ARTIFACT, download.request(), deadline.attempt_s())
            try:
                async for message in messages:
                    yield download.take(message)
            except MilepostError as error:
                await asyncio.sleep(attempts.delay_s(error, download.position))
            else:
                break
        download.verify()

    async def _fetch(self, download: Download, target: Path, meter: Meter, deadline: Deadline) -> None:
        with replacing(target) as file:
            async for data in self._receive(download, deadline):
                await asyncio.to_thread(file.write, data)
                meter.at(download.path, download.position)


class AsyncArtifactReader:
    """A file of a run, read where its position is.

    Args:
        artifacts: Where to read.
        run_id: The run.
        path: The file.
        size: Its bytes.
    """

    def __init__(self, artifacts: AsyncArtifacts, run_id: str, path: str, size: int) -> None:
        self.size = size
        self._artifacts = artifacts
        self._run_id = run_id
        self._path = path
        self._position = 0

    async def __aenter__(self) -> AsyncArtifactReader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open between reads."""

    def seek(self, offset: int) -> int:
        """Moves to a position from the start of the file; one past the end reads nothing."""
        if offset < 0:
            raise ValueError(f"cannot seek to {offset}: a position is 0 or more.")
        self._position = offset
        return offset

    def tell(self) -> int:
        """The position."""
        return self._position

    async def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, all that follow when negative; fewer only at the end."""
        left = max(self.size - self._position, 0)
        wanted = left if size < 0 else min(size, left)
        if wanted == 0:
            return b""
        data = await self._artifacts.read(self._run_id, self._path, offset=self._position, length=wanted)
        self._position += len(data)
        return data


async def _messages(upload: Upload, offset: int, meter: Meter) -> AsyncIterator[pb.UploadArtifactRequest]:
    messages = UploadMessages(upload, offset)
    with await asyncio.to_thread(upload.open) as source:
        while not messages.complete:
            message = await asyncio.to_thread(messages.read, source)
            if message is not None:
                yield message
                meter.at(upload.path, messages.position)


async def _in_parallel(work: Callable[[Item], Awaitable[Done]], items: Sequence[Item]) -> list[Done]:
    slots = asyncio.Semaphore(PARALLEL_FILES)

    async def one(item: Item) -> Done:
        async with slots:
            return await work(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
