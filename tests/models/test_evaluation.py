"""Evaluation: metrics as scikit-learn and a plain count have them, thresholds, baselines, and what is logged."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import scale

import milepost
from milepost.errors import EvaluationFailed
from milepost.evaluation import EvaluationResult, Threshold, evaluate
from support.servers import RunningServer

TRUTH = np.array(["no", "no", "yes", "yes", "yes", "no"])
SAID = np.array(["no", "yes", "yes", "yes", "no", "no"])


def tumours() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features of equal scale and labels, of which the greater one is the positive class."""
    x, y = load_breast_cancer(return_X_y=True)
    return scale(x), y


def saying(answers: NDArray[Any]) -> Any:
    """A model that gives these answers, whatever it is asked."""
    return lambda features: answers[: len(features)]


def classified(**options: Any) -> EvaluationResult:
    """The evaluation of `SAID`."""
    return evaluate(saying(SAID), np.zeros((6, 1)), TRUTH, model_type="classifier", explain=False, **options)


def test_counts_of_two_classes_are_those_of_a_hand() -> None:
    metrics = classified().metrics
    counts = [metrics[f"{name}_{kind}"] for name in ("true", "false") for kind in ("positives", "negatives")]
    assert counts == [2, 2, 1, 1]
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["precision"] == metrics["recall"] == metrics["f1"] == pytest.approx(2 / 3)
    assert metrics["example_count"] == 6
    assert "roc_auc" not in metrics


def test_the_positive_label_can_be_the_other_one() -> None:
    assert classified(positive_label="no").metrics["true_positives"] == 2
    with pytest.raises(ValueError, match="no class 'maybe'"):
        classified(positive_label="maybe")


def test_weights_count_rows_several_times() -> None:
    metrics = classified(sample_weights=[1, 3, 1, 1, 1, 1]).metrics
    assert metrics["accuracy"] == pytest.approx(4 / 8)
    for wrong in ([1, 2], [1, 1, 1, 1, 1, -1], [math.nan] * 6, [0] * 6):
        with pytest.raises(ValueError, match="sample_weights"):
            classified(sample_weights=wrong)


def test_probabilities_give_curves_and_areas() -> None:
    x, y = tumours()
    model = LogisticRegression().fit(x, y)
    result = evaluate(model, x, y, model_type="classifier", explain=False)
    assert result.metrics["roc_auc"] > 0.98
    assert 0 < result.metrics["brier_score"] < result.metrics["log_loss"] < 0.2
    assert {"roc_curve", "precision_recall_curve", "calibration_curve", "confusion_matrix"} == set(result.figures)
    curve = result.tables["roc_curve"]
    rates = np.array([curve["false_positive_rate"], curve["true_positive_rate"]])
    assert np.trapezoid(rates[1], rates[0]) == pytest.approx(result.metrics["roc_auc"])
    assert sum(result.tables["confusion_matrix"]["count"]) == len(y)


def test_curves_of_several_classes_are_of_each_class() -> None:
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(x, y)
    result = evaluate(model, x, y, model_type="classifier", explain=False)
    assert set(result.tables["roc_curve"]["class"]) == {0, 1, 2}
    assert result.metrics["roc_auc"] > 0.99
    assert "true_positives" not in result.metrics


def test_data_of_one_class_have_no_areas_but_all_else() -> None:
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(x, y)
    result = evaluate(model, x[:50], y[:50], model_type="classifier", explain=False)
    assert result.metrics["accuracy"] == 1
    assert "roc_auc" not in result.metrics
    assert result.metrics["log_loss"] < 0.1


def test_a_regressor_is_judged_by_its_errors() -> None:
    truth, said = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    result = evaluate(saying(said), np.zeros((3, 1)), truth, model_type="regressor", explain=False)
    assert result.metrics["mean_absolute_error"] == pytest.approx(1.0)
    assert result.metrics["root_mean_squared_error"] == pytest.approx(math.sqrt(5 / 3))
    assert result.metrics["max_error"] == 2
    assert result.metrics["mean_error"] == pytest.approx(-1 / 3)
    assert result.tables["residuals"]["residual"] == [0, -1, 2]
    assert set(result.figures) == {"predicted_and_actual", "residuals"}


def test_targets_may_be_a_column_of_the_data() -> None:
    frame = load_diabetes(as_frame=True).frame
    model = LinearRegression().fit(frame.drop(columns=["target"]), frame["target"])
    result = evaluate(model, frame, "target", model_type="regressor", explain=False)
    assert 0.4 < result.metrics["r2"] < 0.6
    with pytest.raises(ValueError, match="no column 'price'"):
        evaluate(model, frame, "price", model_type="regressor", explain=False)


@pytest.mark.parametrize(
    ("targets", "problem"),
    [([1, 2], "2 values for 3 rows"), ([[1], [2], [3]], "shape"), ([1.0, math.nan, 2.0], "NaN"), ([], "0 values")],
)
def test_targets_that_do_not_fit_are_refused(targets: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        evaluate(saying(np.zeros(3)), np.zeros((3, 1)), targets, model_type="regressor", explain=False)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be asked"):
        evaluate(object(), np.zeros((3, 1)), np.zeros(3), model_type="regressor")
    with pytest.raises(ValueError, match="shape"):
        evaluate(saying(np.zeros((3, 2))), np.zeros((3, 1)), np.zeros(3), model_type="regressor", explain=False)


def test_extra_metrics_are_functions_of_truth_and_answers() -> None:
    result = classified(extra_metrics={"same": lambda truth, said: (truth == said).sum()})
    assert result.metrics["same"] == 4


def test_thresholds_that_are_met_pass() -> None:
    result = classified(
        thresholds={"accuracy": Threshold(at_least=0.5, at_most=1), "false_positives": Threshold(at_most=1)}
    )
    assert result.passed
    result.require()


def test_thresholds_that_are_not_met_are_told_with_their_values() -> None:
    result = classified(thresholds={"accuracy": Threshold(at_least=0.9), "f1": Threshold(at_least=0.1)})
    assert not result.passed
    with pytest.raises(EvaluationFailed, match=r"accuracy is 0\.666667, wanted >= 0\.9") as caught:
        result.require()
    assert caught.value.metrics == ("accuracy",)


def test_a_model_must_be_better_than_its_baseline_in_the_direction_of_the_metric() -> None:
    x, y = tumours()
    model, dummy = LogisticRegression().fit(x, y), DummyClassifier().fit(x, y)
    wanted = {"accuracy": Threshold(better_by=0.1), "log_loss": Threshold(better_by_ratio=0.5)}
    options: dict[str, Any] = {"model_type": "classifier", "thresholds": wanted, "explain": False}
    better = evaluate(model, x, y, baseline=dummy, **options)
    assert better.passed
    assert better.baseline_metrics is not None
    assert better.baseline_metrics["accuracy"] < better.metrics["accuracy"]
    worse = evaluate(dummy, x, y, baseline=model, **options)
    assert [failure.metric for failure in worse.failures] == ["accuracy", "log_loss"]


def test_a_metric_that_is_nan_meets_no_threshold() -> None:
    extra = {"broken": lambda truth, said: math.nan}
    for threshold in (Threshold(at_least=-math.inf), Threshold(at_most=math.inf)):
        assert not classified(extra_metrics=extra, thresholds={"broken": threshold}).passed


def test_thresholds_that_cannot_be_judged_are_refused() -> None:
    with pytest.raises(ValueError, match="no metric 'acuracy'"):
        classified(thresholds={"acuracy": Threshold(at_least=1)})
    with pytest.raises(ValueError, match="pass one as baseline="):
        classified(thresholds={"accuracy": Threshold(better_by=0)})
    with pytest.raises(ValueError, match="needs a condition"):
        Threshold()
    with pytest.raises(ValueError, match="NaN"):
        Threshold(at_least=math.nan)


def test_what_is_found_is_logged_to_the_active_run(server: RunningServer) -> None:
    x, y = tumours()
    model = LogisticRegression().fit(x, y)
    milepost.set_tracking_uri(server.grpc_address)
    try:
        with milepost.start_run() as run:
            result = evaluate(model, x, y, model_type="classifier", explain=False, prefix="test-")
    finally:
        milepost.set_tracking_uri(None)
    with milepost.Client(server.grpc_address) as client:
        logged = client.runs.get(run.run_id).metrics
        assert {name: logged[f"test-{name}"] for name in result.metrics} == result.metrics
        paths = {artifact.path for artifact in client.artifacts.list(run.run_id, recursive=True)}
        assert {f"evaluation/test-roc_curve.{kind}" for kind in ("png", "csv")} < paths
        table = client.artifacts.read(run.run_id, "evaluation/test-confusion_matrix.csv").decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert sum(int(row["count"]) for row in rows) == len(y)
