"""What `milepost models validate` looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from milepost.cli._output import console
from milepost.cli._text import count, printable

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Check:
    """What one check found.

    Args:
        name: What was looked at.
        status: `warn` does not make a model invalid.
        detail: One sentence.
        reason: Stable name of the failure; empty when there is none.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """As JSON values."""
        return vars(self).copy()


def print_check(check: Check) -> None:
    """Prints one line."""
    from rich.text import Text

    line = Text.assemble(
        (f"{check.status:<4}", _STYLES[check.status]), f"  {check.name:<11}  {printable(check.detail)}"
    )
    console().print(line, soft_wrap=True)


def checks(folder: Path, *, predict: bool, trust: bool) -> Iterator[Check]:
    """Runs the checks one after the other; one that fails ends them, as the rest would fail for the same reason."""
    looks: list[tuple[str, Callable[[], Check]]] = [
        ("descriptor", lambda: _descriptor(folder)),
        ("files", lambda: _files(folder)),
        ("environment", lambda: _environment(folder)),
    ]
    if predict:
        looks += [("load", lambda: _load(folder, trust, loaded)), ("example", lambda: _example(folder, loaded))]
    loaded: list[Any] = []
    for name, look in looks:
        check = _checked(name, look)
        yield check
        if check.status == "fail":
            return


def _checked(name: str, look: Callable[[], Check]) -> Check:
    from milepost.cli._failures import reason_of
    from milepost.errors import MilepostError

    try:
        return look()
    except (MilepostError, OSError) as error:
        return Check(name, "fail", " ".join(str(error).split()), reason_of(error))


def _descriptor(folder: Path) -> Check:
    from milepost.models.format.descriptor import ModelDescriptor

    found = ModelDescriptor.read(folder)
    if found.signature is None:
        return Check("descriptor", "warn", f"flavors {', '.join(found.flavors)}; no signature, so data are not checked")
    return Check("descriptor", "ok", f"flavors {', '.join(found.flavors)}; with a signature")


def _files(folder: Path) -> Check:
    from milepost.models.format.descriptor import ModelDescriptor
    from milepost.models.format.manifest import verify_manifest

    verified = verify_manifest(folder, required=bool(ModelDescriptor.read(folder).milepost_version))
    if verified is None:
        return Check("files", "warn", "the model has no manifest, so nothing shows whether files were changed")
    return Check("files", "ok", f"{count(len(verified), 'file')} as saved")


def _environment(folder: Path) -> Check:
    from milepost.models.environments.environment import read_environment

    found = read_environment(folder)
    lines = f"{count(len(found.requirements), 'requirement')}, Python {found.python or 'not named'}"
    unpinned = [line for line in found.requirements if "==" not in line and "@" not in line and line[:1] != "-"]
    if unpinned:
        return Check("environment", "warn", f"{lines}; without exact version: {', '.join(unpinned)}")
    return Check("environment", "ok", lines)


def _load(folder: Path, trust: bool, loaded: list[Any]) -> Check:
    from milepost import pyfunc

    model = pyfunc.load_model(folder, trust=trust, verify=False)
    loaded.append(model)
    return Check("load", "ok", f"loaded by the flavor {model.flavor}")


def _example(folder: Path, loaded: list[Any]) -> Check:
    from milepost.models.batch.predicting import asked
    from milepost.models.format.examples import read_example

    model = loaded[0]
    if model.metadata.input_example is None:
        return Check("example", "warn", "the model has no input example to answer")
    data, params = read_example(folder, model.metadata)
    answer = asked(model, data, params)
    return Check("example", "ok", f"answered by a {type(answer).__name__}")
