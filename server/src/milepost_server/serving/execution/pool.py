"""The workers of one version: so many that answer, and spares that are loaded and wait to take their places."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from milepost_server.serving.execution.launch import Launch
from milepost_server.serving.execution.worker_process import LoadFailed, WorkerProcess

_log = logging.getLogger(__name__)

_FIRST_DELAY_S, _LAST_DELAY_S = 0.1, 30.0
# A process that ends sooner after it was ready is replaced with delay, twice as long each time.
_SOON_S = 10.0


class Pool:
    """Keeps the processes of a version alive. Belongs to one event loop.

    Args:
        name: Of the version, for logs.
        launch: How they are started.
        workers: Number of processes that answer.
        spares: Number of processes besides.
        max_bytes: Resident memory beyond which one is replaced; 0 for any.
    """

    def __init__(self, name: str, launch: Launch, workers: int, spares: int, max_bytes: int) -> None:
        self._name = name
        self._launch = launch
        self._workers = workers
        self._wanted = workers + spares
        self._max_bytes = max_bytes
        self._ready: list[WorkerProcess] = []
        self._retiring: list[WorkerProcess] = []
        self._replacing: set[asyncio.Task[None]] = set()
        self._stopping: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._failures = 0
        self._is_open = True
        self.can_stream = False
        """Whether the model answers piece by piece."""
        self.restarts = 0
        self.on_change: Callable[[], None] = lambda: None
        """Called when a process became ready or ended."""
        self.active: list[WorkerProcess] = []
        """Those that requests may be given to, the first ones first."""

    async def start(self) -> str:
        """Starts the workers; returns when all are ready, but for the spares.

        Returns:
            The flavor of the model.

        Raises:
            LoadFailed: One does not load the model. No process is left.
        """
        adding = [asyncio.ensure_future(self._add()) for _ in range(self._workers)]
        try:
            await asyncio.gather(*adding)
        except BaseException:
            for task in adding:
                task.cancel()
            await asyncio.gather(*adding, return_exceptions=True)
            await self.close()
            raise
        self.can_stream = self._ready[0].can_stream
        self._maintain()
        return self._ready[0].flavor

    @property
    def processes(self) -> list[WorkerProcess]:
        """All that are ready, spares and those that will be replaced among them."""
        return [*self._ready, *self._retiring]

    def answered(self, worker: WorkerProcess) -> None:
        """Looks at a worker that has answered: it may have grown too large, or be no longer needed."""
        if self._max_bytes and worker.resident_bytes > self._max_bytes and worker in self._ready:
            _log.warning(
                "worker uses more memory than it may; it is replaced",
                extra={"model": self._name, "pid": worker.pid, "resident_bytes": worker.resident_bytes},
            )
            self._ready.remove(worker)
            self._retiring.append(worker)
            self._count_failure(worker)
            self._maintain()
        elif worker in self._retiring:
            self._maintain()

    async def close(self) -> None:
        """Ends all processes."""
        self._is_open = False
        for task in self._replacing:
            task.cancel()
        processes, self._ready, self._retiring, self.active = self.processes, [], [], []
        stopping = [worker.stop() for worker in processes]
        await asyncio.gather(*self._replacing, *self._stopping, *stopping, return_exceptions=True)

    async def _add(self) -> None:
        self._starting += 1
        try:
            worker = await WorkerProcess.start(self._launch, self._ended)
        finally:
            self._starting -= 1
        if not self._is_open:
            await worker.stop()
            return
        self._ready.append(worker)
        self._arrange()
        self.on_change()

    def _maintain(self) -> None:
        """Starts what is missing, and stops what has been replaced."""
        if not self._is_open:
            return
        for _ in range(self._wanted - len(self._ready) - self._starting):
            self._starting += 1  # counted from here, so that it is not started twice
            _keep(self._replace(self._delay()), self._replacing)
        self._arrange()

    async def _replace(self, delay_s: float) -> None:
        try:
            await asyncio.sleep(delay_s)
        finally:
            self._starting -= 1
        try:
            await self._add()
        except LoadFailed as failed:
            _log.error(
                "worker cannot be replaced", extra={"model": self._name, "kind": failed.failed.kind, "why": str(failed)}
            )
            self._failures += 1
            self._maintain()

    def _arrange(self) -> None:
        """Chooses those that answer: the ones that stay, and as long as these are too few, those that will go."""
        self.active = self._ready[: self._workers]
        self.active += self._retiring[: self._workers - len(self.active)]
        for worker in [one for one in self._retiring if one not in self.active and not one.occupied]:
            self._retiring.remove(worker)
            self.restarts += 1
            _keep(worker.stop(), self._stopping)

    def _ended(self, worker: WorkerProcess) -> None:
        if worker.stopping or not self._is_open:
            return
        _log.warning("worker ended", extra={"model": self._name, "pid": worker.pid, "how": worker.how_it_ended})
        if worker in self._ready:
            self._ready.remove(worker)
            self._count_failure(worker)
        else:
            self._retiring.remove(worker)
        self.restarts += 1
        self._maintain()
        self.on_change()

    def _count_failure(self, worker: WorkerProcess) -> None:
        self._failures = self._failures + 1 if time.monotonic() - worker.ready_at < _SOON_S else 0

    def _delay(self) -> float:
        return min(_FIRST_DELAY_S * 2 ** (self._failures - 1), _LAST_DELAY_S) if self._failures else 0.0


def _keep(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    """Starts a task that is kept until it is done."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
