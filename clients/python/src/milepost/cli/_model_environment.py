"""The environments of models, printed, copied and built."""

from __future__ import annotations

import os
import shlex
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from milepost.cli._output import note, print_json
from milepost.cli._text import printable

if TYPE_CHECKING:
    from milepost.models.environments.environment import Environment
    from milepost.models.environments.isolation import Manager


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Prints what the block warns of as one line each, without the place in the code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                note(f"warning: {' '.join(str(warning.message).split())}")


def checked_manager(text: str, option: str) -> Manager:
    """What builds environments.

    Raises:
        typer.BadParameter: It is neither uv nor virtualenv.
    """
    if text == "uv":
        return "uv"
    if text == "virtualenv":
        return "virtualenv"
    raise typer.BadParameter(f"{text!r} is neither uv nor virtualenv.", param_hint=option)


def print_environment(found: Environment, *, as_json: bool) -> None:
    """Prints requirements, one a line, as a requirements file has them."""
    if as_json:
        print_json({"python": found.python, "requirements": list(found.requirements), "locked": found.locked})
        return
    typer.echo(
        f"# Python {found.python or 'not named'}{'; requirements.lock is there' if found.locked else ', no lock'}"
    )
    for line in found.requirements:
        typer.echo(printable(line))


def copy_files(folder: Path, target: Path, *, as_json: bool) -> None:
    """Copies the environment files of a model into a folder, and says which.

    Raises:
        ModelFormatError: The model has none, or they are wrong.
    """
    from milepost.models.environments.environment import (
        CONDA,
        CONSTRAINTS,
        LOCK,
        PYTHON_ENV,
        REQUIREMENTS,
        read_environment,
    )

    read_environment(folder)
    target.mkdir(parents=True, exist_ok=True)
    names = [name for name in (REQUIREMENTS, CONSTRAINTS, LOCK, PYTHON_ENV, CONDA) if (folder / name).is_file()]
    for name in names:
        shutil.copyfile(folder / name, target / name)
    if as_json:
        print_json({"path": str(target), "files": names})
    else:
        typer.echo(f"Wrote {', '.join(names)} to {printable(str(target))}.")


def create_environment(folder: Path, where: str | None, *, trust: bool, timeout_s: float, as_json: bool) -> None:
    """Builds the environment of a model, unless it is there, and says how to use it."""
    from milepost.models.environments.isolation import build_environment

    manager = None if where is None else checked_manager(where, "--env")
    if not as_json:
        note("Building the environment; the first time takes as long as installing the requirements.")
    built = build_environment(folder, manager=manager, trust=trust, timeout_s=timeout_s)
    activate = _activation(built.folder)
    if as_json:
        found = {"path": str(built.folder), "python": str(built.python), "tool": built.manager, "activate": activate}
        print_json(found)
    else:
        typer.echo(activate)


def _activation(folder: Path) -> str:
    if os.name == "nt":
        return str(folder / "Scripts" / "activate")
    return f". {shlex.quote(str(folder / 'bin' / 'activate'))}"
