"""Metrics and tables of regressors, by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A table of all rows would be as large as the data.
_SHOWN_ROWS = 5000


def regression_metrics(
    truth: NDArray[Any], predicted: NDArray[Any], weights: NDArray[np.float64] | None
) -> dict[str, float]:
    """Metrics of predicted numbers, both of shape `(rows,)`."""
    weighted = {"sample_weight": weights}
    found = {
        "example_count": len(truth),
        "mean_absolute_error": metrics.mean_absolute_error(truth, predicted, **weighted),
        "mean_squared_error": metrics.mean_squared_error(truth, predicted, **weighted),
        "root_mean_squared_error": metrics.root_mean_squared_error(truth, predicted, **weighted),
        "median_absolute_error": metrics.median_absolute_error(truth, predicted, **weighted),
        "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error(truth, predicted, **weighted),
        "max_error": metrics.max_error(truth, predicted),
        "mean_error": np.average(predicted - truth, weights=weights),
    }
    if len(truth) > 1:
        found["r2"] = metrics.r2_score(truth, predicted, **weighted)
        found["explained_variance"] = metrics.explained_variance_score(truth, predicted, **weighted)
    return {name: float(value) for name, value in found.items()}


def regression_tables(truth: NDArray[Any], predicted: NDArray[Any]) -> dict[str, Mapping[str, Sequence[Any]]]:
    """Truth, prediction and residual of some rows, evenly spread over the data."""
    rows = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), _SHOWN_ROWS)).astype(np.int64))
    shown = {"row": rows, "actual": truth[rows], "predicted": predicted[rows]}
    shown["residual"] = shown["actual"] - shown["predicted"]
    return {"residuals": {name: column.tolist() for name, column in shown.items()}}
