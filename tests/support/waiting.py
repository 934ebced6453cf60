"""Waits for a condition, where what is waited for tells nobody."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_S = 60.0
_LOOK_S = 0.01


def until(condition: Callable[[], object]) -> None:
    """Waits until something is so. Fails the test when it does not come to be."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come to be"
        time.sleep(_LOOK_S)
