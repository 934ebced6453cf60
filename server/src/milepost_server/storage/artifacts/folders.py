"""Folders by descriptor: each name is opened relative to the folder before it, and links are never followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LinkError(NotADirectoryError):
    """A symbolic link is where a folder was expected."""


@contextmanager
def opened(start: int, names: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """The folder that `names` lead to from the folder `start`, as a descriptor for the time of the block.

    Args:
        start: Descriptor of a folder.
        names: Plain names, from the top.
        create: Whether to make missing folders, durably.

    Raises:
        FileNotFoundError: A folder is missing and `create` is false.
        NotADirectoryError: A file is in the way; `LinkError` when it is a symbolic link.
    """
    current = os.dup(start)
    try:
        for name in names:
            below = _open_made(current, name) if create else _open(current, name)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def prune(start: int, names: Sequence[str]) -> None:
    """Removes the folder that `names` lead to from `start`, then those above it, as long as they are empty."""
    for depth in range(len(names) - 1, -1, -1):
        try:
            with opened(start, names[:depth]) as parent:
                os.rmdir(names[depth], dir_fd=parent)
        except FileNotFoundError:
            continue
        except OSError:
            return


def exists(folder: int, name: str) -> bool:
    """Whether `folder` holds a regular file `name`."""
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _open(parent: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    except NotADirectoryError as error:
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise LinkError(*error.args) from error
        raise


def _open_made(parent: int, name: str) -> int:
    try:
        return _open(parent, name)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
        os.fsync(parent)
        return _open(parent, name)
