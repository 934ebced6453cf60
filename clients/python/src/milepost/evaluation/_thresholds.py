"""What a model must reach to be good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# Everything else is better when it is greater.
_LESS_IS_BETTER = frozenset(
    {
        "log_loss",
        "brier_score",
        "calibration_error",
        "mean_absolute_error",
        "mean_squared_error",
        "root_mean_squared_error",
        "median_absolute_error",
        "mean_absolute_percentage_error",
        "max_error",
        "false_positives",
        "false_negatives",
        "mean_error",
    }
)


@dataclass(frozen=True)
class Threshold:
    """What one metric must reach. All conditions given must hold; NaN meets none.

    Args:
        at_least: The metric's smallest good value.
        at_most: Its greatest good value.
        better_by: By how much it must be better than the baseline's, in the metric's own unit; 0 for not worse. Whether
            less or more is better follows from the metric.
        better_by_ratio: The same as a part of the baseline's absolute value: 0.05 for 5%.
        less_is_better: Tells it for a metric of one's own. None: known for the metrics of `evaluate`, else greater is
            better.
    """

    at_least: float | None = None
    at_most: float | None = None
    better_by: float | None = None
    better_by_ratio: float | None = None
    less_is_better: bool | None = None

    def __post_init__(self) -> None:
        conditions = (self.at_least, self.at_most, self.better_by, self.better_by_ratio)
        if all(condition is None for condition in conditions):
            raise ValueError("a threshold needs a condition: at_least, at_most, better_by or better_by_ratio")
        if any(condition is not None and math.isnan(condition) for condition in conditions):
            raise ValueError("a threshold cannot be NaN, which no value meets")

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares with a baseline."""
        return self.better_by is not None or self.better_by_ratio is not None


@dataclass(frozen=True)
class Failure:
    """A threshold that was not met.

    Args:
        metric: Name of the metric.
        value: Its value.
        condition: What was wanted, for people.
    """

    metric: str
    value: float
    condition: str

    def __str__(self) -> str:
        return f"{self.metric} is {self.value:.6g}, wanted {self.condition}"


def failures(
    thresholds: Mapping[str, Threshold], metrics: Mapping[str, float], baseline: Mapping[str, float] | None
) -> list[Failure]:
    """The conditions that are not met.

    Raises:
        ValueError: A threshold names a metric that there is not, or compares with a baseline that there is not.
    """
    found: list[Failure] = []
    for metric, threshold in thresholds.items():
        if metric not in metrics:
            raise ValueError(f"thresholds: there is no metric {metric!r}; there are {', '.join(sorted(metrics))}")
        if threshold.needs_baseline and (baseline is None or metric not in baseline):
            raise ValueError(f"thresholds: {metric!r} compares with a baseline; pass one as baseline=")
        value = metrics[metric]
        conditions = _conditions(metric, threshold, None if baseline is None else baseline.get(metric))
        found += [
            Failure(metric, value, f"{sign} {bound:.6g}")
            for sign, bound in conditions
            if not _holds(value, sign, bound)
        ]
    return found


def _conditions(metric: str, threshold: Threshold, baseline: float | None) -> list[tuple[str, float]]:
    conditions: list[tuple[str, float]] = []
    if threshold.at_least is not None:
        conditions.append((">=", threshold.at_least))
    if threshold.at_most is not None:
        conditions.append(("<=", threshold.at_most))
    if baseline is not None:
        less = metric in _LESS_IS_BETTER if threshold.less_is_better is None else threshold.less_is_better
        changes = [threshold.better_by]
        if threshold.better_by_ratio is not None:
            changes.append(threshold.better_by_ratio * abs(baseline))
        conditions += [
            ("<=", baseline - change) if less else (">=", baseline + change) for change in changes if change is not None
        ]
    return conditions


def _holds(value: float, sign: str, bound: float) -> bool:
    return value >= bound if sign == ">=" else value <= bound
