"""Modules that a model brings along, in its folder `code`.

A model's modules are found by their names in a table, not by a folder on `sys.path`: so a model brings the modules
that it was saved with and no others, they are found for as long as the process runs, also when `predict` imports them,
and nothing (`__pycache__`) is written into the model's folder. Two models with different modules of one name cannot
live in one process, since Python knows a module by its name alone: the second is refused.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import logging
import shutil
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
)
from pathlib import Path
from types import ModuleType
from typing import Any

from milepost.errors import ModelError, ModelFormatError

_logger = logging.getLogger(__name__)
FOLDER = "code"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def copy_code(paths: Iterable[str | Path], folder: Path) -> bool:
    """Copies files and folders into the folder `code` of a model.

    Args:
        paths: Modules (`helpers.py`) and packages (folders), which are imported by these names.
        folder: The model's folder.

    Returns:
        Whether there were any.

    Raises:
        ModelFormatError: One does not exist, two have the same name, or one is no module's name.
    """
    target = folder / FOLDER
    for path in map(Path, paths):
        name = path.resolve().name
        if not path.exists():
            raise ModelFormatError(f"code_paths: there is no {str(path)!r}.")
        if not name.partition(".")[0].isidentifier():
            raise ModelFormatError(f"code_paths: {name!r} cannot be imported, since it is no name of a module.")
        if (target / name).exists():
            raise ModelFormatError(f"code_paths: two paths have the name {name!r}.")
        target.mkdir(exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target / name, ignore=_IGNORED)
        else:
            shutil.copyfile(path, target / name)
    return target.exists()


def make_importable(folder: Path) -> None:
    """Lets the process import the modules of a model's code, whose writer the reader trusts.

    Args:
        folder: The folder with the modules.

    Raises:
        ModelError: A module of the same name and other content is in use; the message says from where.
    """
    names = sorted({entry.name.partition(".")[0] for entry in folder.iterdir() if _is_module(entry)})
    with _lock:
        contents = {name: _content(folder, name) for name in names}
        for name, content in contents.items():
            _refuse_conflict(name, content)
        for name, content in contents.items():
            _finder.known[name] = Known(folder, content)
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
    importlib.invalidate_caches()


@dataclass(frozen=True)
class Known:
    """Where a module of a model is, and the digest of its files."""

    folder: Path
    content: str


class UncachedLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module and keeps the result nowhere: a file more would not be the model that was saved."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Does nothing."""


class _Finder:
    """Finds modules below registered names, and no others."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        known = self.known.get(fullname.partition(".")[0])
        if known is None:
            return None
        for entry in [str(known.folder)] if path is None else path:
            spec = _spec(fullname, entry)
            if spec is not None:
                return spec
        return None

    def invalidate_caches(self) -> None:
        """Has none."""


_finder = _Finder()
_lock = threading.Lock()


def _spec(fullname: str, folder: str) -> ModuleSpec | None:
    loaders = [(ExtensionFileLoader, EXTENSION_SUFFIXES), (UncachedLoader, SOURCE_SUFFIXES)]
    spec = FileFinder(folder, *loaders).find_spec(fullname)
    if spec is not None and spec.loader is None and spec.submodule_search_locations:
        # A package without __init__.py: such a spec loads as a namespace once it is told where its parts are.
        namespace = ModuleSpec(fullname, None, is_package=True)
        namespace.submodule_search_locations = list(spec.submodule_search_locations)
        return namespace
    return spec


def _is_module(entry: Path) -> bool:
    return (entry.is_dir() and entry.name.isidentifier()) or entry.name.endswith(
        (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)
    )


def _refuse_conflict(name: str, content: str) -> None:
    other, loaded = _finder.known.get(name), sys.modules.get(name)
    if other is not None:
        if other.content != content:
            raise ModelError(
                f"Another model brings a different module {name!r} ({other.folder}), and a process can have one only. "
                "Load one of the two models in a process of its own."
            )
    elif loaded is not None:
        if _content_at(getattr(loaded, "__file__", None), name) != content:
            origin = getattr(loaded, "__file__", None) or "built into Python"
            raise ModelError(
                f"The model brings its own module {name!r}, but this process has imported another of that name "
                f"({origin}). Load the model in a process that has not."
            )
    else:
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.origin is not None and _content_at(spec.origin, name) != content:
            _logger.warning("a model's own module takes the place of another", extra={"shadowed": spec.origin})


def _content_at(file: str | None, name: str) -> str | None:
    """The digest of a module or package that is there already, by the file that is run when it is imported."""
    if file is None:
        return None
    path = Path(file)
    return _content(path.parent.parent if path.stem == "__init__" else path.parent, name)


def _content(folder: Path, name: str) -> str:
    """The digest of a module's or package's files and their paths."""
    files = [folder / f"{name}{suffix}" for suffix in (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)]
    files += [path for path in sorted((folder / name).rglob("*")) if path.suffix != ".pyc"]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
