"""Estimators of LightGBM's scikit-learn interface as text: the booster in LightGBM's own, all else as JSON beside it.

LightGBM's text holds trees and names of columns. An estimator has in addition its arguments and what it learned around
the trees, such as the names of the classes. All of these are plain values; nothing that is read is called or imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require

CLASSES = ("LGBMClassifier", "LGBMModel", "LGBMRanker", "LGBMRegressor")
# What attributes are: LightGBM's own objects are written apart, or by what they hold.
BOOSTER = "_Booster"
LABELS = "_le"
ARRAY_KINDS = "biufUTO"


def write(estimator: Any, folder: Path, text: str, state: str) -> None:
    """Writes an estimator as two files.

    Args:
        estimator: A fitted estimator.
        folder: Where to.
        text: Name of the file for the booster.
        state: Name of the file for the rest.

    Raises:
        ModelFormatError: An attribute is no plain value; the message names it.
    """
    attributes = dict(vars(estimator))
    booster = attributes.pop(BOOSTER)
    if LABELS in attributes:
        attributes[LABELS] = attributes[LABELS].classes_
    plain = {name: encoded(value, name, type(estimator).__name__) for name, value in attributes.items()}
    # All trees: by itself LightGBM writes those up to the best iteration only.
    booster.save_model(folder / text, num_iteration=-1)
    document = {"class": type(estimator).__name__, "best_iteration": booster.best_iteration, "attributes": plain}
    (folder / state).write_text(json.dumps(document, indent=1), encoding="utf-8")


def read(text: Path, state: Path, name: str) -> Any:
    """Reads what `write` wrote.

    Args:
        text: File of the booster.
        state: File of the rest.
        name: The class that the descriptor says.

    Raises:
        ModelFormatError: The files are not what they should be.
    """
    library, preprocessing = require("lightgbm", "lightgbm"), require("sklearn.preprocessing", "sklearn")
    try:
        document = json.loads(state.read_text(encoding="utf-8"))
        if document["class"] != name:
            raise ValueError(f"it is of a {document['class']}, but MLmodel says {name}")
        attributes = {key: decoded(value) for key, value in document["attributes"].items()}
        best_iteration = int(document["best_iteration"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFormatError(f"{state.name}: the state of the estimator cannot be read: {error!r}") from error
    kind = getattr(library, name)
    for key in attributes:
        if callable(getattr(kind, key, None)) or key.startswith("__"):
            raise ModelFormatError(f"{state.name}: {key!r} is no attribute of a {name}.")
    estimator = kind()
    if LABELS in attributes:
        labels = preprocessing.LabelEncoder()
        labels.classes_ = attributes[LABELS]
        attributes[LABELS] = labels
    booster = read_booster(text)
    booster.best_iteration = best_iteration
    vars(estimator).update(attributes)
    setattr(estimator, BOOSTER, booster)
    return estimator


def read_booster(text: Path) -> Any:
    """Reads LightGBM's own text.

    Raises:
        ModelFormatError: It is none.
    """
    library = require("lightgbm", "lightgbm")
    try:
        return library.Booster(model_file=text)
    except Exception as error:  # a wrong file can raise nearly anything
        raise ModelFormatError(f"{text.name}: LightGBM {library.__version__} cannot read it: {error}") from error


def encoded(value: Any, name: str, kind: str) -> Any:
    """A value as JSON. Lists stand for themselves; arrays, mappings and tuples are objects that say what they are."""
    numpy = require("numpy", "models")
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, numpy.generic)):
        return value
    if isinstance(value, numpy.generic) and value.dtype.kind in ARRAY_KINDS:
        return encoded(value.item(), name, kind)
    if isinstance(value, list):
        return [encoded(each, name, kind) for each in value]
    if isinstance(value, tuple):
        return {"tuple": [encoded(each, name, kind) for each in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[encoded(key, name, kind), encoded(each, name, kind)] for key, each in value.items()]}
    if isinstance(value, numpy.ndarray) and value.ndim == 1 and value.dtype.kind in ARRAY_KINDS:
        return {"array": [encoded(each, name, kind) for each in value.tolist()], "dtype": value.dtype.str}
    raise ModelFormatError(
        f"The attribute {name!r} of this {kind} is a {type(value).__name__}, which the format 'text' cannot hold. Save "
        "its booster_, or pass format='skops', 'pickle' or 'cloudpickle'; the last two run code when they are loaded."
    )


def decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(decoded(each) for each in value["tuple"])
    if "mapping" in value:
        return {decoded(key): decoded(each) for key, each in value["mapping"]}
    numpy = require("numpy", "models")
    dtype = numpy.dtypes.StringDType() if "T" in value["dtype"] else numpy.dtype(value["dtype"])
    if dtype.kind not in ARRAY_KINDS:
        raise ValueError(f"arrays of {dtype}")
    return numpy.array(decoded(value["array"]), dtype=dtype)
