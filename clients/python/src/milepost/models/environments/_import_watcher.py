"""The process that watches what a model imports: `python -m milepost.models.environments._import_watcher REQUEST.json`.

Libraries also import what they can do without, if it happens to be there: scikit-learn imports pytest. So it counts
who imports. What the model's own code imports, and what its flavor loads, is needed. What a needed library imports is
needed when the library says so in its metadata, or looks it up by a name at run time, as for plugins.
"""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from milepost.models.environments._distributions import OWN, canonical, may_need, needed_by_client, owners

_OURS = "milepost"


@dataclass(frozen=True)
class _Import:
    """One module asked for by another; `by_name` when a function did it, not a statement."""

    importer: str
    module: str
    by_name: bool


class _Recorder:
    """Notes all imports of a block, also of modules that were loaded before."""

    def __init__(self) -> None:
        self.imports: set[_Import] = set()
        self._import = builtins.__import__
        self._import_module = importlib.import_module

    def __enter__(self) -> _Recorder:
        builtins.__import__ = self._statement
        importlib.import_module = self._call
        return self

    def __exit__(self, *_: object) -> None:
        builtins.__import__ = self._import
        importlib.import_module = self._import_module

    def _statement(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        caller = sys._getframe(1).f_globals if globals is None else globals
        importer = str(caller.get("__name__") or "")
        # The machinery imports the parents of what was asked for; modules in C do not say who they are.
        if importer and not level and not importer.startswith("importlib."):
            for module in (name, *(f"{name}.{one}" for one in fromlist or ())):
                self.imports.add(_Import(importer, module, by_name=False))
        return self._import(name, globals, locals, fromlist or (), level)

    def _call(self, name: str, package: str | None = None) -> ModuleType:
        if not name.startswith("."):
            importer = str(sys._getframe(1).f_globals.get("__name__") or "")
            self.imports.add(_Import(importer, name, by_name=True))
        return self._import_module(name, package)


def _main(request_file: str) -> None:
    request = json.loads(Path(request_file).read_text())
    Path(request["answer"]).write_text(json.dumps(_watched(Path(request["folder"]), request["trust"])))


def _watched(folder: Path, trust: bool) -> dict[str, Any]:
    load = _loader()
    try:
        with _Recorder() as recorder:
            predicted = load(folder, trust)
    except Exception as error:  # whatever the model's own code raises
        return {"failure": f"{type(error).__name__}: {error}"}
    return {"distributions": _needed(recorder.imports, folder), "predicted": predicted}


def _needed(imports: set[_Import], folder: Path) -> list[str]:
    """The distributions that a model needs, of those that were imported."""

    @cache
    def of(module: str) -> frozenset[str]:
        file = getattr(sys.modules.get(module), "__file__", None)
        if isinstance(file, str) and Path(file).is_relative_to(folder):
            return frozenset()
        return frozenset(owners(module, file if isinstance(file, str) else None))

    found: set[str] = set()
    by_library: dict[str, set[str]] = {}
    for one in imports:
        imported = of(one.module) - OWN
        libraries = of(one.importer) - OWN
        if one.importer.partition(".")[0] == _OURS:
            found |= {name for name in imported if canonical(name) not in needed_by_client()}
        elif not libraries:  # code of the model, or of the standard library in its name, such as pickle
            found |= imported
        for library in libraries:
            told = {name for name in imported if one.by_name or canonical(name) in may_need(library)}
            by_library.setdefault(library, set()).update(told)
    waiting = list(found)
    while waiting:
        new = by_library.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return sorted(found, key=str.lower)


def _loader() -> Callable[[Path, bool], bool]:
    """Loads a model, asks it its example, and says whether there was one; what it needs itself is imported now."""
    from milepost import pyfunc
    from milepost.models.format.examples import read_example

    def load(folder: Path, trust: bool) -> bool:
        model = pyfunc.load_model(folder, trust=trust, verify=False)
        if model.metadata.input_example is None:
            return False
        data, params = read_example(folder, model.metadata)
        model.predict(data, params)
        return True

    return load


if __name__ == "__main__":
    _main(sys.argv[1])
