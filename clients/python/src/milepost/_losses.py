"""What the background writer could not store: counted always, said once for each reason."""

from __future__ import annotations

import logging
import sys
import threading

from milepost._batches import Refused
from milepost.errors import MilepostError

_log = logging.getLogger("milepost._writer")


class Losses:
    """Safe to use from all threads.

    Args:
        strict: Whether `failure` is kept, to be raised.
    """

    def __init__(self, strict: bool) -> None:
        self.refused = 0
        """Values that the server, or this client, refused."""
        self.dropped = 0
        """Values that found no room."""
        self.failure: Exception | None = None
        """When strict, the first loss since the last `take`."""
        self._strict = strict
        self._lock = threading.Lock()
        self._warned: set[str] = set()
        self._texts: dict[str, str] = {}

    def refuse(self, what: str, values: int, error: Exception) -> None:
        """Notes what was refused for good."""
        reason = getattr(error, "reason", "") or type(error).__name__
        text = f"{what} was refused: {error}"
        with self._lock:
            self.refused += values
            if reason not in self._warned:
                self._warned.add(reason)
                _log.warning("%s Further values refused for the same reason (%s) are only counted.", text, reason)
            self._note(reason, text, error)

    def refuse_parts(self, parts: list[Refused]) -> None:
        """Notes what no request can hold."""
        for what, error, values in parts:
            self.refuse(what, values, error)

    def drop(self, values: int, run_id: str) -> None:
        """Notes values that found no room."""
        with self._lock:
            if self.dropped == 0:
                print(
                    "milepost: the server takes no more, and memory and the spool folder for logged values are full: "
                    "newer values are LOST until there is room again. The end of the run says how many.",
                    file=sys.stderr,
                )
            self.dropped += values
            error = MilepostError(f"the queue was full; values of run {run_id} are lost")
            self._note("QUEUE_FULL", "the queue was full", error)

    def take(self) -> tuple[list[str], Exception | None]:
        """An example for each reason since the last call, and when strict, the first loss."""
        with self._lock:
            texts, self._texts = self._texts, {}
            failure, self.failure = self.failure, None
        return list(texts.values()), failure

    def _note(self, reason: str, text: str, error: Exception) -> None:
        self._texts.setdefault(reason, text)
        if self._strict and self.failure is None:
            self.failure = error
