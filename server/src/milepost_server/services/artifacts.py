"""Rules of artifacts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from google.api import httpbody_pb2

from milepost import v1 as pb
from milepost_server.errors import Aborted, NotFound, OutOfRange
from milepost_server.services.artifact_files import TRIES, ArtifactFiles, folder_of
from milepost_server.services.clock import Clock
from milepost_server.services.orphans import Orphans
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.run_keys import existing_run
from milepost_server.services.uploads import Uploads
from milepost_server.storage.artifacts import ArtifactFile, ArtifactPath, ArtifactStore
from milepost_server.storage.artifacts.failures import corrupt
from milepost_server.storage.base import Page, Storage, Transaction


class ArtifactService:
    """Artifacts of runs.

    Args:
        storage: Holds their records.
        store: Holds their files.
        clock: Their time.
    """

    def __init__(self, storage: Storage, store: ArtifactStore, clock: Clock) -> None:
        self._storage = storage
        self._store = store
        self._files = ArtifactFiles(storage, store, clock)
        self._uploads = Uploads(storage, store, self._files, clock)
        self._orphans = Orphans(storage, store, self._files, clock)

    async def upload(self, requests: AsyncIterator[pb.UploadArtifactRequest]) -> pb.Artifact:
        """See `ArtifactService.UploadArtifact`."""
        return await self._uploads.upload(requests)

    async def get_upload(self, request: pb.GetArtifactUploadRequest) -> pb.ArtifactUpload:
        """See `ArtifactService.GetArtifactUpload`."""
        return await self._uploads.get(request)

    async def download(self, request: pb.DownloadArtifactRequest) -> AsyncGenerator[pb.DownloadArtifactResponse, None]:
        """See `ArtifactService.DownloadArtifact`. A whole file is checked before its last bytes are given."""
        path = ArtifactPath.parse(request.path)
        artifact, file = await self._open(request.run_id, path)
        async with file:
            if request.offset > artifact.size:
                raise _bad_range(request.offset, artifact.size)
            length = min(request.length or artifact.size, artifact.size - request.offset)
            answer = pb.DownloadArtifactResponse(
                body=httpbody_pb2.HttpBody(content_type=artifact.content_type),
                size=artifact.size,
                sha256=artifact.sha256,
                filename=path.name,
            )
            whole = length == artifact.size
            empty = True
            async for chunk in file.read_verified(artifact.sha256) if whole else file.read(request.offset, length):
                answer.body.data = chunk
                yield answer
                answer = pb.DownloadArtifactResponse()
                empty = False
            if empty:
                yield answer

    async def list(self, request: pb.ListArtifactsRequest) -> pb.ListArtifactsResponse:
        """See `ArtifactService.ListArtifacts`."""
        folder = str(ArtifactPath.parse(request.path)) if request.path else ""
        limit = page_limit(request.page_size, 1000, 10_000)
        token = decode_token(request, request.page_token)
        after: str | None = token[0] if token else None

        async def work(tx: Transaction) -> Page[pb.Artifact]:
            key = await existing_run(tx, request.run_id)
            fetch = tx.artifacts.list_files if request.recursive else tx.artifacts.list_level
            page = await fetch(key, folder, limit, after)
            if folder and not page.items and after is None:
                stored = await tx.artifacts.get(key, folder)
                return Page([stored.artifact] if stored else [], None)
            return page

        page = await self._storage.scan(work)
        return pb.ListArtifactsResponse(artifacts=page.items, next_page_token=encode_token(request, page.last))

    async def delete(self, request: pb.DeleteArtifactsRequest) -> int:
        """See `ArtifactService.DeleteArtifacts`. Returns the number of files."""
        return await self._files.delete(request.run_id, ArtifactPath.parse(request.path))

    async def experiment_of(self, run_id: str) -> str:
        """Id of the experiment of a run, which is the first part of the run's place in the store.

        Raises:
            NotFound: `RUN_NOT_FOUND`.
        """
        return str((await self._storage.read(lambda tx: existing_run(tx, run_id))).experiment_id)

    async def purge_orphans(self, request: pb.PurgeOrphanedArtifactsRequest) -> pb.PurgeOrphanedArtifactsResponse:
        """See `ArtifactService.PurgeOrphanedArtifacts`."""
        return await self._orphans.purge(dry_run=request.dry_run)

    async def sweep(self) -> int:
        """Finishes what a dead process left and removes what has expired. To be called at start and every hour.

        Returns:
            The number of unfinished uploads removed.
        """
        return await self._files.sweep()

    async def close(self) -> None:
        """Waits for work whose callers were cancelled. To be called before the stores are closed."""
        await self._files.close()

    async def _open(self, run_id: str, path: ArtifactPath) -> tuple[pb.Artifact, ArtifactFile]:
        """The record of a file and the very file that it describes."""
        for _ in range(TRIES):
            key, stored = await self._files.find(run_id, path)
            file = await self._opened(folder_of(key), path)
            try:
                _, again = await self._files.find(run_id, path)
            except BaseException:
                if file is not None:
                    await file.close()
                raise
            # If the record changed, the file may have been replaced between the first look and its opening.
            if again == stored and file is not None and file.size == stored.artifact.size:
                return stored.artifact, file
            if file is not None:
                await file.close()
            if again == stored:
                raise corrupt(path)
        raise Aborted(f"The artifact {str(path)!r} kept being replaced. Repeat.")

    async def _opened(self, folder: tuple[str, ...], path: ArtifactPath) -> ArtifactFile | None:
        try:
            return await self._store.open(folder, path)
        except NotFound:
            return None


def _bad_range(offset: int, size: int) -> OutOfRange:
    return OutOfRange(
        f"offset: {offset} is past the end of the artifact, which has {size} bytes. Ask for bytes before that.",
        metadata={"offset": str(offset), "size": str(size)},
    )
