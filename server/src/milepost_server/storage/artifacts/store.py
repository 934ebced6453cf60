"""The artifact store: bytes of files under one root."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import TypeVar

from milepost_server.storage.artifacts.backend import Backend, Folder, StoredFile, checked_names
from milepost_server.storage.artifacts.failures import offset_mismatch
from milepost_server.storage.artifacts.lane import Lane
from milepost_server.storage.artifacts.local import LocalBackend, local_root
from milepost_server.storage.artifacts.path import ArtifactPath
from milepost_server.storage.artifacts.reading import CHUNK_BYTES, ArtifactFile
from milepost_server.storage.artifacts.remote import RemoteBackend
from milepost_server.storage.artifacts.staging import StagedFile

T = TypeVar("T")

# Hashed in one hop when an upload is resumed: long enough to be cheap, short enough to share the threads.
_HASH_HOP_BYTES = 16 * CHUNK_BYTES


class ArtifactStore:
    """Files in folders below a root, written to the side and then moved into place.

    A folder is given as the names that lead to it from the root: `(experiment_id, run_id, "artifacts")`. They and the
    names of staged files must be plain names. Every method may raise `ResourceExhausted` (`STORAGE_FULL`) and
    `Unavailable` (`ARTIFACT_STORE_UNAVAILABLE`) besides what it lists. Safe for concurrent use; `close` it at the end.

    On a local file system a file is durable when `commit` returns and replaced atomically by `publish`, and links below
    the root are never followed. Other schemes give what their fsspec driver gives: no resume, and folders that exist by
    name only, so that nothing but the caller's records keeps a file and a directory from having the same path.

    Args:
        root_url: A path of the local file system or a URL of any scheme that fsspec has a driver for.
        threads: Most blocking operations at once.

    Raises:
        OSError: The local root cannot be made or opened.
        ValueError: fsspec does not know the scheme.
        ImportError: The driver of the scheme is not installed.
    """

    def __init__(self, root_url: str, threads: int = 4) -> None:
        root = local_root(root_url)
        self._backend: Backend = RemoteBackend(root_url) if root is None else LocalBackend(root)
        self.scheme = root_url.partition("://")[0] if root is None else "file"
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="artifacts")

    def url(self, *segments: str) -> str:
        """URL of what lies at `segments` below the root."""
        return self._backend.url(checked_names(segments))

    async def open_staged(self, folder: Folder, name: str, offset: int = 0) -> StagedFile:
        """Opens a staged file for appending at `offset`; creates it when it does not exist.

        The first `offset` bytes are kept and read once for the digest; what follows them is dropped.

        Raises:
            FailedPrecondition: `OFFSET_MISMATCH`, the file has fewer bytes.
            Aborted: `CONFLICT`, another call has the file open.
        """
        checked_names((*folder, name))
        lane = Lane(self._executor)
        writer = await lane.submit("open staged", lambda: self._backend.open_staged(folder, name, offset))
        try:
            digest = await self._hash_staged(folder, name, offset) if offset else hashlib.sha256()
        except BaseException:
            lane.submit("close staged", writer.close)
            raise
        return StagedFile(lane, Lane(self._executor), writer, digest, offset)

    async def staged_size(self, folder: Folder, name: str) -> int | None:
        """Bytes of a staged file, durable when this returns. None when there is none or the scheme has no resume."""
        checked_names((*folder, name))
        return await self._run("size staged", lambda: self._backend.staged_size(folder, name))

    async def publish(self, folder: Folder, name: str, path: ArtifactPath) -> None:
        """Moves a staged file to `path`, replacing the file there. Done twice it does nothing the second time.

        Raises:
            NotFound: `ARTIFACT_NOT_FOUND`, neither the staged file nor the target exists.
            AlreadyExists: `ARTIFACT_CONFLICT`, a directory is at `path`, or a file where it needs a folder.
            InvalidArgument: `BAD_PATH`, the way leads through a symbolic link.
        """
        checked_names((*folder, name))
        await self._run("publish", lambda: self._executor.submit(self._backend.publish(folder, name, path)))

    async def discard_staged(self, folder: Folder, name: str) -> None:
        """Removes a staged file if it exists."""
        checked_names((*folder, name))
        await self._run("discard staged", lambda: self._backend.discard_staged(folder, name))

    async def open(self, folder: Folder, path: ArtifactPath) -> ArtifactFile:
        """Opens a file for reading. Raises `NotFound` (`ARTIFACT_NOT_FOUND`), also for directories and links."""
        checked_names(folder)
        lane = Lane(self._executor)
        reader = await lane.submit("open", lambda: self._backend.open_reader(folder, path))
        return ArtifactFile(lane, reader, path)

    async def delete(self, folder: Folder, path: ArtifactPath) -> None:
        """Removes the file or directory at `path`, if any, and folders that become empty, up to `folder`."""
        checked_names(folder)
        await self._run("delete", lambda: self._backend.delete(folder, path))

    async def delete_tree(self, folder: Folder) -> None:
        """Removes `folder` with all below it, if it exists, and folders above it that become empty."""
        if not checked_names(folder):
            raise ValueError("the root of the store is not a folder to delete")
        await self._run("delete tree", lambda: self._backend.delete_tree(folder))

    async def sweep_staged(self, older_than_s: float) -> int:
        """Removes staged files that were last written longer ago than that. Returns their number."""
        before = time.time() - older_than_s
        return await self._run("sweep staged", lambda: self._backend.sweep_staged(before))

    async def walk(self, at_once: int = 1000) -> AsyncIterator[list[StoredFile]]:
        """All files in folders of runs, at most so many at once and all of one run. What lies elsewhere is left out."""
        lane = Lane(self._executor)
        files = self._backend.walk()

        def some() -> list[StoredFile]:
            return list(islice(files, at_once))

        try:
            while found := await lane.submit("walk", some):
                for _, of_run in groupby(found, lambda file: file.folder):
                    yield list(of_run)
        finally:
            await lane.submit("walk", files.close)

    async def modified(self, file: StoredFile) -> float | None:
        """The Unix time at which a file was last written. None when it is gone."""
        return await self._run("look", lambda: self._backend.modified(file))

    async def remove(self, file: StoredFile, before: float) -> bool:
        """Removes a file that is still there and was last written before a Unix time, and says whether."""
        return await self._run("remove", lambda: self._backend.remove(file, before))

    async def free_bytes(self) -> int | None:
        """Bytes that can still be stored. None when the storage does not say."""
        return await self._run("free bytes", self._backend.free_bytes)

    async def close(self) -> None:
        """Waits for running operations and frees everything. Files still open must be closed before."""
        await self._run("close", self._backend.close)
        self._executor.shutdown()

    async def _run(self, action: str, job: Callable[[], T]) -> T:
        return await Lane(self._executor).submit(action, job)

    async def _hash_staged(self, folder: Folder, name: str, size: int) -> hashlib._Hash:
        lane = Lane(self._executor)
        digest = hashlib.sha256()
        reader = await lane.submit("hash staged", lambda: self._backend.open_staged_reader(folder, name))

        position = 0

        def hash_some(end: int) -> None:
            nonlocal position
            while position < end:
                chunk = reader.read(position, min(CHUNK_BYTES, end - position))
                if not chunk:
                    raise offset_mismatch(size, position)
                digest.update(chunk)
                position += len(chunk)

        try:
            for end in (*range(_HASH_HOP_BYTES, size, _HASH_HOP_BYTES), size):
                await lane.submit("hash staged", functools.partial(hash_some, end))
        finally:
            await lane.submit("hash staged", reader.close)
        return digest
