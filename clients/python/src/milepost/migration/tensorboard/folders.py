"""The folders of a log directory that TensorBoard shows as runs: those with event files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from milepost.migration.report import Problems

_MARK = "tfevents"
_EMPTY_ON_PURPOSE = ".profile-empty"
"""Ends the names of files that only say where profiles are."""


@dataclass(frozen=True)
class EventFolder:
    """A folder with event files.

    Args:
        name: Its path below the log directory, separated by `/`; `.` for that itself. As TensorBoard names the run.
        raw_name: The same, with the bytes that the file system has.
        files: Its event files in the order of their names, which is that of their making.
        size: Their bytes together.
    """

    name: str
    raw_name: bytes
    files: tuple[Path, ...]
    size: int


def event_folders(root: Path, problems: Problems) -> Iterator[EventFolder]:
    """All such folders below a log directory, and itself. Links that lead out of it are not followed.

    Args:
        root: The log directory, resolved.
        problems: Where links and unreadable folders go.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(Path(entry) for entry in found)
        except OSError as error:
            problems.add(f"folder {_shown(folder, root)}", "", f"cannot be read: {error.strerror}; left out.")
            continue
        folders = {one for one in entries if os.path.isdir(one)}  # noqa: PTH112  # Path.is_dir raises when forbidden
        waiting += [one for one in reversed(entries) if one in folders and not _is_link(one, root, problems)]
        files = [one for one in entries if one not in folders and _is_event_file(one.name)]
        sizes = {file: size for file in files if (size := _size(file, root, problems)) is not None}
        if sizes:
            raw_name = os.fsencode(folder.relative_to(root))
            yield EventFolder(_shown(folder, root), raw_name, tuple(sizes), sum(sizes.values()))


def _is_event_file(name: str) -> bool:
    return _MARK in name and not name.endswith(_EMPTY_ON_PURPOSE)


def _is_link(folder: Path, root: Path, problems: Problems) -> bool:
    if not folder.is_symlink():
        return False
    if folder.resolve().is_relative_to(root):
        problems.note("links to folders that are read where they are")
    else:
        problems.add(f"folder {_shown(folder, root)}", "", "is a link out of the log directory; left out.")
    return True


def _size(file: Path, root: Path, problems: Problems) -> int | None:
    """The bytes of a file. None when it is none, or lies elsewhere."""
    try:
        target = file.resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError):
        status = None
    if status is not None and stat.S_ISREG(status.st_mode) and target.is_relative_to(root):
        return status.st_size
    problems.add(f"file {_shown(file, root)}", "", "is no file, or a link out of the log directory; left out.")
    return None


def _shown(path: Path, root: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return os.fsencode(relative).decode(errors="replace")
