"""Keeps the records of artifacts and their files in step, also when the process dies between two steps.

A file arrives in a staged file. One transaction records it with the name of the staged file: from then on it is the
artifact. Then the staged file is moved into place and the record settled. Whoever meets a record that is not settled
does that first, a new upload to the path among them; so at most one staged file waits for each path, a move that comes
late finds nothing to move, and content and digest always belong together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from milepost import v1 as pb
from milepost_server.errors import Aborted, AlreadyExists, DomainError, FailedPrecondition, InvalidArgument, NotFound
from milepost_server.services.clock import Clock
from milepost_server.services.locks import SharedLocks
from milepost_server.services.logged_model_files import check_changeable
from milepost_server.services.run_keys import existing_run, writable_run
from milepost_server.storage.artifacts import ArtifactPath, ArtifactStore
from milepost_server.storage.artifacts.failures import conflict, not_found
from milepost_server.storage.base import PendingArtifact, RunKey, Storage, StoredArtifact, StoredUpload, Transaction

_log = logging.getLogger(__name__)

T = TypeVar("T")

# An upload is kept this long after its last byte.
UPLOAD_KEPT_S = 24 * 3600
# Staged files that no record names are older than any that one names when they are removed.
_ORPHAN_KEPT_S = UPLOAD_KEPT_S + 3600
_SWEPT_AT_ONCE = 10_000
# How often a concurrent call may come between two looks at a record.
TRIES = 10


def folder_of(key: RunKey) -> tuple[str, ...]:
    """The run's folder in the artifact store."""
    return (str(key.experiment_id), key.run_id, "artifacts")


class ArtifactFiles:
    """Records and files of artifacts. Deletions exclude uploads of the same run within this process.

    Args:
        storage: Holds the records.
        store: Holds the files.
        clock: Says when uploads expire.
    """

    def __init__(self, storage: Storage, store: ArtifactStore, clock: Clock) -> None:
        self._storage = storage
        self._store = store
        self._clock = clock
        self._locks = SharedLocks()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def put(self, run_id: str, artifact: pb.Artifact, staged: str, upload_id: str) -> None:
        """Makes a committed staged file the artifact at its path, and forgets the upload, if it has an id.

        Goes on when the caller is cancelled.

        Raises:
            NotFound: `RUN_NOT_FOUND`. As with all refusals, nothing was recorded and the staged file is still there.
            FailedPrecondition: `RUN_DELETED`, `LOGGED_MODEL_FINAL` or `MODEL_IN_USE`.
            AlreadyExists: `ARTIFACT_CONFLICT`.
        """
        await self._finished(self._put(run_id, artifact, staged, upload_id))

    async def _put(self, run_id: str, artifact: pb.Artifact, staged: str, upload_id: str) -> None:
        async with self._locks[run_id].shared():
            for _ in range(TRIES):
                key, pending = await self._record(run_id, artifact, staged, upload_id)
                await self.settle(pending or PendingArtifact(key, artifact.path, staged))
                if pending is None:
                    return
        raise Aborted(f"The artifact {artifact.path!r} kept being replaced by others. Repeat.")

    async def _record(
        self, run_id: str, artifact: pb.Artifact, staged: str, upload_id: str
    ) -> tuple[RunKey, PendingArtifact | None]:
        """Records the artifact, unless another one at its path has to be settled first, which is returned then."""

        async def work(tx: Transaction) -> tuple[RunKey, PendingArtifact | None]:
            key = await writable_run(tx, run_id)
            await check_free(tx, key, ArtifactPath.parse(artifact.path))
            stored = await tx.artifacts.get(key, artifact.path)
            if stored is not None and stored.staged:
                return key, PendingArtifact(key, artifact.path, stored.staged)
            await tx.artifacts.put(key, artifact, staged)
            if upload_id:
                await tx.artifacts.delete_upload(key, upload_id)
            return key, None

        return await self._storage.write(work)

    async def settle(self, pending: PendingArtifact) -> None:
        """Moves the staged file of a record into place, unless that was done, and says so in the record.

        Raises:
            AlreadyExists: Something that is no artifact is in the way. The record is withdrawn, unless ready models or
                versions of registered models rely on it.
            InvalidArgument: A link is in the way, with the same effect.
        """
        key, path, staged = pending.run, pending.path, pending.staged
        try:
            await self._store.publish(folder_of(key), staged, ArtifactPath.parse(path))
        except NotFound:
            # Deleted meanwhile, and the record with it. If not, the file is lost, and downloads say so.
            _log.info("staged artifact is gone", extra={"run_id": key.run_id, "path": path})
        except (AlreadyExists, InvalidArgument):
            if await self._storage.write(lambda tx: _withdraw(tx, pending)):
                await self._store.discard_staged(folder_of(key), staged)
            raise
        await self._storage.write(lambda tx: tx.artifacts.settle(key, path, staged))

    async def find(self, run_id: str, path: ArtifactPath) -> tuple[RunKey, StoredArtifact]:
        """The record of a file, settled.

        Raises:
            NotFound: `RUN_NOT_FOUND` or `ARTIFACT_NOT_FOUND`.
        """

        async def work(tx: Transaction) -> tuple[RunKey, StoredArtifact]:
            key = await existing_run(tx, run_id)
            stored = await tx.artifacts.get(key, str(path))
            if stored is None:
                raise not_found(path)
            return key, stored

        for _ in range(TRIES):
            key, stored = await self._storage.read(work)
            if not stored.staged:
                return key, stored
            await self.settle(PendingArtifact(key, str(path), stored.staged))
        raise Aborted(f"The artifact {str(path)!r} kept being replaced. Repeat.")

    async def delete(self, run_id: str, path: ArtifactPath) -> int:
        """Removes a file, or a directory with all below it, and returns the number of files. Goes on when cancelled."""
        return await self._finished(self._delete(run_id, path))

    async def _delete(self, run_id: str, path: ArtifactPath) -> int:
        async def work(tx: Transaction) -> tuple[RunKey, int, list[str]]:
            key = await writable_run(tx, run_id)
            await check_changeable(tx, key, path)
            files, staged = await tx.artifacts.delete(key, str(path))
            if not files:
                raise not_found(path)
            return key, files, staged

        async with self._locks[run_id].exclusive():
            key, files, staged = await self._storage.write(work)
            # In this order a move that another process has begun ends before the deletion or finds nothing to move.
            for name in staged:
                await self._store.discard_staged(folder_of(key), name)
            await self._store.delete(folder_of(key), path)
        return files

    async def discard(self, upload: StoredUpload) -> None:
        """Gives up an upload with all that it brought."""
        await self._storage.write(lambda tx: tx.artifacts.delete_upload(upload.run, upload.upload_id))
        await self._store.discard_staged(folder_of(upload.run), upload.staged)

    async def sweep(self) -> int:
        """Settles what a dead process left, and removes uploads and staged files past their time: returns how many."""
        pending = await self._storage.scan(lambda tx: tx.artifacts.pending(_SWEPT_AT_ONCE))
        settled = [await self._try_settle(one) for one in pending]
        before_us = self._clock() - UPLOAD_KEPT_S * 1_000_000
        stale = await self._storage.scan(lambda tx: tx.artifacts.stale_uploads(before_us, _SWEPT_AT_ONCE))
        for upload in stale:
            await self.discard(upload)
        # A staged file that a record still needs may be old, so all of those must be out of the way.
        if all(settled) and len(pending) < _SWEPT_AT_ONCE:
            return len(stale) + await self._store.sweep_staged(_ORPHAN_KEPT_S)
        return len(stale)

    def alone_with(self, run_id: str) -> AbstractAsyncContextManager[None]:
        """Keeps files of a run from being recorded and deleted by this process during the block."""
        return self._locks[run_id].exclusive()

    async def close(self) -> None:
        """Waits for work whose callers were cancelled."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _try_settle(self, pending: PendingArtifact) -> bool:
        try:
            await self.settle(pending)
        except DomainError as error:
            _log.warning("artifact cannot be settled", exc_info=error, extra={"run_id": pending.run.run_id})
            return False
        return True

    async def _finished(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits `work`, which goes on when the caller is cancelled."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)


async def _withdraw(tx: Transaction, pending: PendingArtifact) -> bool:
    """Removes the record of a file that cannot take its place; false when it must stay until the file can."""
    await tx.runs.key(pending.run.run_id, lock=True)
    try:
        await check_changeable(tx, pending.run, ArtifactPath.parse(pending.path))
    except FailedPrecondition:
        return False
    await tx.artifacts.withdraw(pending.run, pending.path, pending.staged)
    return True


async def check_free(tx: Transaction, key: RunKey, path: ArtifactPath) -> None:
    """Refuses a path that cannot be a file as long as other artifacts of the run stay where, or as, they are."""
    await check_changeable(tx, key, path)
    obstacle = await tx.artifacts.obstacle(key, str(path))
    if obstacle is not None:
        raise conflict(path, "a directory" if obstacle == str(path) else f"the file {obstacle!r}")
