"""What is evaluated: the answers of a model, the truth, and their weights, as arrays of one length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from milepost.models._lazy import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Answers:
    """What a model says of the rows of the data.

    Args:
        predicted: Labels, or numbers of a regressor, shape `(rows,)`.
        scores: Probabilities of the classes, float64, shape `(rows, classes)`; None when the model gives none.
        classes: The class of each column of `scores`, in its order.
    """

    predicted: NDArray[Any]
    scores: NDArray[np.float64] | None = None
    classes: NDArray[Any] | None = None


def split_targets(data: Any, targets: Any) -> tuple[Any, NDArray[Any]]:
    """Features and truth. Targets are an array of shape `(rows,)`, or the name of a column of a data frame.

    Raises:
        ValueError: There is no such column, or the numbers of rows differ, or there are none.
    """
    numpy = require("numpy", "models")
    if isinstance(targets, str):
        if targets not in getattr(data, "columns", ()):
            raise ValueError(f"targets: the data have no column {targets!r}")
        truth = numpy.asarray(data[targets])
        drop = data.drop
        # polars drops columns by name, pandas rows unless told otherwise.
        features = drop(columns=[targets]) if hasattr(data, "iloc") else drop(targets)
    else:
        features, truth = data, numpy.asarray(targets)
    if truth.ndim != 1:
        raise ValueError(f"targets: wanted one value for each row, got shape {truth.shape}")
    rows = len(features) if hasattr(features, "__len__") else len(truth)
    if rows != len(truth) or not rows:
        raise ValueError(f"targets: {len(truth)} values for {rows} rows of data; both must be the same and not 0")
    if truth.dtype.kind == "f" and not numpy.isfinite(truth).all():
        raise ValueError("targets: some values are NaN or infinite; leave these rows out")
    return features, truth


def loaded(model: Any, trust: bool) -> Any:
    """The model itself, loaded when a path or model URI is given. `trust`: whether code that comes with it may run."""
    if not isinstance(model, (str, PathLike)):
        return model
    from milepost import pyfunc

    return pyfunc.load_model(model, trust=trust)


def answers_of(model: Any, features: Any, classifier: bool) -> Answers:
    """Asks a model.

    Args:
        model: A `PyFuncModel`, an object with `predict`, or a function of the features.
        features: The rows.
        classifier: Whether probabilities are wanted beside the labels.

    Raises:
        TypeError: The model cannot be asked.
        ValueError: It answers another number of rows.
    """
    numpy = require("numpy", "models")
    predicted = numpy.asarray(_predict(model)(features))
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    rows = len(features)
    if predicted.ndim != 1 or len(predicted) != rows:
        raise ValueError(
            f"the model answers {rows} rows with shape {predicted.shape}; wanted one label or number for each"
        )
    native = model.unwrap() if hasattr(model, "unwrap") else model
    if not classifier or not hasattr(native, "predict_proba") or not hasattr(native, "classes_"):
        return Answers(predicted)
    scores = numpy.asarray(native.predict_proba(features), numpy.float64)
    return Answers(predicted, scores, numpy.asarray(native.classes_))


def numbers_of(model: Any, features: Any, known: Answers, classifier: bool) -> NDArray[np.float64]:
    """What a model answers, as numbers of shape `(rows, answers)`.

    A classifier's are its probabilities, or, when it gives none, 1 for the label that it chooses and 0 for the others.

    Args:
        model: As of `answers_of`.
        features: The rows.
        known: What it answered about other rows, whose labels are those that there are.
        classifier: Whether it answers labels.
    """
    numpy = require("numpy", "models")
    answers = answers_of(model, features, classifier)
    if answers.scores is not None:
        return answers.scores
    if not classifier:
        return answers.predicted.astype(numpy.float64)[:, None]
    chosen: NDArray[np.float64] = (answers.predicted[:, None] == numpy.unique(known.predicted)).astype(numpy.float64)
    return chosen


def _predict(model: Any) -> Callable[[Any], Any]:
    if hasattr(model, "predict"):
        predict: Callable[[Any], Any] = model.predict
        return predict
    if callable(model):
        function: Callable[[Any], Any] = model
        return function
    raise TypeError(
        f"model: a {type(model).__name__} cannot be asked. Pass a model URI, an object with predict(), or a function."
    )
