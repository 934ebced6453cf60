"""What the parts that deliver batches share: the errors and their kinds, delays, and what they ask of their owner."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from milepost._channel import backoff_s
from milepost.errors import (
    CancelledError,
    FailedPreconditionError,
    InternalError,
    MilepostError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownError,
)

LONGEST_DELAY_S = 30.0
HURRIED_DELAY_S = 1.0
"""Longest delay between retries while somebody waits for a flush."""
DEFECT_ATTEMPTS = 5

# Errors that may be a passing defect of the server or of a proxy; given a few attempts.
_DEFECTS = (CancelledError, InternalError, UnknownError)
# Errors of the run or the caller, which every part of a batch would meet.
_WHOLE = (FailedPreconditionError, NotFoundError, PermissionDeniedError, UnauthenticatedError)

Refuse = Callable[[str, int, Exception], None]
"""Takes note of what was refused for good: what, how many values, and why."""
Post = Callable[[Callable[[], None]], None]
"""Has something done by the thread that delivers. The only thing that other threads may call."""


def is_defect(error: MilepostError) -> bool:
    """Whether the same request may be answered otherwise, though the server does not say so."""
    return isinstance(error, _DEFECTS)


def concerns_all(error: MilepostError) -> bool:
    """Whether every part of a request would be refused like the whole."""
    return isinstance(error, _WHOLE)


class Retry:
    """When to try again: at once, until something fails."""

    class _Failure(NamedTuple):
        time: float
        delay_s: float

    def __init__(self) -> None:
        self.failures = 0
        self._last: Retry._Failure | None = None

    def failed(self, error: MilepostError) -> bool:
        """Notes a failure. Returns whether to try again at all."""
        self.failures += 1
        if not error.retriable and not (is_defect(error) and self.failures < DEFECT_ATTEMPTS):
            return False
        self._last = self._Failure(time.monotonic(), backoff_s(self.failures, error, LONGEST_DELAY_S))
        return True

    def succeeded(self) -> None:
        """Forgets all failures."""
        self.failures = 0
        self._last = None

    def wait_s(self, hurried: bool) -> float:
        """Seconds until the next attempt; 0 or less: now. While somebody waits, delays are short."""
        if self._last is None:
            return 0.0
        delay = min(self._last.delay_s, HURRIED_DELAY_S) if hurried else self._last.delay_s
        return self._last.time + delay - time.monotonic()
