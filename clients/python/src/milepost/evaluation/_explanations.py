"""Which features a model goes by, by SHAP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from milepost.models._lazy import require

# Explaining a row asks the model hundreds of times.
_EXPLAINED_ROWS = 200
_BACKGROUND_ROWS = 50


def can_explain() -> bool:
    """Whether SHAP is installed."""
    return find_spec("shap") is not None


def importance_table(answer: Callable[[Any], Any], features: Any) -> dict[str, Mapping[str, Sequence[Any]]]:
    """Mean absolute SHAP value of each feature over some rows and all answers, greatest first.

    Args:
        answer: Numbers that the model gives for rows like these, shape `(rows, answers)`.
        features: An array of shape `(rows, features)` or a data frame; the first rows are explained.

    Raises:
        MissingPackage: SHAP is not installed.
    """
    shap = require("shap", "explanations")
    columns = getattr(features, "columns", None)
    rows = np.asarray(features)
    names = (
        [f"feature_{place}" for place in range(rows.shape[1])] if columns is None else [str(name) for name in columns]
    )

    def ask(some: Any) -> Any:
        return answer(some if columns is None else type(features)(some, columns=columns))

    explainer = shap.Explainer(ask, shap.maskers.Independent(rows, max_samples=_BACKGROUND_ROWS), seed=0)
    found = explainer(rows[:_EXPLAINED_ROWS], silent=True)
    strength = np.abs(found.values).reshape(*found.values.shape[:2], -1).mean(axis=(0, 2))
    order = np.argsort(-strength, kind="stable")
    return {
        "feature_importance": {
            "feature": [names[place] for place in order],
            "mean_absolute_shap": [float(strength[place]) for place in order],
        }
    }
