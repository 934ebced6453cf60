"""Judges models on data: metrics, curves, thresholds, and a comparison with the model to replace.

    wanted = {"f1": Threshold(at_least=0.8, better_by=0.01)}
    result = milepost.evaluate("models:/fraud/7", x_test, y_test, model_type="classifier",
                               baseline="models:/fraud@champion", thresholds=wanted)
    result.require()
    client.registered_models.set_alias("fraud", "champion", 7)

Needs the extra `evaluation` (scikit-learn and matplotlib).
"""

from milepost.evaluation._evaluate import evaluate
from milepost.evaluation._result import EvaluationResult
from milepost.evaluation._thresholds import Failure, Threshold

__all__ = ["EvaluationResult", "Failure", "Threshold", "evaluate"]
