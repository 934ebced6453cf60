"""The one place that pickles and unpickles. Unpickling runs code of the file's, so it needs the reader's trust."""

from __future__ import annotations

import pickle  # writing and reading it is what this module is for
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, UntrustedModel
from milepost.models._lazy import require

PICKLE = "pickle"
CLOUDPICKLE = "cloudpickle"
FORMATS = (PICKLE, CLOUDPICKLE)
EXTRA = "pickle"


def write(model: object, path: Path, format_: str) -> None:
    """Pickles an object into a new file.

    Args:
        model: What to pickle.
        path: The file.
        format_: `pickle`, which finds classes and functions by their import names when it is read, or `cloudpickle`,
            which brings along those of scripts and notebooks.

    Raises:
        MissingPackage: cloudpickle is asked for and not installed.
        ModelFormatError: The object cannot be pickled.
    """
    library: Any = _library(format_)
    try:
        with path.open("wb") as file:
            library.dump(model, file, protocol=pickle.DEFAULT_PROTOCOL)
    except Exception as failed:
        kind = type(model).__qualname__
        hint = " format='cloudpickle' may do." if format_ == PICKLE else ""
        raise ModelFormatError(f"A {kind} cannot be stored as {format_}: {failed}.{hint}") from failed


def read(path: Path, format_: str, *, trust: bool) -> Any:
    """Unpickles a file.

    Args:
        path: The file, which `inside` has checked.
        format_: `pickle` or `cloudpickle`.
        trust: Whether the reader allows code of the model's to run.

    Raises:
        UntrustedModel: The reader does not; nothing of the file was read.
        MissingPackage: The file needs cloudpickle, which is not installed.
        ModelFormatError: The file is no such pickle, or needs what is not installed.
    """
    if not trust:
        raise UntrustedModel(f"{path.name!r} is a pickle, and loading it runs code that it holds")
    library: Any = _library(format_)
    try:
        with path.open("rb") as file:
            return library.load(file)
    except ModuleNotFoundError as missing:
        raise ModelFormatError(
            f"{path.name} needs the Python module {missing.name!r}, which is not installed. The model's "
            "requirements.txt says what it was saved with."
        ) from missing
    except Exception as failed:
        raise ModelFormatError(f"{path.name} cannot be unpickled: {type(failed).__name__}: {failed}") from failed


def _library(format_: str) -> Any:
    if format_ == PICKLE:
        return pickle
    if format_ == CLOUDPICKLE:
        return require("cloudpickle", EXTRA)
    raise ModelFormatError(f"serialization_format is {format_!r}; of pickles there are {' and '.join(FORMATS)}.")
