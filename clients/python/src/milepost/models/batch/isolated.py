"""A file of rows through a model in an environment of its own."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from milepost import errors
from milepost.errors import MilepostError, MissingPackage, ModelError
from milepost.models.batch.predicting import Asking, Progress
from milepost.models.batch.writing import appearing_file
from milepost.models.environments._processes import ProcessFailed, run
from milepost.models.environments.isolation import DEFAULT_BUILD_TIMEOUT_S, Built, Manager, build_environment

DEFAULT_PREDICT_TIMEOUT_S = 3600.0

_FOLLOW_S = 0.1
_PLAINLY = Asking()


def predict_in_environment(
    folder: Path,
    data: Path,
    output: Path,
    *,
    asking: Asking = _PLAINLY,
    manager: Manager | None = None,
    trust: bool = False,
    build_timeout_s: float = DEFAULT_BUILD_TIMEOUT_S,
    timeout_s: float = DEFAULT_PREDICT_TIMEOUT_S,
    progress: Progress | None = None,
) -> int:
    """Asks a model in its own environment, files in and out; `milepost.models.batch` has their formats.

    Args:
        folder: The model's folder.
        data: File with the batch, its format by its suffix.
        output: File for the answer, its format by its suffix. It is replaced only by a complete answer.
        asking: Params, and how many rows at once.
        manager: As in `build_environment`.
        trust: Whether code that comes with the model may run, and its requirements may come from anywhere.
        build_timeout_s: Seconds that making the environment may take.
        timeout_s: Seconds that loading and predicting may take.
        progress: Called now and then, from a thread.

    Returns:
        The number of rows that the model was asked.

    Raises:
        ModelError: As `build_environment`; or the process failed or took too long.
        OSError: There is no folder for the output.
        MilepostError: What loading and predicting raise, as it would be here.
    """
    with appearing_file(output) as new:
        built = build_environment(folder, manager=manager, trust=trust, timeout_s=build_timeout_s)
        paths = {"folder": folder, "data": data, "output": new}
        request = {"asking": asdict(asking), "trust": trust}
        return _ask(built, paths, request, timeout_s, progress or (lambda rows, share: None))


def _ask(
    built: Built, paths: Mapping[str, Path], request: Mapping[str, Any], timeout_s: float, progress: Progress
) -> int:
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        asked, answer, told = (Path(scratch) / name for name in ("request.json", "answer.json", "progress.json"))
        absolute = {name: str(path.resolve()) for name, path in {**paths, "answer": answer, "progress": told}.items()}
        asked.write_text(json.dumps({**request, **absolute}))
        # -I: neither variables of this process nor files beside it decide what is imported there.
        command = [str(built.python), "-I", "-m", "milepost.models.batch._worker", str(asked)]
        try:
            with _followed(told, progress):
                run(command, timeout_s=timeout_s, cwd=Path(scratch))
        except ProcessFailed as failure:
            raise _failure_of(answer) or ModelError(f"The model failed in its environment: {failure}") from None
        return _progress_of(told)[0]


@contextmanager
def _followed(told: Path, progress: Progress) -> Iterator[None]:
    """Passes on what the other process writes of its progress. Models print what they like, so it is a file."""
    ended = threading.Event()

    def follow() -> None:
        last = (0, 0.0)
        while not ended.wait(_FOLLOW_S):
            if (found := _progress_of(told)) != last:
                last = found
                progress(*found)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _progress_of(told: Path) -> tuple[int, float]:
    if not told.exists():
        return 0, 0.0
    rows, share = json.loads(told.read_text())
    return rows, share


def _failure_of(answer: Path) -> Exception | None:
    """The error that the other process says it met, of the same class; None when it ended without a word."""
    if not answer.exists():
        return None
    told = json.loads(answer.read_text())
    kind = getattr(errors, told["error"], None)
    if not (isinstance(kind, type) and issubclass(kind, MilepostError)):
        kind = ModelError
    if kind is MissingPackage:
        package = told["details"]["package"]
        return ModelError(
            f"The environment of the model has no {package}, since its requirements do not name it. Add it: "
            f"milepost models update-requirements FOLDER --add {package}"
        )
    raised: Exception = kind.__new__(kind, told["message"])
    raised.__dict__.update(told["details"])
    return raised
