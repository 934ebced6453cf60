"""The files that say what a model needs to run: `requirements.txt`, `python_env.yaml` and `conda.yaml`.

Their contents are those that MLflow writes and reads, so that either tool can make the environment of a model of the
other. `constraints.txt` is there when the requirements have constraints, `requirements.lock` when one was asked for.
"""

from __future__ import annotations

import importlib
import platform
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from milepost.errors import ModelError, ModelFormatError
from milepost.models.environments._processes import ProcessFailed, run
from milepost.models.environments._requirement_lines import parse_lines, read_file, read_text
from milepost.models.format import _yaml

REQUIREMENTS = "requirements.txt"
CONSTRAINTS = "constraints.txt"
LOCK = "requirements.lock"
PYTHON_ENV = "python_env.yaml"
CONDA = "conda.yaml"

DESCRIPTOR_ENTRY: Mapping[str, str] = {"conda": CONDA, "virtualenv": PYTHON_ENV}
"""The entry `env` of the flavor `python_function` in a descriptor."""

DEFAULT_LOCK_TIMEOUT_S = 300.0

_PYTHON = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
_CONDA_PYTHON = re.compile(r"python\s*(?:==?|<=|>=)\s*(.+)")


@dataclass(frozen=True)
class Environment:
    """What a model needs to run.

    Args:
        python: Version of Python, such as `3.11.9`; empty when the model does not say.
        requirements: Lines of `requirements.txt`, those of files that it includes by `-r` in their place.
        locked: Whether there is a `requirements.lock` with the versions of all that these need in turn.
    """

    python: str
    requirements: Sequence[str]
    locked: bool = False


def write_environment(
    folder: Path, requirements: Sequence[str], *, python: str | None = None, lock: bool = False
) -> Environment:
    """Writes the files that describe an environment, in place of those that may be there.

    Args:
        folder: The model's folder.
        requirements: Lines of `requirements.txt`, as `requirements.chosen` gives them. Constraints are copied.
        python: Version of Python; None for this interpreter's.
        lock: Whether to write `requirements.lock` too. That asks the package index and needs uv.

    Raises:
        ModelFormatError: A line is wrong.
        ModelError: A lock is wanted, and uv is not there or finds no versions that go together.
        MissingPackage: The extra `models` is not installed.
    """
    lines = _with_own_constraints(folder, requirements)
    made = Environment(python or platform.python_version(), tuple(lines), lock)
    (folder / REQUIREMENTS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / PYTHON_ENV).write_bytes(_yaml.dump(_python_env(made), PYTHON_ENV))
    (folder / CONDA).write_bytes(_yaml.dump(_conda(made), CONDA))
    (folder / LOCK).unlink(missing_ok=True)
    if lock:
        _write_lock(folder, made.python)
    return made


def _with_own_constraints(folder: Path, requirements: Sequence[str]) -> list[str]:
    """The lines, with all constraints in the model's own file."""
    parsed = parse_lines(requirements, REQUIREMENTS)
    files = [folder / line.value for line in parsed if line.option == "-c"]
    constraints = [one.text for file in files for one in read_file(file)]
    lines = [line.text for line in parsed if line.option != "-c"]
    if not files:
        (folder / CONSTRAINTS).unlink(missing_ok=True)
        return lines
    (folder / CONSTRAINTS).write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
    return [f"-c {CONSTRAINTS}", *lines]


def _python_env(environment: Environment) -> dict[str, Any]:
    builders = ("pip", "setuptools", "wheel")
    return {
        "python": environment.python,
        "build_dependencies": [f"{name}=={version}" if (version := _version(name)) else name for name in builders],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }


def _conda(environment: Environment) -> dict[str, Any]:
    # The newest pip comes to conda-forge later than to PyPI, so that `==` may name one that is not there.
    pip = f"pip<={version}" if (version := _version("pip")) else "pip"
    return {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={environment.python}", pip, {"pip": list(environment.requirements)}],
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def find_uv() -> str | None:
    """Path of the program uv: of the package of this name, else on the PATH."""
    try:
        found: str = importlib.import_module("uv").find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")
    return found


def _write_lock(folder: Path, python: str) -> None:
    uv = find_uv()
    if uv is None:
        raise ModelError(f"{LOCK} is made by uv, which is not here: pip install uv, or do without a lock.")
    options = ["--quiet", "--universal", "--no-header", "--no-annotate", "--python-version", python]
    # Written elsewhere first: uv takes versions of a file that is there already.
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        new = Path(scratch) / LOCK
        command = [uv, "pip", "compile", *options, "--output-file", str(new), REQUIREMENTS]
        try:
            run(command, timeout_s=DEFAULT_LOCK_TIMEOUT_S, cwd=folder)
        except ProcessFailed as failure:
            raise ModelError(f"{LOCK} cannot be made: {failure}") from None
        (folder / LOCK).write_bytes(new.read_bytes())


def read_environment(folder: Path) -> Environment:
    """What the files of a folder say, MLflow's older ones too, which had `conda.yaml` alone.

    Raises:
        ModelFormatError: There are none, they are wrong, or lead out of the folder.
    """
    conda = _read_yaml(folder / CONDA) if (folder / CONDA).exists() else {}
    if (folder / REQUIREMENTS).exists():
        lines = [line.text for line in read_file(folder / REQUIREMENTS, folder)]
    elif conda:
        lines = [line.text for line in parse_lines(_pip_lines(conda), CONDA)]
    else:
        raise ModelFormatError(
            f"{folder} has neither {REQUIREMENTS} nor {CONDA}, so that nothing says what the model needs. "
            "`milepost models update-requirements` writes them."
        )
    return Environment(_python_of(folder, conda), tuple(lines), (folder / LOCK).exists())


def _python_of(folder: Path, conda: Mapping[str, Any]) -> str:
    path = folder / PYTHON_ENV
    if path.exists():
        python, source = _read_yaml(path).get("python", ""), PYTHON_ENV
    else:
        texts = [one for one in _dependencies(conda) if isinstance(one, str)]
        python, source = next((match[1] for one in texts if (match := _CONDA_PYTHON.fullmatch(one))), ""), CONDA
    if python and not (isinstance(python, str) and _PYTHON.fullmatch(python)):
        raise ModelFormatError(
            f"{folder / source}: python is {python!r:.100}, not the text of a version such as '3.11.9'."
        )
    return str(python)


def _pip_lines(conda: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for one in _dependencies(conda):
        if isinstance(one, dict):
            lines = one.get("pip", [])
            if not isinstance(lines, list):
                raise ModelFormatError(f"{CONDA}: dependencies.pip is {lines!r:.100}, not a list.")
            found.extend(lines)
    return found


def _dependencies(conda: Mapping[str, Any]) -> list[Any]:
    found = conda.get("dependencies", [])
    if not isinstance(found, list):
        raise ModelFormatError(f"{CONDA}: dependencies is {found!r:.100}, not a list.")
    return found


def _read_yaml(path: Path) -> Mapping[str, Any]:
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ModelFormatError(f"{path}: leads out of the model's folder.")
    found = _yaml.parse(read_text(path).encode(), path.name)
    if not isinstance(found, dict):
        raise ModelFormatError(f"{path}: holds {type(found).__name__}, not a mapping.")
    return found
