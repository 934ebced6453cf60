"""When requests wait for others to be predicted together, though a worker is free."""

from __future__ import annotations

_MOST_DOUBLINGS = 6


class Gathering:
    """Learns how many callers there are. One caller alone never waits.

    Callers that ask again as soon as they are answered come back soon after each other; to wait until as many requests
    are there as were at work lately joins all of them. Where nobody comes meanwhile, it is not tried again for a while.

    Args:
        most_s: Most seconds to wait.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._lately = 0
        self._since: float | None = None
        self._before = 0
        self._in_vain = 0
        self._passes = 0

    def came(self, at_work: int) -> None:
        """Hears of a request.

        Args:
            at_work: Number of requests that wait or are being predicted, with this one.
        """
        if at_work > self._lately:
            self._lately = at_work

    def wait_s(self, now: float, at_work: int) -> float:
        """Seconds to wait still; 0 or less to go on.

        Args:
            now: On any clock.
            at_work: Number of requests that wait or are being predicted.
        """
        if at_work >= self._lately or self._passes or self._most_s <= 0:
            return 0.0
        if self._since is None:
            self._since, self._before = now, at_work
        return self._most_s - (now - self._since)

    def went(self, at_work: int) -> None:
        """Hears that requests were taken.

        Args:
            at_work: As in `wait_s`.
        """
        if self._since is not None:
            waited_in_vain = at_work <= self._before
            self._in_vain = min(self._in_vain + 1, _MOST_DOUBLINGS) if waited_in_vain else 0
            self._passes = 1 << self._in_vain if waited_in_vain else 0
            self._since = None
        elif self._passes and at_work < self._lately:
            self._passes -= 1
        self._lately = at_work
