"""Evaluates a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from milepost.evaluation._inputs import Answers, answers_of, loaded, numbers_of, split_targets
from milepost.evaluation._result import EvaluationResult
from milepost.evaluation._thresholds import Threshold, failures
from milepost.models._lazy import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from milepost._active import ActiveRun

Metric = Callable[[Any, Any], float]
_MODEL_TYPES = ("classifier", "regressor")


def evaluate(
    model: Any,
    data: Any,
    targets: Any,
    *,
    model_type: Literal["classifier", "regressor"],
    baseline: Any = None,
    thresholds: Mapping[str, Threshold] | None = None,
    extra_metrics: Mapping[str, Metric] | None = None,
    sample_weights: Any = None,
    positive_label: Any = None,
    explain: bool | None = None,
    trust: bool = False,
    run: ActiveRun | None = None,
    prefix: str = "",
) -> EvaluationResult:
    """Asks a model for predictions and judges them.

    Metrics, figures and tables are logged to `run`, or to the active run if there is one; without either, nothing is
    logged. Figures go to the folder `evaluation` as PNG, tables beside them as CSV.

    Args:
        model: A path or model URI, a loaded model, any object with `predict`, or a function of the features.
            Probabilities are taken from `predict_proba` of the model, or of the one in a `PyFuncModel`, if it has any.
        data: Features: an array of shape `(rows, features)` or a data frame, as the model takes them.
        targets: The truth, shape `(rows,)`; or the name of the column of `data` that has it.
        model_type: Which metrics to compute.
        baseline: Another model that is asked about the same data, for `thresholds` that compare.
        thresholds: What metrics must reach, by their names; see `EvaluationResult.passed` and `require`.
        extra_metrics: Functions of `(truth, predicted)` by name, both of shape `(rows,)`.
        sample_weights: Weight of each row, shape `(rows,)`, not negative. None for equal ones.
        positive_label: The positive class of two. None: the greater one.
        explain: Whether to compute the strength of each feature by SHAP. None: if that is installed.
        trust: Whether code that comes with models at paths or URIs may run.
        run: Where to log.
        prefix: Put before the names of logged metrics and files.

    Raises:
        ValueError: Targets or weights do not fit the data, or a threshold names what there is not. Nothing is logged.
        MissingPackage: scikit-learn or matplotlib is not installed.
    """
    if model_type not in _MODEL_TYPES:
        raise ValueError(f"model_type: {model_type!r} is none of {', '.join(_MODEL_TYPES)}")
    for package in ("sklearn", "matplotlib"):
        require(package, "evaluation")
    classifier = model_type == "classifier"
    features, truth = split_targets(data, targets)
    judge = _Judge(truth, _weights(sample_weights, len(truth)), classifier, positive_label, extra_metrics or {})
    own = loaded(model, trust)
    answers = answers_of(own, features, classifier)
    metrics = judge.metrics(answers)
    other = None if baseline is None else judge.metrics(answers_of(loaded(baseline, trust), features, classifier))
    missed = failures(thresholds or {}, metrics, other)
    tables = judge.tables(answers)
    if _explains(explain):
        from milepost.evaluation._explanations import importance_table

        tables |= importance_table(lambda some: numbers_of(own, some, answers, classifier), features)
    from milepost.evaluation._figures import draw

    result = EvaluationResult(metrics, draw(tables), tables, other, missed)
    _log(result, run, prefix)
    return result


class _Judge:
    """Judges answers about the same rows.

    Args:
        truth: The right answers, shape `(rows,)`.
        weights: Weights of the rows.
        classifier: Whether they are labels.
        positive_label: The positive class of two; None for the greater one.
        extra: Further metrics.
    """

    def __init__(
        self,
        truth: NDArray[Any],
        weights: NDArray[np.float64] | None,
        classifier: bool,
        positive_label: Any,
        extra: Mapping[str, Metric],
    ) -> None:
        self._truth = truth
        self._weights = weights
        self._classifier = classifier
        self._positive_label = positive_label
        self._extra = extra

    def metrics(self, answers: Answers) -> dict[str, float]:
        if self._classifier:
            from milepost.evaluation._classification import classification_metrics

            found = classification_metrics(self._truth, answers, self._weights, self._positive(answers))
        else:
            from milepost.evaluation._regression import regression_metrics

            found = regression_metrics(self._truth, answers.predicted, self._weights)
        for name, metric in self._extra.items():
            found[name] = float(metric(self._truth, answers.predicted))
        return found

    def tables(self, answers: Answers) -> dict[str, Mapping[str, Sequence[Any]]]:
        if self._classifier:
            from milepost.evaluation._classification import classification_tables

            return classification_tables(self._truth, answers, self._positive(answers))
        from milepost.evaluation._regression import regression_tables

        return regression_tables(self._truth, answers.predicted)

    def _positive(self, answers: Answers) -> Any:
        """The positive class where there are two; None where there are more."""
        numpy = require("numpy", "models")
        seen = numpy.unique(numpy.concatenate([self._truth, answers.predicted]))
        classes = seen if answers.classes is None else answers.classes
        if self._positive_label is not None:
            if self._positive_label not in classes:
                raise ValueError(f"positive_label: there is no class {self._positive_label!r}")
            return self._positive_label
        return max(classes.tolist()) if len(classes) == 2 and len(seen) <= 2 else None


def _weights(given: Any, rows: int) -> NDArray[np.float64] | None:
    if given is None:
        return None
    numpy = require("numpy", "models")
    weights: NDArray[np.float64] = numpy.asarray(given, numpy.float64)
    if weights.shape != (rows,) or not (numpy.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(f"sample_weights: wanted {rows} finite numbers that are not negative and not all 0")
    return weights


def _explains(explain: bool | None) -> bool:
    from milepost.evaluation._explanations import can_explain

    return can_explain() if explain is None else explain


def _log(result: EvaluationResult, run: ActiveRun | None, prefix: str) -> None:
    from milepost import fluent

    target = run if run is not None else fluent.active_run()
    if target is None:
        return
    target.log_metrics({f"{prefix}{name}": value for name, value in result.metrics.items()})
    for name, figure in result.figures.items():
        target.log_figure(figure, f"evaluation/{prefix}{name}.png")
    for name, table in result.tables.items():
        target.log_text(_csv(table), f"evaluation/{prefix}{name}.csv")


def _csv(table: Mapping[str, Sequence[Any]]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue()
