"""Changes what a saved model says it needs; its other files stay as they are."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models.environments import environment
from milepost.models.environments._requirement_lines import parse_lines
from milepost.models.environments.environment import Environment, read_environment, write_environment
from milepost.models.environments.requirements import chosen, infer_requirements, without
from milepost.models.flavors import PYTHON_FUNCTION
from milepost.models.format import descriptor as descriptors
from milepost.models.format import manifest
from milepost.models.format.descriptor import ModelDescriptor

_REWRITTEN = {
    environment.REQUIREMENTS,
    environment.CONSTRAINTS,
    environment.LOCK,
    environment.PYTHON_ENV,
    environment.CONDA,
    descriptors.FILE_NAME,
    manifest.FILE_NAME,
}


def update_requirements(
    folder: Path,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    infer: bool = False,
    trust: bool = False,
    lock: bool = False,
) -> Environment:
    """Rewrites the environment files of a model, and its descriptor and manifest with them: all, or none.

    Args:
        folder: The model's folder. It is replaced as a whole, so that nobody may work in it meanwhile.
        add: Lines to add. A line takes the place of those of the same distribution.
        remove: Names of distributions whose lines go.
        infer: Whether to begin with what loading and predicting import here, in the versions installed here, instead of
            the present lines.
        trust: Whether code that comes with the model may run, to infer.
        lock: Whether to write a lock. Without it, the one that may be there goes, since it holds no longer.

    Returns:
        What the model says now.

    Raises:
        ModelCorrupt: The files are not those that were saved; a new manifest would hide that.
        ModelFormatError: The folder is no model, a line is wrong, or there is no line to remove.
    """
    manifest.verify_manifest(folder)
    present = _present(folder)
    lines = list(present.requirements)
    if infer:
        lines = infer_requirements(folder, lines, trust=trust)
    lines = without(lines, remove)
    added = {line.name for line in parse_lines(add, "add")} - {""}
    kept = [line.text for line in parse_lines(lines, environment.REQUIREMENTS) if line.name not in added]
    python = platform.python_version() if infer or not present.python else present.python
    with _replaced(folder) as new:
        rewrite(new, chosen((), kept, add), python=python, lock=lock)
    return read_environment(folder)


def rewrite(folder: Path, requirements: Sequence[str], *, python: str, lock: bool) -> ModelDescriptor:
    """Writes the environment files anew, and descriptor and manifest with them; not all at once.

    Args:
        folder: The model's folder.
        requirements: Lines, as `requirements.chosen` gives them.
        python: Version of Python.
        lock: Whether to write a lock.
    """
    write_environment(folder, requirements, python=python, lock=lock)
    return _describe(folder, python)


def _present(folder: Path) -> Environment:
    try:
        return read_environment(folder)
    except ModelFormatError:
        if any((folder / name).exists() for name in (environment.REQUIREMENTS, environment.CONDA)):
            raise
        return Environment("", ())


def _describe(folder: Path, python: str) -> ModelDescriptor:
    """Brings descriptor and manifest up to date with the other files. A folder without manifest gets none."""
    found = ModelDescriptor.read(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name not in _DESCRIBING)
    flavors: dict[str, Mapping[str, Any]] = dict(found.flavors)
    if PYTHON_FUNCTION in flavors:
        entry = {"env": dict(environment.DESCRIPTOR_ENTRY), **flavors[PYTHON_FUNCTION], "python_version": python}
        flavors[PYTHON_FUNCTION] = entry
    changed = replace(found, flavors=flavors, size_bytes=size)
    changed.write(folder)
    if (folder / manifest.FILE_NAME).exists():
        manifest.write_manifest(folder)
    return changed


_DESCRIBING = {descriptors.FILE_NAME, manifest.FILE_NAME}


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A copy to change, which takes the folder's place when the block ends well; files that stay are links."""
    folder = folder.resolve()
    new = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
    try:
        shutil.copytree(folder, new, copy_function=_copy)
        yield new
        folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            old.rename(folder)
            raise
        shutil.rmtree(old)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _copy(source: str, target: str) -> str:
    if Path(source).name not in _REWRITTEN:
        try:
            os.link(source, target)
        except OSError:  # a file system without links
            pass
        else:
            return target
    return str(shutil.copy2(source, target))
