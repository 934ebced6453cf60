"""Which features a model goes by, by SHAP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def importance_table(model: Any, features: Any) -> dict[str, Mapping[str, Sequence[Any]]]:
    """Mean absolute SHAP value of each feature over some rows, greatest first.

    Args:
        model: An object with `predict` that takes rows like these.
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

    def predict(some: Any) -> Any:
        if columns is None:
            return model.predict(some)
        return model.predict(type(features)(some, columns=columns))

    explainer = shap.Explainer(predict, shap.maskers.Independent(rows, max_samples=_BACKGROUND_ROWS), seed=0)
    found = explainer(rows[:_EXPLAINED_ROWS], silent=True)
    strength = np.abs(found.values).mean(axis=0)
    order = np.argsort(-strength, kind="stable")
    return {
        "feature_importance": {
            "feature": [names[place] for place in order],
            "mean_absolute_shap": [float(strength[place]) for place in order],
        }
    }
