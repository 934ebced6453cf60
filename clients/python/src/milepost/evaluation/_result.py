"""What an evaluation found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from milepost.errors import EvaluationFailed
from milepost.evaluation._thresholds import Failure


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found.

    Args:
        metrics: Value of each metric.
        figures: Figures of matplotlib by name, such as `roc_curve`.
        tables: What the figures show, as columns by name: to draw or compare them elsewhere, exactly.
        baseline_metrics: The baseline's metrics on the same data; None without a baseline.
        failures: Thresholds that are not met.
    """

    metrics: Mapping[str, float]
    figures: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    baseline_metrics: Mapping[str, float] | None = None
    failures: Sequence[Failure] = ()

    @property
    def passed(self) -> bool:
        """Whether all thresholds are met."""
        return not self.failures

    def require(self) -> None:
        """Returns when all thresholds are met.

        Raises:
            EvaluationFailed: Some are not; the message names each with its value.
        """
        if self.failures:
            raise EvaluationFailed(
                "the model is not good enough: " + "; ".join(str(failure) for failure in self.failures),
                metrics=tuple(failure.metric for failure in self.failures),
            )
