"""The clock that services are given, so that tests can give another."""

from __future__ import annotations

import time
from collections.abc import Callable

# Microseconds since the Unix epoch.
Clock = Callable[[], int]


def system_clock() -> int:
    """The time of day."""
    return time.time_ns() // 1000
