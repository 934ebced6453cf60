"""What a figure is, how one registers, and how it is measured beside its limit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks import figures


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should reach: a bound on its ratio to the limit, or on its value."""

    of: Literal["ratio", "value"]
    comparison: Literal[">=", "<"]
    bound: float

    def __str__(self) -> str:
        return f"{self.of} {self.comparison} {self.bound:g}"

    def reached_by(self, number: float) -> bool:
        """Whether `number`, the ratio or the value, is on the good side of the bound."""
        return number >= self.bound if self.comparison == ">=" else number < self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Args:
        name: Unique among all figures.
        value: The number, in `unit`.
        unit: Such as `calls/s`.
        limit: The raw figure of the same run and in the same unit; None where nothing bounds it, or where it is itself
            such a raw figure.
        goal: None for a figure that only informs.
        detail: For the table: how busy the processes were, and the like.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    goal: Goal | None = None
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """`value / limit`; None without a limit."""
        return self.value / self.limit if self.limit else None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        number = self.value if self.goal.of == "value" else self.ratio
        return number is not None and self.goal.reached_by(number)

    def as_json(self) -> dict[str, Any]:
        """The entry of `build/bench.json`."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "limit": self.limit,
            "ratio": self.ratio,
            "goal": None if self.goal is None else str(self.goal),
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: `rounds` samples of limit and subject each, and `seconds` per sample of a rate."""

    rounds: int
    seconds: float


THOROUGH = Effort(rounds=5, seconds=3.0)
QUICK = Effort(rounds=2, seconds=1.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement, and what is worth knowing about it."""

    value: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Measures the figures of `names`, and yields them."""

    names: tuple[str, ...]
    measure: Callable[[Effort], Iterable[Figure]]


_registered: list[Benchmark] = []


def benchmark(
    *names: str,
) -> Callable[[Callable[[Effort], Iterator[Figure]]], Callable[[Effort], Iterator[Figure]]]:
    """Registers a generator function that measures the figures of these names.

    Raises:
        ValueError: Another benchmark has a figure of that name.
    """

    def register(measure: Callable[[Effort], Iterator[Figure]]) -> Callable[[Effort], Iterator[Figure]]:
        taken = {name for other in _registered for name in other.names}.intersection(names)
        if taken:
            raise ValueError(f"figures {sorted(taken)} are measured by two benchmarks")
        _registered.append(Benchmark(names, measure))
        return measure

    return register


def benchmarks() -> list[Benchmark]:
    """All benchmarks of `benchmarks/figures`, in the order of their module names."""
    for module in pkgutil.iter_modules(figures.__path__):
        importlib.import_module(f"{figures.__name__}.{module.name}")
    return list(_registered)


def alternate(effort: Effort, limit: Callable[[], Sample], subject: Callable[[], Sample]) -> tuple[Sample, Sample]:
    """Takes samples of both in turn, so that a noisy moment of the machine hits both, and each goes first as often.

    Returns:
        The median sample of the limit and that of the subject (the higher middle one of an even number).
    """
    limits: list[Sample] = []
    subjects: list[Sample] = []
    for number in range(effort.rounds):
        pair = [(limit, limits), (subject, subjects)]
        for take, samples in pair if number % 2 == 0 else reversed(pair):
            samples.append(take())
    return median(limits), median(subjects)


def median(samples: Iterable[Sample]) -> Sample:
    """The sample in the middle, by value."""
    ranked = sorted(samples, key=lambda sample: sample.value)
    return ranked[len(ranked) // 2]
