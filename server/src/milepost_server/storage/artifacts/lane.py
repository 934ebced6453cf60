"""Jobs of one file, on the threads that all files share."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from milepost_server.storage.artifacts.failures import translated

T = TypeVar("T")


class Lane:
    """Runs jobs one after another in the order given, also when whoever waited for one was cancelled.

    So the job that closes a file can never overtake one that still writes to it. A lane never holds more than one
    thread, and lets other lanes have it after each job.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._jobs: deque[tuple[Future[Any], str, Callable[[], Any]]] = deque()
        self._lock = threading.Lock()
        self._moving = False

    def submit(self, action: str, job: Callable[[], T]) -> asyncio.Future[T]:
        """Schedules `job`; its failure is translated. Cancelling the result does not stop it."""
        future: Future[T] = Future()
        with self._lock:
            self._jobs.append((future, action, job))
            start, self._moving = not self._moving, True
        if start:
            self._executor.submit(self._step)
        return asyncio.shield(asyncio.wrap_future(future))

    def _step(self) -> None:
        future, action, job = self._jobs.popleft()
        try:
            with translated(action):
                future.set_result(job())
        except BaseException as error:
            future.set_exception(error)
        with self._lock:
            self._moving = bool(self._jobs)
            if self._moving:
                self._executor.submit(self._step)
