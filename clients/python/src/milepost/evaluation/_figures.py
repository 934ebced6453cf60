"""Figures of evaluations, drawn from their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

# More curves in one figure cannot be told apart.
_MOST_CURVES = 10
_MOST_CELLS = 30
_MOST_BARS = 20
_TITLES = {
    "roc_curve": "ROC curve",
    "precision_recall_curve": "Precision and recall",
    "calibration_curve": "Calibration",
}

Table = Mapping[str, Sequence[Any]]


def draw(tables: Mapping[str, Table]) -> dict[str, Figure]:
    """A figure for each table that has rows."""
    figures: dict[str, Figure] = {}
    for name, table in tables.items():
        if not next(iter(table.values()), ()):
            continue
        if name == "confusion_matrix":
            figures[name] = _matrix(table)
        elif name == "residuals":
            figures["predicted_and_actual"] = _scatter(table, "actual", "predicted", diagonal=True)
            figures["residuals"] = _scatter(table, "predicted", "residual", diagonal=False)
        elif name == "feature_importance":
            figures[name] = _bars(table)
        elif "class" in table:
            figures[name] = _curves(name, table)
    return figures


def _matrix(table: Table) -> Figure:
    labels = list(dict.fromkeys(table["actual"]))
    counts = np.array(table["count"]).reshape(len(labels), len(labels))
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    axes.set(xlabel="predicted", ylabel="actual", title="Confusion matrix")
    if len(labels) <= _MOST_CELLS:
        axes.set_xticks(range(len(labels)), [str(label) for label in labels], rotation=90)
        axes.set_yticks(range(len(labels)), [str(label) for label in labels])
        middle = counts.max() / 2
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, str(count), ha="center", va="center", color="white" if count > middle else "black")
    return figure


def _curves(name: str, table: Table) -> Figure:
    x_name, y_name = list(table)[1:]
    labels = list(dict.fromkeys(table["class"]))
    of = np.array([labels.index(label) for label in table["class"]])
    xs, ys = np.array(table[x_name]), np.array(table[y_name])
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    if name != "precision_recall_curve":
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    for place, label in enumerate(labels[:_MOST_CURVES]):
        marker = "o" if name == "calibration_curve" else ""
        axes.plot(xs[of == place], ys[of == place], marker=marker, label=str(label))
    axes.set(xlabel=_words(x_name), ylabel=_words(y_name), title=_TITLES[name], xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(title="class" if len(labels) <= _MOST_CURVES else f"first {_MOST_CURVES} of {len(labels)} classes")
    return figure


def _scatter(table: Table, x_name: str, y_name: str, *, diagonal: bool) -> Figure:
    xs, ys = np.array(table[x_name]), np.array(table[y_name])
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(xs, ys, s=8, alpha=0.5)
    if diagonal:
        ends = [min(xs.min(), ys.min()), max(xs.max(), ys.max())]
        axes.plot(ends, ends, color="grey", linestyle=":", linewidth=1)
    else:
        axes.axhline(0, color="grey", linestyle=":", linewidth=1)
    axes.set(xlabel=_words(x_name), ylabel=_words(y_name))
    return figure


def _bars(table: Table) -> Figure:
    names, values = list(table["feature"])[:_MOST_BARS], list(table["mean_absolute_shap"])[:_MOST_BARS]
    figure = Figure(figsize=(6, 1 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names[::-1], values[::-1])
    axes.set(xlabel="mean absolute SHAP value")
    return figure


def _words(name: str) -> str:
    return name.replace("_", " ")
