"""Jobs of one file, on the threads that all files share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import Any, TypeVar

from milepost_server.storage.artifacts.failures import translated

T = TypeVar("T")


class Lane:
    """Runs jobs one after another in the order given, also when whoever waited for one was cancelled.

    So the job that closes a file can never overtake one that still writes to it.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._last: Future[Any] | None = None

    def submit(self, action: str, job: Callable[[], T]) -> asyncio.Future[T]:
        """Schedules `job`; its failure is translated. Cancelling the result does not stop it."""
        before = self._last

        def run() -> T:
            # Jobs start in order, so the one before is running or done: this waits for a thread, never for a queue.
            if before is not None:
                wait([before])
            with translated(action):
                return job()

        self._last = self._executor.submit(run)
        return asyncio.shield(asyncio.wrap_future(self._last))
