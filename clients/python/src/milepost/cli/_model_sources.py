"""From what stands on the command line to a model's folder."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import typer

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def folder_of(ctx: typer.Context, model: str) -> Path:
    """The folder of a model, fetched when it is given by a URI.

    Raises:
        MilepostError: There is none, or it cannot be fetched.
    """
    if not _URI.match(model):
        return Path(model)
    from milepost.config import set_tracking_uri
    from milepost.models.registry.sources import fetch

    server = ctx.find_root().params.get("server")
    if server:
        set_tracking_uri(server)
    return Path(fetch(model))


def copied(folder: Path, target: Path) -> int:
    """Copies a model into a new folder, which appears whole or not at all. Returns the number of files.

    Raises:
        ModelFormatError: The target exists, or the folder is no model.
        ModelCorrupt: The files are not those that were saved.
    """
    from milepost.errors import ModelFormatError
    from milepost.models.format._folders import appearing
    from milepost.models.format.descriptor import ModelDescriptor
    from milepost.models.format.manifest import verify_manifest

    ModelDescriptor.read(folder)
    if target.exists():
        raise ModelFormatError(f"{target} exists. Models are not overwritten: choose another folder.")
    with appearing(target) as new:
        shutil.copytree(folder, new, dirs_exist_ok=True)
        for path in (new, *new.rglob("*")):  # what lies in the cache is read-only
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        verify_manifest(new)
        return sum(path.is_file() for path in new.rglob("*"))
