"""Models in environments of their own: built from their requirements, kept for the next time.

An environment is a folder below `MILEPOST_ENVIRONMENTS_DIR`, named by the digest of all that it is made of. It holds
the model's requirements and this installation's client. Those not used for 30 days go when another one is built.

What a model of somebody else asks to be installed is code of theirs. Unless the caller trusts the model, its
requirements may only name releases of the configured index, of which only wheels are installed: nothing is built, and
nothing comes from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from milepost.config import default_environments_dir
from milepost.errors import ModelError, UntrustedModel
from milepost.models._locks import NotLocked, locked
from milepost.models.environments import _client_source
from milepost.models.environments._processes import ProcessFailed, run
from milepost.models.environments._requirement_lines import Line, parse_lines, read_file
from milepost.models.environments.environment import CONDA, CONSTRAINTS, LOCK, REQUIREMENTS, find_uv, read_environment
from milepost.models.environments.requirements import is_own

Manager = Literal["uv", "virtualenv"]

DEFAULT_BUILD_TIMEOUT_S = 1800.0

_UNUSED_S = 30 * 24 * 3600
_READY = "milepost-ready.json"


@dataclass(frozen=True)
class Built:
    """An environment that is there.

    Args:
        folder: A virtual environment.
        python: Its interpreter.
        manager: What built it.
    """

    folder: Path
    python: Path
    manager: Manager


@dataclass(frozen=True)
class _Plan:
    """What an environment is made of; equal plans are one environment."""

    manager: Manager
    interpreter: str
    requirements: str
    constraints: str
    client: tuple[str, ...]
    wheels_only: bool

    @property
    def key(self) -> str:
        parts = [self.manager, self.interpreter, self.requirements, self.constraints, *self.client]
        parts += [str(self.wheels_only), sys.platform]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def build_environment(
    folder: Path,
    *,
    manager: Manager | None = None,
    trust: bool = False,
    timeout_s: float = DEFAULT_BUILD_TIMEOUT_S,
) -> Built:
    """The environment of a model, built unless it is there. Processes that want the same one wait for each other.

    Args:
        folder: The model's folder.
        manager: What builds it: uv, or virtualenv or the standard library's venv with pip. None for uv if it is here.
        trust: Whether the requirements may name other sources than the configured index, and build what they install.
        timeout_s: Seconds that it may take, waiting for another process included.

    Raises:
        ModelFormatError: The environment files are missing or wrong.
        UntrustedModel: The requirements need trust.
        ModelError: The version of Python, or uv, is not here; or the requirements cannot be installed.
    """
    plan = _plan(folder, manager or ("uv" if find_uv() else "virtualenv"), trust)
    root = default_environments_dir()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = root / plan.key
    built = Built(place, place / ("Scripts/python.exe" if os.name == "nt" else "bin/python"), plan.manager)
    try:
        with locked(root / f"{plan.key}.lock", timeout_s=timeout_s):
            if not (place / _READY).exists():
                _remove_unused(root)
                _build(plan, built, folder, timeout_s)
            (place / _READY).touch()
    except NotLocked:
        raise ModelError(f"Another process has been building {place} for {timeout_s:g} s.") from None
    return built


def needed_lines(folder: Path, *, trust: bool) -> tuple[list[Line], list[Line]]:
    """What the environment of a model is made of: lines of its lock, else of its requirements, and their constraints.

    Raises:
        ModelFormatError: The environment files are missing or wrong.
        UntrustedModel: Without trust, a line installs from elsewhere than the configured index.
    """
    environment = read_environment(folder)
    if environment.locked:
        source, lines = LOCK, read_file(folder / LOCK, folder)
    else:
        source = REQUIREMENTS if (folder / REQUIREMENTS).exists() else CONDA
        lines = parse_lines(environment.requirements, source)
    constraints = [one for line in lines if line.option == "-c" for one in read_file(folder / line.value, folder)]
    lines = [line for line in lines if line.option != "-c"]
    if not trust:
        _check_sources([*lines, *constraints], folder / source)
    return lines, constraints


def _plan(folder: Path, manager: Manager, trust: bool) -> _Plan:
    lines, constraints = needed_lines(folder, trust=trust)
    return _Plan(
        manager=manager,
        interpreter=_interpreter(read_environment(folder).python, manager),
        requirements="".join(f"{_absolute(line, folder)}\n" for line in lines if not is_own(line.name)),
        constraints="".join(f"{line.text}\n" for line in constraints if not is_own(line.name)),
        client=tuple(_client_source.arguments()),
        wheels_only=not trust,
    )


def _check_sources(lines: list[Line], source: Path) -> None:
    """Refuses lines that install from elsewhere than the configured index."""
    for line in lines:
        if not line.from_index and line.option not in ("--pre", "--prefer-binary"):
            raise UntrustedModel(f"{source}: {line.text!r} installs from elsewhere than your package index")


def _absolute(line: Line, folder: Path) -> str:
    """A line whose paths do not depend on where it is read."""
    return str((folder / line.value).resolve()) if line.is_path else line.text


def _interpreter(version: str, manager: Manager) -> str:
    """A path, or a version that uv finds. Patch releases of Python are as good as each other."""
    series = ".".join(version.split(".")[:2])
    if not version or series == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    if manager == "uv":
        return series
    found = shutil.which(f"python{series}")
    if found is None:
        raise ModelError(f"The model needs Python {series}, and there is no python{series} on the PATH. Install it.")
    return found


def _build(plan: _Plan, built: Built, folder: Path, timeout_s: float) -> None:
    """Builds in the final place, since scripts of an environment hold its path, and says last that it is complete."""
    shutil.rmtree(built.folder, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
            wanted = Path(scratch) / REQUIREMENTS
            wanted.write_text(f"-c {CONSTRAINTS}\n{plan.requirements}", encoding="utf-8")
            wanted.with_name(CONSTRAINTS).write_text(plan.constraints, encoding="utf-8")
            _create(plan, built, timeout_s)
            _install(plan, built, wanted, timeout_s)
        new = built.folder / f".{_READY}"
        new.write_text(json.dumps({"manager": plan.manager, "model": str(folder), "created": time.time()}))
        new.replace(built.folder / _READY)
    finally:
        if not (built.folder / _READY).exists():
            shutil.rmtree(built.folder, ignore_errors=True)


def _create(plan: _Plan, built: Built, timeout_s: float) -> None:
    if plan.manager == "uv":
        # Interpreters are not downloaded behind the user's back.
        command = [_uv(), "venv", "--quiet", "--no-python-downloads", "--python", plan.interpreter, str(built.folder)]
    elif find_spec("virtualenv") is not None:
        command = [sys.executable, "-m", "virtualenv", "--quiet", "--python", plan.interpreter, str(built.folder)]
    else:
        command = [plan.interpreter, "-m", "venv", str(built.folder)]
    try:
        run(command, timeout_s=timeout_s, cwd=built.folder.parent)
    except ProcessFailed as failure:
        hint = ""
        if plan.interpreter != sys.executable:
            hint = f" The model needs Python {plan.interpreter}: install it, with uv by `uv python install VERSION`."
        raise ModelError(f"No environment could be made.{hint} ({failure})") from None


def _install(plan: _Plan, built: Built, wanted: Path, timeout_s: float) -> None:
    if plan.manager == "uv":
        command = [_uv(), "pip", "install", "--quiet", "--python", str(built.python)]
    else:
        command = [str(built.python), "-m", "pip", "install", "--quiet", "--no-compile"]
        command += ["--no-input", "--disable-pip-version-check"]
    if plan.wheels_only:
        command += ["--only-binary", ":all:", *_client_source.build_options()]
    try:
        run([*command, "-r", str(wanted), *plan.client], timeout_s=timeout_s, cwd=wanted.parent)
    except ProcessFailed as failure:
        hint = " Distributions without a wheel are built only for models that you trust." if plan.wheels_only else ""
        raise ModelError(f"The model's requirements cannot be installed.{hint} ({failure})") from None


def _uv() -> str:
    uv = find_uv()
    if uv is None:
        raise ModelError("uv is not here: pip install uv, or let virtualenv build the environment.")
    return uv


def _remove_unused(root: Path) -> None:
    oldest = time.time() - _UNUSED_S
    for ready in root.glob(f"*/{_READY}"):
        with suppress(OSError):
            if ready.stat().st_mtime < oldest:
                with locked(root / f"{ready.parent.name}.lock", timeout_s=0):
                    shutil.rmtree(ready.parent, ignore_errors=True)
