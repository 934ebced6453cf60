"""The engine that builds images: docker, else podman."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from milepost.errors import ModelError
from milepost.models.environments._processes import ProcessFailed, run
from milepost.models.images._dockerfile import check_reference

ENGINES = ("docker", "podman")

_ANSWER_S = 30.0


def find_engine() -> str:
    """Path of the first engine that is installed and answers.

    Raises:
        ModelError: There is none; the message says what each answered.
    """
    said = []
    for name in ENGINES:
        path = shutil.which(name)
        if path is None:
            said.append(f"{name} is not installed")
            continue
        try:
            run([path, "info"], timeout_s=_ANSWER_S, cwd=Path.cwd())
            return path
        except ProcessFailed as failure:
            said.append(f"{name}: {' '.join(str(failure).split())[:300]}")
    raise ModelError(
        f"No engine for images answers here ({'; '.join(said)}). Start one, or write the folder by `milepost models "
        "dockerfile` and build the image where there is one."
    )


def build_image(engine: str, context: Path, tag: str, platform: str = "") -> None:
    """Builds an image. What the engine says goes to standard error.

    Args:
        engine: Path of the engine.
        context: Folder that `write_context` made.
        tag: Reference of the image.
        platform: Such as `linux/arm64`; empty for the engine's own.

    Raises:
        ModelError: The tag is none, or the engine failed.
    """
    command = [engine, "build", "--tag", check_reference(tag, "--tag")]
    command += [f"--platform={platform}"] if platform else []
    done = subprocess.run([*command, str(context)], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)  # noqa: S603
    if done.returncode:
        raise ModelError(f"{Path(engine).name} could not build the image; it ended with code {done.returncode}.")
