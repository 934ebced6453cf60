"""Folders of artifacts, wherever they are: listed, and each file brought to this machine."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from milepost.migration.report import Problems


@dataclass(frozen=True)
class SourceFile:
    """A file below a folder.

    Args:
        path: Relative, segments separated by `/`.
        size: Bytes.
    """

    path: str
    size: int


class FileTree(Protocol):
    """A folder of artifacts."""

    location: str

    def exists(self) -> bool:
        """Whether it is there."""

    def files(self, what: str, problems: Problems) -> Iterator[SourceFile]:
        """All files below; those that must not be followed go to `problems`, under the name `what`."""

    def local(self, file: SourceFile) -> AbstractContextManager[Path]:
        """A local file with the bytes of one, for as long as the block lasts."""


class LocalTree:
    """A folder of this machine. Links that lead out of it are not followed.

    Args:
        root: The folder, which need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.location = str(root)
        self._root = root.resolve()

    def exists(self) -> bool:
        """Whether it is a folder."""
        return self._root.is_dir()

    def files(self, what: str, problems: Problems) -> Iterator[SourceFile]:
        """All regular files."""
        for folder, folders, names in os.walk(self._root):
            folders.sort()
            for name in [one for one in folders if Path(folder, one).is_symlink()]:
                folders.remove(name)
                problems.add(what, f"artifacts {self._relative(folder, name)}", "is a link to a folder; left out.")
            for name in sorted(names):
                file = Path(folder, name)
                path = self._relative(folder, name)
                size = self._size(file)
                if size is None:
                    problems.add(what, f"artifacts {path}", "is no file, or a link out of the folder; left out.")
                else:
                    yield SourceFile(path, size)

    @contextmanager
    def local(self, file: SourceFile) -> Iterator[Path]:
        """The file itself."""
        yield self._root.joinpath(*PurePosixPath(file.path).parts)

    def _relative(self, folder: str, name: str) -> str:
        path = Path(folder, name).relative_to(self._root).as_posix()
        return path.encode(errors="surrogateescape").decode(errors="replace") if _undecodable(path) else path

    def _size(self, file: Path) -> int | None:
        try:
            target = file.resolve(strict=True)
            status = target.stat()
        except (OSError, RuntimeError):
            return None
        if not stat.S_ISREG(status.st_mode) or not target.is_relative_to(self._root):
            return None
        return status.st_size


class RemoteTree:
    """A folder of a store that fsspec knows, such as `s3://bucket/folder`.

    Args:
        url: Its URL.

    Raises:
        ValueError: fsspec does not know the scheme, or its package is missing.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.location = url
        try:
            self._system: Any
            self._system, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise ValueError(f"{url} cannot be read: {error}") from None

    def exists(self) -> bool:
        """True: object stores have no empty folders, so that one that is not there has no files."""
        return True

    def files(self, what: str, problems: Problems) -> Iterator[SourceFile]:
        """All files."""
        prefix = self._root.rstrip("/") + "/"
        for name, entry in sorted(self._system.find(self._root, detail=True).items()):
            path = name.removeprefix(prefix)
            if is_safe(path):
                yield SourceFile(path, int(entry.get("size") or 0))
            else:
                problems.add(what, f"artifacts {path}", "is no relative path; left out.")

    @contextmanager
    def local(self, file: SourceFile) -> Iterator[Path]:
        """The file, downloaded."""
        with temporary() as target:
            self._system.get_file(f"{self._root.rstrip('/')}/{file.path}", str(target))
            yield target


def open_tree(location: str) -> FileTree:
    """The folder at a path or URL. Raises `ValueError` when nothing here can read it."""
    return RemoteTree(location) if "://" in location else LocalTree(Path(location))


def is_safe(path: str) -> bool:
    """Whether a path from outside names something below a folder."""
    parts = path.split("/")
    return not any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts)


@contextmanager
def temporary() -> Iterator[Path]:
    """A place for one file, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="milepost-import-") as folder:
        yield Path(folder, "file")


def _undecodable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False
