"""Trains scikit-learn models on its bundled data and tracks them, as a data scientist would.

One parent run per data set holds a nested run for each point of a small grid. Nothing here knows that it is a demo:
with a server at hand, the same lines work in any script or notebook.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss, mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import milepost

mpl.use("Agg")

Say = Callable[[str], None]

EPOCHS = 20


def train_digits(say: Say) -> None:
    """Classifies handwritten digits: linear models by stochastic gradient descent, a metric for each epoch."""
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = _digits_split(x, y)
    dataset = milepost.data.from_numpy(x, targets=y, name="digits", source="sklearn.datasets.load_digits")

    with milepost.start_run(experiment="demo-digits", run_name="grid", tags={"stage": "search"}):
        milepost.log_input(dataset, context="training")
        for alpha, rate in product((1e-5, 1e-3, 1e-2), (0.01, 0.1)):
            with milepost.start_run(nested=True, params={"alpha": alpha, "learning_rate": rate, "epochs": EPOCHS}):
                model = SGDClassifier(loss="log_loss", alpha=alpha, learning_rate="constant", eta0=rate, random_state=0)
                for epoch in range(EPOCHS):
                    model.partial_fit(x_train, y_train, classes=np.unique(y))
                    milepost.log_metrics(
                        {
                            "train/loss": log_loss(y_train, model.predict_proba(x_train)),
                            "test/loss": log_loss(y_test, model.predict_proba(x_test)),
                            "test/accuracy": accuracy_score(y_test, model.predict(x_test)),
                        },
                        step=epoch,
                    )
                predicted = model.predict(x_test)
                milepost.log_figure(_confusion_matrix(y_test, predicted), "plots/confusion_matrix.png")
                milepost.log_dict(_report(y_test, predicted), "report.json")
                milepost.log_model(model, "classifier", input_example=x_test[:3], model_type="classifier")
                say(f"  alpha={alpha:<6g} learning_rate={rate:<5g} accuracy={accuracy_score(y_test, predicted):.4f}")


def train_diabetes(say: Say) -> None:
    """Predicts the progression of diabetes: gradient boosting, a metric for each tree."""
    data = load_diabetes()
    x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.25, random_state=0)
    dataset = milepost.data.from_numpy(
        data.data, targets=data.target, name="diabetes", source="sklearn.datasets.load_diabetes"
    )

    with milepost.start_run(experiment="demo-diabetes", run_name="grid", tags={"stage": "search"}):
        milepost.log_input(dataset, context="training")
        for depth, trees in product((1, 2, 3), (50, 150)):
            with milepost.start_run(nested=True, params={"max_depth": depth, "n_estimators": trees}):
                booster = GradientBoostingRegressor(max_depth=depth, n_estimators=trees, random_state=0)
                model = make_pipeline(StandardScaler(), booster)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    model.fit(x_train, y_train)
                scaled = model[0].transform(x_test)
                for tree, predicted in enumerate(booster.staged_predict(scaled)):
                    milepost.log_metric("test/mae", mean_absolute_error(y_test, predicted), step=tree)
                r2 = r2_score(y_test, model.predict(x_test))
                milepost.log_metric("test/r2", r2)
                milepost.log_model(model, "regressor", input_example=x_test[:3], model_type="regressor")
                say(f"  max_depth={depth} n_estimators={trees:<3} r2={r2:.4f}")


def digits_to_test() -> tuple[Any, Any]:
    """The digits that no model has seen, and what they are."""
    _, x_test, _, y_test = _digits_split(*load_digits(return_X_y=True))
    return x_test, y_test


def _digits_split(x: Any, y: Any) -> Any:
    return train_test_split(x / 16.0, y, test_size=0.25, random_state=0, stratify=y)


def _confusion_matrix(expected: Any, predicted: Any) -> Figure:
    figure = Figure(figsize=(5, 5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(expected, predicted, ax=figure.subplots(), colorbar=False)
    return figure


def _report(expected: Any, predicted: Any) -> dict[str, float]:
    """Accuracy for each digit."""
    return {str(digit): float((predicted[expected == digit] == digit).mean()) for digit in np.unique(expected)}
