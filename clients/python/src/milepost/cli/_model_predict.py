"""`milepost models predict`: a file in, a file or standard output out."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, cast

import typer

from milepost.cli._model_environment import checked_manager


def predict_file(
    folder: Path, data: Path, output: Path | None, where: str, params: str, *, trust: bool, timeout_s: float
) -> dict[str, Any]:
    """Asks a model; prints the answer when there is no file for it. Says what was written, as JSON values.

    Raises:
        MilepostError: Loading, predicting or making the environment failed.
        typer.BadParameter: An option is wrong.
    """
    from milepost.models._data_files import check_suffixes

    check_suffixes(data, *([output] if output else []))
    with data.open("rb"):  # a wrong path is told before anything is loaded or built
        pass
    given = _params(params)
    if output is not None:
        _answer(folder, data, output, where, given, trust, timeout_s)
        return {"path": str(output), "env": where}
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        answer = Path(scratch) / "answer.json"
        _answer(folder, data, answer, where, given, trust, timeout_s)
        typer.echo(answer.read_text(encoding="utf-8"), nl=False)
    return {}


def _answer(
    folder: Path, data: Path, output: Path, where: str, params: dict[str, Any], trust: bool, timeout_s: float
) -> None:
    if where == "local":
        from milepost.models.environments._worker import answer_file

        answer_file(folder, data, output, params, trust=trust)
        return
    from milepost.models.environments.isolation import predict_in_environment

    manager = checked_manager(where, "--env")
    predict_in_environment(folder, data, output, params=params, manager=manager, trust=trust, timeout_s=timeout_s)


def _params(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}.", param_hint="--params") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f'{text!r} is not an object such as {{"top_k": 3}}.', param_hint="--params")
    return cast(dict[str, Any], found)
