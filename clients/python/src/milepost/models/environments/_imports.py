"""Which distributions code imports: seen while a model loads and predicts, or read from sources."""

from __future__ import annotations

import ast
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milepost.errors import MilepostError
from milepost.models.environments._distributions import OWN, owners
from milepost.models.environments._processes import ProcessFailed, run

_MAX_SOURCE_BYTES = 4 * 1024 * 1024


class WatchFailed(MilepostError):
    """The model did not load or answer in the process that watches it."""


@dataclass(frozen=True)
class Seen:
    """What a model imports.

    Args:
        distributions: Names of the distributions, sorted.
        predicted: Whether the model was asked its input example; otherwise it was only loaded.
    """

    distributions: Sequence[str]
    predicted: bool


def watch(folder: Path, *, trust: bool, timeout_s: float) -> Seen:
    """Loads a model in a new process, asks it its input example, and says what was imported.

    Raises:
        WatchFailed: That did not work; the text says why.
    """
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        request, answer = Path(scratch) / "request.json", Path(scratch) / "answer.json"
        request.write_text(json.dumps({"folder": str(folder.resolve()), "trust": trust, "answer": str(answer)}))
        # The code of the user may be where only this process looks, such as beside the script that it runs.
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        command = [sys.executable, "-m", "milepost.models.environments._import_watcher", str(request)]
        try:
            run(command, timeout_s=timeout_s, cwd=Path(scratch), env=env)
        except ProcessFailed as failure:
            raise WatchFailed(str(failure)) from None
        found: dict[str, Any] = json.loads(answer.read_text())
        if "failure" in found:
            raise WatchFailed(found["failure"])
    return Seen(found["distributions"], found["predicted"])


def imported_by(sources: Iterable[Path]) -> list[str]:
    """Distributions that Python files import by name, wherever in them; sorted.

    Quick, and blind to what is imported by other means. Files that cannot be parsed say nothing, and neither do imports
    of modules that no installed distribution has.

    Args:
        sources: Files, or folders that are searched for them.
    """
    names = {name for source in sources for file in _python_files(source) for name in _imported_names(file)}
    return sorted({owner for name in names for owner in owners(name)} - OWN, key=str.lower)


def brought_by(data: Any) -> list[str]:
    """Distributions of the class of some data, such as pandas for a data frame: who asks the model needs them too."""
    return [name for name in owners(type(data).__module__) if name not in OWN]


def _python_files(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield from (path for path in sorted(source.rglob("*.py")) if path.is_file())
    elif source.suffix == ".py":
        yield source


def _imported_names(file: Path) -> Iterator[str]:
    if file.stat().st_size > _MAX_SOURCE_BYTES:
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
