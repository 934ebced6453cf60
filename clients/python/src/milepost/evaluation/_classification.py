"""Metrics and curves of classifiers, by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics

from milepost.evaluation._inputs import Answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 10

Tables = dict[str, Mapping[str, Sequence[Any]]]


def classification_metrics(
    truth: NDArray[Any], answers: Answers, weights: NDArray[np.float64] | None, positive: Any
) -> dict[str, float]:
    """Metrics of labels, and of probabilities where there are some.

    Args:
        truth: The right labels, shape `(rows,)`.
        answers: What the model says.
        weights: Weight of each row; None for equal ones.
        positive: The positive class where there are two; None where there are more. Precision, recall and F1 are then
            means over the classes, weighted by their frequency.
    """
    predicted = answers.predicted
    averaged: dict[str, Any] = {"average": "weighted"} if positive is None else {"pos_label": positive}
    averaged |= {"sample_weight": weights, "zero_division": 0.0}
    found = {
        "example_count": float(len(truth)),
        "accuracy": metrics.accuracy_score(truth, predicted, sample_weight=weights),
        # The mean recall of the classes that there are.
        "balanced_accuracy": metrics.recall_score(
            truth, predicted, labels=np.unique(truth), average="macro", sample_weight=weights, zero_division=0.0
        ),
        "precision": metrics.precision_score(truth, predicted, **averaged),
        "recall": metrics.recall_score(truth, predicted, **averaged),
        "f1": metrics.f1_score(truth, predicted, **averaged),
    }
    if len(np.union1d(truth, predicted)) > 1:
        found["matthews_correlation"] = metrics.matthews_corrcoef(truth, predicted, sample_weight=weights)
    if positive is not None:
        hit, said = truth == positive, predicted == positive
        found |= {
            "true_positives": float(np.sum(hit & said)),
            "false_positives": float(np.sum(~hit & said)),
            "false_negatives": float(np.sum(hit & ~said)),
            "true_negatives": float(np.sum(~hit & ~said)),
        }
    return {name: float(value) for name, value in (found | _score_metrics(truth, answers, weights, positive)).items()}


def _score_metrics(
    truth: NDArray[Any], answers: Answers, weights: NDArray[np.float64] | None, positive: Any
) -> dict[str, float]:
    scores, classes = answers.scores, answers.classes
    if scores is None or classes is None:
        return {}
    found = {"log_loss": metrics.log_loss(truth, scores, labels=classes, sample_weight=weights)}
    if len(np.unique(truth)) < 2:
        # Areas under curves need rows of two classes at least.
        return found
    if positive is not None:
        score = scores[:, _place(classes, positive)]
        hit = truth == positive
        found |= {
            "roc_auc": metrics.roc_auc_score(hit, score, sample_weight=weights),
            "average_precision": metrics.average_precision_score(hit, score, sample_weight=weights),
            "brier_score": metrics.brier_score_loss(hit, score, sample_weight=weights),
            "calibration_error": _calibration_error(hit, score),
        }
    elif set(np.unique(truth)) == set(classes):
        found["roc_auc"] = metrics.roc_auc_score(
            truth, scores, labels=classes, multi_class="ovr", average="weighted", sample_weight=weights
        )
    return found


def classification_tables(truth: NDArray[Any], answers: Answers, positive: Any) -> Tables:
    """The confusion matrix, and where there are probabilities the curves: of each class, or of the positive one."""
    labels = np.unique(np.concatenate([truth, answers.predicted]))
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(matrix, (np.searchsorted(labels, truth), np.searchsorted(labels, answers.predicted)), 1)
    tables: Tables = {
        "confusion_matrix": {
            "actual": [label.item() for label in labels for _ in labels],
            "predicted": [label.item() for _ in labels for label in labels],
            "count": matrix.ravel().tolist(),
        }
    }
    if answers.scores is None or answers.classes is None:
        return tables
    wanted = list(answers.classes) if positive is None else [positive]
    tables["roc_curve"] = _curves(truth, answers, wanted, ("false_positive_rate", "true_positive_rate"), _roc)
    tables["precision_recall_curve"] = _curves(truth, answers, wanted, ("recall", "precision"), _precision_recall)
    tables["calibration_curve"] = _curves(
        truth, answers, wanted, ("mean_predicted", "fraction_of_positives"), _calibration
    )
    return tables


def _curves(
    truth: NDArray[Any], answers: Answers, wanted: Sequence[Any], names: tuple[str, str], curve: Any
) -> Mapping[str, Sequence[Any]]:
    assert answers.scores is not None
    assert answers.classes is not None
    columns: dict[str, list[Any]] = {"class": [], names[0]: [], names[1]: []}
    for label in wanted:
        hit = truth == label
        if hit.all() or not hit.any():
            # One side has no rows, so there are no rates.
            continue
        xs, ys = curve(hit, answers.scores[:, _place(answers.classes, label)])
        columns["class"] += [label.item() if hasattr(label, "item") else label] * len(xs)
        columns[names[0]] += xs.tolist()
        columns[names[1]] += ys.tolist()
    return columns


def _roc(hit: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[Any, Any]:
    false_rate, true_rate, _ = metrics.roc_curve(hit, score)
    return false_rate, true_rate


def _precision_recall(hit: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[Any, Any]:
    precision, recall, _ = metrics.precision_recall_curve(hit, score)
    return recall, precision


def _calibration(hit: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[Any, Any]:
    """Mean score, and part of the rows that are of the class, in bins of equal width that have rows."""
    place = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    filled = count > 0
    mean = np.bincount(place, score, _BINS)[filled] / count[filled]
    part = np.bincount(place, hit, _BINS)[filled] / count[filled]
    return mean, part


def _calibration_error(hit: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Expected calibration error: mean distance of the calibration curve, weighted by rows (Naeini et al., 2015)."""
    place = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    mean, part = _calibration(hit, score)
    count = np.bincount(place, minlength=_BINS)
    return float(np.sum(np.abs(mean - part) * count[count > 0]) / len(score))


def _place(classes: NDArray[Any], label: Any) -> int:
    return int(np.flatnonzero(classes == label)[0])
