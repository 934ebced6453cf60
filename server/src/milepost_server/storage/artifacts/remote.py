"""Artifacts anywhere fsspec reaches: object stores, other file systems, memory."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import fsspec.core

from milepost_server.storage.artifacts.backend import STAGED_FOLDER, Folder
from milepost_server.storage.artifacts.failures import not_found
from milepost_server.storage.artifacts.path import ArtifactPath


class RemoteBackend:
    """See `Backend`. Staged files lie under one prefix, so that sweeping them need not list all artifacts.

    Args:
        root_url: URL of a scheme that fsspec has a driver for.

    Raises:
        ValueError: fsspec does not know the scheme.
        ImportError: The driver of the scheme is not installed.
    """

    def __init__(self, root_url: str) -> None:
        self._fs, root = fsspec.core.url_to_fs(root_url)
        self._root = str(root).rstrip("/")

    def url(self, segments: tuple[str, ...]) -> str:
        """See `Backend.url`."""
        return str(self._fs.unstrip_protocol(self._key(segments)))

    def open_staged(self, folder: Folder, name: str, offset: int) -> RemoteWriter:
        """See `Backend.open_staged`. There is no resume: `offset` can only be 0, for `staged_size` knows no file."""
        return RemoteWriter(self._fs, self._made(self._staged(folder, name)))

    def open_staged_reader(self, folder: Folder, name: str) -> RemoteReader:
        """See `Backend.open_staged_reader`."""
        return RemoteReader(self._fs, self._staged(folder, name))

    def staged_size(self, folder: Folder, name: str) -> None:
        """See `Backend.staged_size`. Objects appear when they are complete, so there is nothing to go on with."""
        return

    def publish(self, folder: Folder, name: str, path: ArtifactPath) -> Callable[[], None]:
        """See `Backend.publish`. A move where the driver has one, else a copy and a deletion."""
        source, target = self._staged(folder, name), self._key((*folder, *path.segments))
        if self._fs.exists(source):
            self._fs.mv(source, self._made(target))
        elif not self._fs.isfile(target):
            raise not_found(path)
        return lambda: None

    def discard_staged(self, folder: Folder, name: str) -> None:
        """See `Backend.discard_staged`."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._staged(folder, name))

    def open_reader(self, folder: Folder, path: ArtifactPath) -> RemoteReader:
        """See `Backend.open_reader`."""
        try:
            return RemoteReader(self._fs, self._key((*folder, *path.segments)))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise not_found(path) from error

    def delete(self, folder: Folder, path: ArtifactPath) -> None:
        """See `Backend.delete`."""
        with suppress(FileNotFoundError):
            self._fs.rm(self._key((*folder, *path.segments)), recursive=True)

    def delete_tree(self, folder: Folder) -> None:
        """See `Backend.delete_tree`."""
        with suppress(FileNotFoundError):
            self._fs.rm(self._key(folder), recursive=True)

    def sweep_staged(self, before: float) -> int:
        """See `Backend.sweep_staged`."""
        limit = datetime.datetime.fromtimestamp(before, datetime.UTC)
        old = [key for key in self._fs.find(self._key((STAGED_FOLDER,))) if self._fs.modified(key) < limit]
        for key in old:
            with suppress(FileNotFoundError):
                self._fs.rm_file(key)
        return len(old)

    def free_bytes(self) -> None:
        """See `Backend.free_bytes`."""
        return

    def close(self) -> None:
        """See `Backend.close`. fsspec keeps and reuses its connections itself."""

    def _key(self, segments: tuple[str, ...]) -> str:
        return "/".join((self._root, *segments))

    def _staged(self, folder: Folder, name: str) -> str:
        return self._key((STAGED_FOLDER, *folder, name))

    def _made(self, key: str) -> str:
        """`key`, with the folders above it made where the storage has folders."""
        self._fs.makedirs(key.rpartition("/")[0], exist_ok=True)
        return key


class RemoteWriter:
    """See `BlockingWriter`. Without a commit nothing is kept."""

    def __init__(self, fs: Any, key: str) -> None:
        self._fs = fs
        self._key = key
        self._file = fs.open(key, "wb")
        self._committed = False

    def write(self, data: bytes) -> None:
        """See `BlockingWriter.write`."""
        self._file.write(data)

    def commit(self) -> None:
        """See `BlockingWriter.commit`."""
        self._file.close()
        self._committed = True

    def close(self) -> None:
        """See `BlockingWriter.close`."""
        if self._committed:
            return
        # fsspec has no way of giving up that every driver supports: complete the object, then remove it.
        try:
            self._file.close()
        finally:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._key)


class RemoteReader:
    """See `BlockingReader`. Raises `FileNotFoundError` for a directory, too."""

    def __init__(self, fs: Any, key: str) -> None:
        found = fs.info(key)
        if found["type"] != "file":
            raise FileNotFoundError(key)
        self._size = int(found["size"])
        self._file = fs.open(key, "rb")

    @property
    def size(self) -> int:
        """See `BlockingReader.size`."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """See `BlockingReader.read`."""
        self._file.seek(offset)
        return bytes(self._file.read(length))

    def close(self) -> None:
        """See `BlockingReader.close`."""
        self._file.close()
