"""Artifacts on the local file system (POSIX)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from milepost_server.storage.artifacts import folders
from milepost_server.storage.artifacts.backend import (
    RUN_FOLDER,
    STAGED_FOLDER,
    Folder,
    StoredFile,
    is_experiment_folder,
)
from milepost_server.storage.artifacts.failures import conflict, link_in_the_way, not_found
from milepost_server.storage.artifacts.local_files import LocalReader, LocalWriter
from milepost_server.storage.artifacts.path import ArtifactPath

# A folder that a deletion prunes between its creation and its use is made again; more tries than this mean a defect.
_MOVE_TRIES = 5


def local_root(root_url: str) -> Path | None:
    """The folder that `root_url` means. None when it is a URL of another scheme."""
    scheme, separator, _ = root_url.partition("://")
    if not separator:
        return Path(root_url).absolute()
    if scheme in {"file", "local"}:
        return Path(url2pathname(urlsplit(root_url).path)).absolute()
    return None


class LocalBackend:
    """See `Backend`. Staged files lie in the folder of their run, so that publishing is a rename.

    Args:
        root: The root; made if it is missing. It may be a symbolic link, what lies below may not.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=folders.FOLDER_MODE, parents=True, exist_ok=True)
        self._path = root
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def url(self, segments: tuple[str, ...]) -> str:
        """See `Backend.url`: a `file` URL."""
        return self._path.joinpath(*segments).as_uri()

    def open_staged(self, folder: Folder, name: str, offset: int) -> LocalWriter:
        """See `Backend.open_staged`."""
        with folders.opened(self._root, (*folder, STAGED_FOLDER), create=True) as parent:
            return LocalWriter(parent, name, offset)

    def open_staged_reader(self, folder: Folder, name: str) -> LocalReader:
        """See `Backend.open_staged_reader`."""
        with folders.opened(self._root, (*folder, STAGED_FOLDER)) as parent:
            return LocalReader(parent, name)

    def staged_size(self, folder: Folder, name: str) -> int | None:
        """See `Backend.staged_size`."""
        try:
            reader = self.open_staged_reader(folder, name)
        except FileNotFoundError:
            return None
        try:
            size = reader.size
            reader.sync()
            return size
        finally:
            reader.close()

    def publish(self, folder: Folder, name: str, path: ArtifactPath) -> Callable[[], None]:
        """See `Backend.publish`."""
        # The kernel frees what was replaced when the last descriptor goes, and that takes long for a large file.
        replaced = ExitStack()
        try:
            for _ in range(_MOVE_TRIES):
                if self._move(folder, name, path, replaced):
                    return replaced.pop_all().close
        except FileNotFoundError as error:
            raise not_found(path) from error
        except folders.LinkError as error:
            raise link_in_the_way(path) from error
        except NotADirectoryError as error:
            raise conflict(path, "a file") from error
        except IsADirectoryError as error:
            raise conflict(path, "a directory") from error
        finally:
            replaced.close()
        raise not_found(path)

    def _move(self, folder: Folder, name: str, path: ArtifactPath, replaced: ExitStack) -> bool:
        """Whether the file is at `path` now, durably. The file that was there before goes to `replaced`, open."""
        with (
            folders.opened(self._root, (*folder, STAGED_FOLDER)) as source,
            folders.opened(self._root, (*folder, *path.segments[:-1]), create=True) as target,
        ):
            with suppress(OSError):
                replaced.callback(LocalReader(target, path.name).close)
            try:
                os.rename(name, path.name, src_dir_fd=source, dst_dir_fd=target)
            except FileNotFoundError:
                # Moved before, perhaps just before a crash: the fsync below still has to be done.
                if not folders.exists(target, path.name):
                    return False
            os.fsync(target)
            os.fsync(source)
        return True

    def discard_staged(self, folder: Folder, name: str) -> None:
        """See `Backend.discard_staged`."""
        with suppress(FileNotFoundError), folders.opened(self._root, (*folder, STAGED_FOLDER)) as parent:
            os.unlink(name, dir_fd=parent)

    def open_reader(self, folder: Folder, path: ArtifactPath) -> LocalReader:
        """See `Backend.open_reader`."""
        try:
            with folders.opened(self._root, (*folder, *path.segments[:-1])) as parent:
                return LocalReader(parent, path.name)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise not_found(path) from error

    def delete(self, folder: Folder, path: ArtifactPath) -> None:
        """See `Backend.delete`."""
        above = path.segments[:-1]
        # Where a file or a link is in the way of a folder, nothing of ours is at the path.
        with suppress(FileNotFoundError, NotADirectoryError):
            with folders.opened(self._root, (*folder, *above)) as parent:
                _remove(parent, path.name)
                os.fsync(parent)
            with folders.opened(self._root, folder) as start:
                folders.prune(start, above)

    def delete_tree(self, folder: Folder) -> None:
        """See `Backend.delete_tree`."""
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folders.opened(self._root, folder[:-1]) as parent,
        ):
            _remove(parent, folder[-1])
            os.fsync(parent)
        folders.prune(self._root, folder[:-1])

    def sweep_staged(self, before: float) -> int:
        """See `Backend.sweep_staged`. Walks over the folders of all runs, but not into their files."""
        removed = 0
        for staged in self._staged_folders():
            with suppress(FileNotFoundError, NotADirectoryError), folders.opened(self._root, staged) as parent:
                for name in _names(parent):
                    with suppress(FileNotFoundError):
                        if os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime < before:
                            os.unlink(name, dir_fd=parent)
                            removed += 1
        return removed

    def _staged_folders(self) -> Iterator[tuple[str, ...]]:
        for folder in self._run_folders():
            yield *folder, STAGED_FOLDER

    def _run_folders(self) -> Iterator[Folder]:
        for experiment in _names(self._root):
            with suppress(FileNotFoundError, NotADirectoryError):
                with folders.opened(self._root, (experiment,)) as parent:
                    runs = _names(parent)
                for run in runs:
                    yield experiment, run, RUN_FOLDER

    def walk(self) -> Generator[StoredFile]:
        """See `Backend.walk`."""
        for folder in self._run_folders():
            if is_experiment_folder(folder[0]):
                yield from self._walk(folder, ())

    def _walk(self, folder: Folder, above: tuple[str, ...]) -> Iterator[StoredFile]:
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folders.opened(self._root, (*folder, *above)) as parent,
            os.scandir(parent) as entries,
        ):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(folder, (*above, entry.name))
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        staged = above == (STAGED_FOLDER,)
                        names = (entry.name,) if staged else (*above, entry.name)
                        yield StoredFile(folder, names, staged, entry.stat(follow_symlinks=False).st_size)

    def modified(self, file: StoredFile) -> float | None:
        """See `Backend.modified`."""
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folders.opened(self._root, _above(file)) as parent,
        ):
            return os.stat(file.names[-1], dir_fd=parent, follow_symlinks=False).st_mtime
        return None

    def remove(self, file: StoredFile, before: float) -> bool:
        """See `Backend.remove`."""
        above = _above(file)
        try:
            with folders.opened(self._root, above) as parent:
                found = os.stat(file.names[-1], dir_fd=parent, follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode) or found.st_mtime >= before:
                    return False
                os.unlink(file.names[-1], dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return False
        folders.prune(self._root, above)
        return True

    def free_bytes(self) -> int:
        """See `Backend.free_bytes`."""
        room = os.fstatvfs(self._root)
        return room.f_bavail * room.f_frsize

    def close(self) -> None:
        """See `Backend.close`."""
        os.close(self._root)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _above(file: StoredFile) -> Folder:
    """The folder that a file lies in."""
    return (*file.folder, STAGED_FOLDER) if file.staged else (*file.folder, *file.names[:-1])


def _remove(parent: int, name: str) -> None:
    """Removes the file, link or directory `name` of the folder `parent`."""
    if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=parent)
    else:
        os.unlink(name, dir_fd=parent)
