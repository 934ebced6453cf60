"""Milepost itself in an image: the release, or wheels of what is installed here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from milepost._version import __version__
from milepost.errors import ModelError
from milepost.models.environments._distributions import direct_url, path_of
from milepost.models.environments._processes import ProcessFailed, run
from milepost.models.environments.environment import find_uv

WHEELS = "wheels"

_CLIENT, _SERVER = "milepost-client", "milepost"
_TIMEOUT_S = 600.0


def own_lines(context: Path, given: Path | None, extras: Sequence[str]) -> list[str]:
    """Lines of requirements that install this version of Milepost; wheels that they name are put into the context.

    Args:
        context: The folder of the image.
        given: A folder with wheels of Milepost to take; None for what is installed here.
        extras: Extras of the server.

    Raises:
        ModelError: What is installed here is neither a release nor comes from sources or wheels of this machine.
    """
    lines = []
    for name, extra in ((_CLIENT, "[models]"), (_SERVER, f"[{','.join(extras)}]" if extras else "")):
        if given is not None:
            wheel = _copied(_given(given, name), context)
        else:
            found = _wheel_of(name, context)
            if found is None:
                lines.append(f"{name}{extra}=={__version__}")
                continue
            wheel = found
        lines.append(f"./{WHEELS}/{wheel.name}{extra}")
    return lines


def _given(folder: Path, name: str) -> Path:
    wheels = sorted(folder.glob(f"{name.replace('-', '_')}-*.whl"))
    if len(wheels) != 1:
        raise ModelError(f"{folder} must have one wheel of {name}; it has {len(wheels)}.")
    return wheels[0]


def _wheel_of(name: str, context: Path) -> Path | None:
    """The wheel of an installed distribution; None when an index has it."""
    try:
        origin = direct_url(metadata.distribution(name))
    except metadata.PackageNotFoundError:  # the server need not be installed where images are made
        return None
    url = origin.get("url", "")
    if not url:
        return None
    if "dir_info" in origin:
        return _built(path_of(url), name, context)
    if "archive_info" in origin and url.startswith("file:") and path_of(url).suffix == ".whl":
        return _copied(path_of(url), context)
    raise ModelError(f"{name} was installed from {url}. Say by --wheels where wheels of it are.")


def _copied(wheel: Path, context: Path) -> Path:
    if not wheel.is_file():
        raise ModelError(f"{wheel} is not there any more. Say by --wheels where wheels of Milepost are.")
    (context / WHEELS).mkdir(exist_ok=True)
    return Path(shutil.copyfile(wheel, context / WHEELS / wheel.name))


def _built(source: Path, name: str, context: Path) -> Path:
    uv = find_uv()
    if uv is None:
        raise ModelError(f"The wheel of {name} is built by uv, which is not here: pip install uv.")
    target = context / WHEELS
    command = [uv, "build", "--quiet", "--wheel", "--no-create-gitignore", "--out-dir", str(target), str(source)]
    try:
        run(command, timeout_s=_TIMEOUT_S, cwd=context)
    except ProcessFailed as failure:
        raise ModelError(f"No wheel of {name} can be built from {source}: {failure}") from None
    return _given(target, name)
