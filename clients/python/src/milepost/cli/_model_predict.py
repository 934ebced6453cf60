"""`milepost models predict`: a file in, a file or standard output out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from milepost.cli._model_environment import checked_manager

if TYPE_CHECKING:
    from milepost.models.batch.predicting import Asking, Progress


def predict_file(
    folder: Path, data: Path, output: Path | None, where: str, asking: Asking, *, trust: bool, timeout_s: float
) -> dict[str, Any]:
    """Asks a model; prints the answer when there is no file for it. Says what was written, as JSON values.

    Raises:
        MilepostError: Loading, predicting or making the environment failed.
        typer.BadParameter: An option is wrong.
    """
    from milepost.models.batch.reading import check_suffixes

    check_suffixes(data, *([output] if output else []))
    with data.open("rb"):  # a wrong path is told before anything is loaded or built
        pass
    if output is not None:
        rows = _answer(folder, data, output, where, asking, trust, timeout_s)
        return {"path": str(output), "env": where, "rows": rows}
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        answer = Path(scratch) / "answer.json"
        _answer(folder, data, answer, where, asking, trust, timeout_s)
        with answer.open(encoding="utf-8", newline="") as file:
            shutil.copyfileobj(file, sys.stdout)
    return {}


def _answer(folder: Path, data: Path, output: Path, where: str, asking: Asking, trust: bool, timeout_s: float) -> int:
    with _bar(data.name) as progress:
        if where == "local":
            from milepost.models.batch import predicting
            from milepost.models.batch.writing import appearing_file

            with appearing_file(output) as new:
                return predicting.predict_file(folder, data, new, asking, trust=trust, progress=progress)
        from milepost.models.batch.isolated import predict_in_environment

        manager = checked_manager(where, "--env")
        return predict_in_environment(
            folder, data, output, asking=asking, manager=manager, trust=trust, timeout_s=timeout_s, progress=progress
        )


@contextmanager
def _bar(title: str) -> Iterator[Progress | None]:
    """Shows rows, their rate and what is left, where a person looks at it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from milepost.cli._output import console
    from milepost.cli._text import printable

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} a second", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(sys.stderr), transient=True) as shown:
        task = shown.add_task(printable(title), total=1.0, rows=0, rate=0.0)

        def update(rows: int, share: float) -> None:
            rate = rows / max(shown.tasks[0].elapsed or 0.0, 1e-6)
            shown.update(task, completed=share, rows=rows, rate=rate)

        yield update


def params_of(text: str) -> dict[str, Any]:
    """The params that an option gives.

    Raises:
        typer.BadParameter: It is no object of JSON.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}.", param_hint="--params") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f'{text!r} is not an object such as {{"top_k": 3}}.', param_hint="--params")
    return cast(dict[str, Any], found)
