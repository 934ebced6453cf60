"""Artifacts anywhere fsspec reaches: object stores, other file systems, memory."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import fsspec.core

from milepost_server.storage.artifacts.backend import (
    RUN_FOLDER,
    STAGED_FOLDER,
    Folder,
    StoredFile,
    is_experiment_folder,
)
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

    def walk(self) -> Generator[StoredFile]:
        """See `Backend.walk`. Holds the listing of one folder at a time."""
        yield from self._walk((STAGED_FOLDER,))
        yield from self._walk(())

    def _walk(self, above: tuple[str, ...]) -> Iterator[StoredFile]:
        key = self._key(above)
        # Drivers of object stores keep listings, which would be stale, and without end.
        self._fs.invalidate_cache(key)
        try:
            found = self._fs.ls(key, detail=True)
        except FileNotFoundError:
            return
        for info in found:
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            if info["type"] == "directory":
                if above or is_experiment_folder(name):
                    yield from self._walk((*above, name))
            elif file := self._stored_file((*above, name), info):
                yield file
        self._fs.invalidate_cache(key)

    def _stored_file(self, segments: tuple[str, ...], info: dict[str, Any]) -> StoredFile | None:
        staged = segments[0] == STAGED_FOLDER
        inside = segments[1:] if staged else segments
        if len(inside) < 4 or not is_experiment_folder(inside[0]) or inside[2] != RUN_FOLDER:
            return None
        return StoredFile(inside[:3], inside[3:], staged, int(info["size"]))

    def modified(self, file: StoredFile) -> float | None:
        """See `Backend.modified`."""
        with suppress(FileNotFoundError):
            modified: datetime.datetime = self._fs.modified(self._key_of(file))
            return modified.timestamp()
        return None

    def remove(self, file: StoredFile, before: float) -> bool:
        """See `Backend.remove`."""
        modified = self.modified(file)
        if modified is None or modified >= before:
            return False
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._key_of(file))
        return True

    def _key_of(self, file: StoredFile) -> str:
        return self._key((*((STAGED_FOLDER,) if file.staged else ()), *file.folder, *file.names))

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
