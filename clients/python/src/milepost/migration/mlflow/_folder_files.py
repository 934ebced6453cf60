"""Files of a folder `mlruns`, which may come from anywhere: bounded, never through links, never as code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from milepost.migration.report import Problems

MAX_META_BYTES = 64 * 1024 * 1024
"""MLflow allows 16 million characters for the profile of a dataset."""
MAX_TEXT_BYTES = 1024 * 1024
_DEEPEST = 100
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Meta = Mapping[str, Any]


class FolderFiles:
    """Reads files below a root.

    Args:
        root: The folder.
        problems: Where files go that cannot be read.
    """

    def __init__(self, root: Path, problems: Problems) -> None:
        self.root = root
        self._problems = problems

    def folders(self, parent: Path) -> Iterator[Path]:
        """The folders in a folder, by name; links are left out, and said."""
        if not parent.is_dir():
            return
        for path in sorted(parent.iterdir()):
            if path.is_symlink():
                self.refuse(path, "is a link; left out.")
            elif path.is_dir():
                yield path

    def files(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """All files below a folder with their relative paths, which are keys; links are left out, and said."""
        if folder.is_symlink():
            self.refuse(folder, "is a link; left out.")
            return
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted([*names, *(one for one in folders if Path(parent, one).is_symlink())]):
                path = Path(parent, name)
                if path.is_symlink() or not path.is_file():
                    self.refuse(path, "is no plain file; left out.")
                elif _printable(name):
                    yield path.relative_to(folder).as_posix(), path
                else:
                    self.refuse(path, "has a name that is no UTF-8; left out.")

    def meta(self, folder: Path) -> Meta | None:
        """The document `meta.yaml` of a folder; None when there is none that can be read."""
        path = folder / "meta.yaml"
        content = self._content(path, MAX_META_BYTES)
        if content is None:
            return None
        try:
            _check_depth(content)
            found = yaml.load(content, _LOADER)  # noqa: S506  # the loader is the safe one
        except (yaml.YAMLError, ValueError) as error:
            self.refuse(path, f"is no YAML that can be read ({' '.join(str(error).split())[:200]}); left out.")
            return None
        if not isinstance(found, dict):
            self.refuse(path, "holds no fields; left out.")
            return None
        return found

    def texts(self, folder: Path) -> dict[str, str]:
        """The texts of all files below a folder, by their relative paths."""
        found = {}
        for key, path in self.files(folder):
            content = self._content(path, MAX_TEXT_BYTES)
            if content is not None:
                found[key] = content
        return found

    def refuse(self, path: Path, message: str) -> None:
        """A file was left out."""
        place = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        self._problems.add(f"file {place.encode(errors='replace').decode(errors='replace')}", "", message)

    def _content(self, path: Path, most: int) -> str | None:
        if path.is_symlink() or not path.is_file():
            self.refuse(path, "is missing, or no plain file; left out.")
            return None
        try:
            with path.open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            self.refuse(path, f"cannot be read: {error.strerror}; left out.")
            return None
        if len(data) > most:
            self.refuse(path, f"has more than {most:,} bytes; left out.")
            return None
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.refuse(path, "is no UTF-8; left out.")
            return None


def _check_depth(content: str) -> None:
    """Refuses documents so deep that the loader in C, which recurses, would end the process. Events come one by one."""
    depth = 0
    for event in yaml.parse(content, _LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels")


def text(meta: Meta, *names: str) -> str:
    """The first of some fields that is there, as text; lists and mappings are none."""
    for name in names:
        value = meta.get(name)
        if value is not None and not isinstance(value, (list, dict, set, tuple, bytes)):
            return str(value)
    return ""


def integer(meta: Meta, name: str) -> int | None:
    """A field that is a whole number of 64 bits, perhaps as text; None when it is none."""
    try:
        number = int(text(meta, name))
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _printable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
