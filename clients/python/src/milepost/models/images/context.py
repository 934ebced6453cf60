"""The folder from which an image of a model is built."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from platform import machine, python_version

from milepost._version import __version__
from milepost.errors import ModelError, UntrustedModel
from milepost.models._trust import code_to_trust
from milepost.models.environments.environment import read_environment
from milepost.models.format._folders import appearing
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.format.manifest import verify_manifest
from milepost.models.images import _install
from milepost.models.images._dockerfile import ENVIRONMENT, MODEL, check_reference, dockerfile
from milepost.models.images._own import own_lines
from milepost.models.images._pins import PLATFORMS, write_pins

_OLDEST = (3, 11)
_PYTHON = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
_NAME = re.compile(r"[^-/:@=\x00-\x1f\x7f][^/:@=\x00-\x1f\x7f]{0,249}")
_EXTRA = re.compile(r"[a-z][a-z0-9-]{0,50}")
_IGNORED = "*\n!install.py\n!requirements.txt\n!wheels\n!model\n"


@dataclass(frozen=True)
class ImageOptions:
    """What is chosen about an image.

    Args:
        name: Name under which the model is served.
        base_image: Reference of the image to begin with, which has Python as `python`; empty for the official one.
        python: Version of Python; empty for the model's.
        platform: One of `PLATFORMS`; empty for this machine's.
        wheels: A folder with wheels of Milepost; None for what is installed here.
        extras: Extras of the model server. `arrow` lets it read and write Arrow and Parquet; pyarrow has some 150 MB.
        trust: Whether code that comes with the model runs in the image, and its requirements may come from anywhere.
    """

    name: str = "model"
    base_image: str = ""
    python: str = ""
    platform: str = ""
    wheels: Path | None = None
    extras: Sequence[str] = ("arrow",)
    trust: bool = False


def write_context(folder: Path, target: Path, options: ImageOptions) -> None:
    """Makes the folder: `Dockerfile`, `install.py`, `requirements.txt`, `.dockerignore`, `model/`, perhaps `wheels/`.

    Args:
        folder: The model's folder.
        target: What is made, complete or not at all. It must not exist.
        options: What is chosen.

    Raises:
        ModelFormatError: The folder is no model.
        ModelCorrupt: The model's files are not those that were saved.
        UntrustedModel: The model runs code, or its requirements are no releases of an index, and it is not trusted.
        ModelError: An option is wrong, the target is there, or the requirements cannot be pinned.
    """
    if not _NAME.fullmatch(options.name):
        raise ModelError(
            f"--name: {options.name!r:.300} must have 1-250 characters, without '/', ':', '@' and '=', and not begin "
            "with '-'."
        )
    if wrong := [extra for extra in options.extras if not _EXTRA.fullmatch(extra)]:
        raise ModelError(f"--extra: {wrong[0]!r:.200} is no name of an extra such as tracing.")
    descriptor = ModelDescriptor.read(folder)
    if not options.trust:
        for what in code_to_trust(folder, descriptor):
            raise UntrustedModel(f"The model has {what}, which runs in the image")
    if target.exists():
        raise ModelError(f"{target} exists. Choose another folder.")
    python, platform = chosen_python(folder, options.python), chosen_platform(options.platform)
    base = check_reference(options.base_image or f"python:{python}-slim-bookworm", "--base-image")
    entry = [f"{ENVIRONMENT}/bin/milepost", "serve", f"{options.name}={MODEL}", "--host", "0.0.0.0"]  # noqa: S104
    entry += ["--trust"] if options.trust else []
    with appearing(target) as new:
        _copy_model(folder, new / "model")
        (new / ".dockerignore").write_text(_IGNORED, encoding="utf-8")
        shutil.copyfile(_install.__file__, new / "install.py")
        write_pins(
            new,
            new / "model",
            own_lines(new, options.wheels, options.extras),
            python=python,
            platform=platform,
            trust=options.trust,
        )
        pinned = (new / "requirements.txt").read_text(encoding="utf-8")
        folders = [name for name in ("wheels", "model") if f"./{name}/" in pinned]
        (new / "Dockerfile").write_text(dockerfile(__version__, base, entry, folders), encoding="utf-8")


def chosen_python(folder: Path, asked: str) -> str:
    """The version of Python of an image.

    Raises:
        ModelError: It is no version, or one that the model server does not run on.
    """
    version = asked or read_environment(folder).python or python_version()
    if not _PYTHON.fullmatch(version):
        raise ModelError(f"--python: {version!r:.100} is no version such as 3.11.9.")
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        raise ModelError(
            f"The model was saved with Python {version}, and the model server needs {_OLDEST[0]}.{_OLDEST[1]}. If the "
            "model works there, choose one by --python."
        )
    return version


def chosen_platform(asked: str) -> str:
    """The platform of an image.

    Raises:
        ModelError: There are no images for it.
    """
    known = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}
    chosen = asked or known.get(machine().lower(), "linux/amd64")
    if chosen not in PLATFORMS:
        raise ModelError(f"--platform: {chosen!r:.100} is none of {', '.join(PLATFORMS)}.")
    return chosen


def _copy_model(folder: Path, target: Path) -> None:
    shutil.copytree(folder, target)
    verify_manifest(target)
    for path in (target, *target.rglob("*")):  # of a user that is not the one who builds
        path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o755 if path.is_dir() else 0o644))
