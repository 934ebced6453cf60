"""Evaluation tells which features a model goes by, where SHAP is installed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from milepost.evaluation import EvaluationResult, evaluate

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(120, 3))
# The first feature says most, the last nothing.
NUMBERS = 5 * ROWS[:, 0] + ROWS[:, 1]
LABELS = np.where(NUMBERS > 0, "yes", "no")

pytestmark = [
    # SHAP compiles its loops by numba when it is first asked, which takes a while.
    pytest.mark.timeout(300),
    # Its colour maps, made while it is imported, use what matplotlib will drop.
    pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning"),
]


def features_of(result: EvaluationResult) -> list[str]:
    """Names of features, that which says most first."""
    assert "feature_importance" in result.figures
    return list(result.tables["feature_importance"]["feature"])


def test_features_of_a_regressor_are_sorted_by_their_strength() -> None:
    model = LinearRegression().fit(ROWS, NUMBERS)
    result = evaluate(model, ROWS, NUMBERS, model_type="regressor")
    assert features_of(result) == ["feature_0", "feature_1", "feature_2"]
    strength = result.tables["feature_importance"]["mean_absolute_shap"]
    assert strength[0] > 4 * strength[1] > 0
    assert strength[2] == pytest.approx(0, abs=1e-9)


def test_features_of_a_data_frame_have_the_names_of_its_columns() -> None:
    frame = pd.DataFrame(ROWS, columns=["much", "little", "nothing"])
    model = LogisticRegression().fit(frame, LABELS)
    assert features_of(evaluate(model, frame, LABELS, model_type="classifier"))[0] == "much"


def test_a_classifier_of_texts_without_probabilities_is_explained() -> None:
    def model(rows: np.ndarray) -> np.ndarray:
        return np.where(rows[:, 0] > 0, "yes", "no")

    assert features_of(evaluate(model, ROWS, LABELS, model_type="classifier"))[0] == "feature_0"


def test_nothing_is_explained_when_that_is_not_wanted() -> None:
    model = LinearRegression().fit(ROWS, NUMBERS)
    assert "feature_importance" not in evaluate(model, ROWS, NUMBERS, model_type="regressor", explain=False).tables
