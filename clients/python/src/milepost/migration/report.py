"""What a migration did, counted on both sides, and all that it did not do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = (
    "experiments",
    "runs",
    "params",
    "tags",
    "points",
    "datasets",
    "logged_models",
    "model_metrics",
    "registered_models",
    "versions",
    "aliases",
    "webhooks",
    "artifacts",
    "artifact_bytes",
)
"""What is counted, in the order of tables."""

MAX_LISTED = 1000
"""Most problems and differences that are kept; more are only counted."""


@dataclass(frozen=True)
class Problem:
    """Something that does not fit, and was left out or changed.

    Args:
        what: Kind and id of the entity, such as `run 4e89…`.
        field: The field, such as `params.lr`. Empty for the whole.
        message: Why, and what was done.
    """

    what: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.what}: {f'{self.field}: ' if self.field else ''}{self.message}"


@dataclass(frozen=True)
class Difference:
    """A value that is not the same on both sides."""

    what: str
    field: str
    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.what}: {self.field}: {self.source} in the source, {self.target} here"


class Problems:
    """Collects problems; from any thread."""

    def __init__(self) -> None:
        self.listed: list[Problem] = []
        self.total = 0
        self.notes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._muted = False

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Collects nothing while the block runs: for reading again what was read before."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def add(self, what: str, field: str, message: str) -> None:
        """Something was left out or changed."""
        if self._muted:
            return
        with self._lock:
            self.total += 1
            if len(self.listed) < MAX_LISTED:
                self.listed.append(Problem(what, field, message))

    def note(self, text: str, count: int = 1) -> None:
        """Something that is worth knowing and loses nothing; the same text is counted."""
        if self._muted:
            return
        with self._lock:
            self.notes[text] += count


@dataclass
class Report:
    """The outcome of a migration.

    Args:
        source: What was read.
        source_version: Version of its form, perhaps empty.
        target: What was written.
        dry_run: Whether nothing was written.
        read: Counts by kind, as read from the source without what was left out.
        found: Counts by kind, as read again from the target.
        compared: Whether that was done.
        problems: What was left out or changed.
        differences: Values that are not the same on both sides.
    """

    source: str
    source_version: str
    target: str
    dry_run: bool
    read: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    problems: Problems = field(default_factory=Problems)
    differences: list[Difference] = field(default_factory=list)
    differing: int = 0
    values_compared: int = 0
    compared: bool = False
    seconds: float = 0.0

    def differ(self, what: str, field: str, source: object, target: object) -> None:
        """A value is not the same on both sides."""
        self.differing += 1
        if len(self.differences) < MAX_LISTED:
            self.differences.append(Difference(what, field, _short(source), _short(target)))

    def compare_counts(self) -> None:
        """Adds a difference for each kind whose counts are not the same."""
        for kind in KINDS:
            if self.read[kind] != self.found[kind]:
                self.differ("count", kind, self.read[kind], self.found[kind])

    @property
    def equal(self) -> bool:
        """Whether all that was compared is the same on both sides."""
        return not self.differing

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "source": self.source,
            "sourceVersion": self.source_version,
            "target": self.target,
            "dryRun": self.dry_run,
            "counts": {
                kind: {"source": self.read[kind]} | ({"target": self.found[kind]} if self.compared else {})
                for kind in KINDS
            },
            "valuesCompared": self.values_compared,
            "differing": self.differing,
            "differences": [asdict(one) for one in self.differences],
            "problems": self.problems.total,
            "listedProblems": [asdict(one) for one in self.problems.listed],
            "notes": dict(self.problems.notes),
            "seconds": round(self.seconds, 3),
        }


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:197]}…"
