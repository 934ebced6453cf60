"""The engine of one version: its processes and the queue before them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from milepost import v1 as pb
from milepost.errors import ModelError
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.worker.payload import Payload
from milepost_server.errors import DeadlineExceeded, FailedPrecondition
from milepost_server.serving.engine import Engine, Prediction, Timing
from milepost_server.serving.execution import failures
from milepost_server.serving.execution.dispatcher import Dispatcher
from milepost_server.serving.execution.jobs import Job
from milepost_server.serving.execution.launch import prepare
from milepost_server.serving.execution.pool import Pool
from milepost_server.serving.execution.replies import Failed
from milepost_server.serving.execution.rows import treats_rows_independently
from milepost_server.serving.execution.worker_process import LoadFailed
from milepost_server.serving.options import Options

_NOT_ANSWERED = Timing(0.0, 0.0, 0)


async def start_engine(folder: Path, descriptor: ModelDescriptor, options: Options, *, name: str = "") -> Engine:
    """Starts the processes of a version, and builds their environment before if the model has one of its own.

    Args:
        folder: The model's, whose files were verified.
        descriptor: What they say.
        options: How the model is run.
        name: Of the version, for logs; the folder's if empty.

    Returns:
        The engine, whose workers are ready; spares may still be starting.

    Raises:
        FailedPrecondition: `MODEL_NOT_LOADABLE`, with what the model's process told. No process is left.
    """
    name = name or folder.name
    try:
        launch = await asyncio.to_thread(prepare, folder, options)
    except ModelError as error:
        raise _not_loadable(Failed(type(error).__name__, str(error)), options) from error
    pool = Pool(name, launch, options.workers, options.spares, options.max_worker_bytes)
    try:
        flavor = await pool.start()
    except LoadFailed as error:
        raise _not_loadable(error.failed, options) from error
    return WorkerEngine(name, pool, options, flavor, treats_rows_independently(descriptor, flavor))


class WorkerEngine:
    """An `Engine` of worker processes. Made by `start_engine`.

    Args:
        name: Of the version, for logs.
        pool: Its processes, which have been started.
        options: How it is run.
        flavor: What answers.
        joins: Whether requests may be predicted together.
    """

    def __init__(self, name: str, pool: Pool, options: Options, flavor: str, joins: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._dispatcher = Dispatcher(name, pool, options, joins)
        self._streams = itertools.count()
        self._flavor = flavor

    @property
    def flavor(self) -> str:
        """What answers, by the name of the flavor."""
        return self._flavor

    @property
    def joins(self) -> bool:
        """Whether requests may be predicted together."""
        return self._dispatcher.joins

    @property
    def joinable_rows(self) -> int:
        """See `Engine.joinable_rows`."""
        return self._dispatcher.joinable_rows

    @property
    def queued(self) -> int:
        """Number of requests that wait for a process."""
        return self._dispatcher.queued

    @property
    def ready_workers(self) -> int:
        """Number of processes that can answer now."""
        return len(self._pool.active)

    @property
    def restarts(self) -> int:
        """Number of processes that were replaced."""
        return self._pool.restarts

    @property
    def resident_bytes(self) -> int:
        """Resident memory of all its processes, as they last told."""
        return sum(worker.resident_bytes for worker in self._pool.processes)

    async def predict(
        self, payload: Payload, params: Mapping[str, Any] | None = None, deadline: float | None = None
    ) -> Prediction:
        """See `Engine.predict`."""
        fields = {"do": "predict", "params": params}
        job = self._job(fields, payload, params, (payload.rows or 0) if self._dispatcher.joins else 0)
        answer = await self._answer(job, deadline)
        if answer is None:
            raise failures.worker_lost("The process of the model gave no answer. Repeat the request.")
        return Prediction(answer, job.timing or _NOT_ANSWERED)

    async def generate(
        self, payload: Payload, params: Mapping[str, Any] | None = None, deadline: float | None = None
    ) -> AsyncIterator[Payload]:
        """See `Engine.generate`."""
        if not self._pool.can_stream:
            raise failures.cannot_stream()
        stream = next(self._streams)
        job = self._job({"do": "stream", "stream": stream, "params": params}, payload, params, 0)
        try:
            while (piece := await self._answer(job, deadline)) is not None:
                yield piece
                worker = job.worker
                job = self._job({"do": "next", "stream": stream})
                job.worker = worker
        finally:
            if job.worker is not None and stream in job.worker.streams:
                close = self._job({"do": "close", "stream": stream})
                close.answer.cancel()  # nobody waits for it
                self._dispatcher.put_pinned(job.worker, close)

    async def close(self, grace_s: float) -> None:
        """See `Engine.close`."""
        await self._dispatcher.drain(grace_s)
        await self._pool.close()

    def _job(
        self,
        fields: Mapping[str, Any],
        payload: Payload | None = None,
        params: Mapping[str, Any] | None = None,
        rows: int = 0,
    ) -> Job:
        return Job(fields, payload, params, self._loop.create_future(), rows, time.monotonic())

    async def _answer(self, job: Job, deadline: float | None) -> Payload | None:
        timer = None
        if deadline is not None:
            left = deadline - job.queued
            if left <= 0:
                raise DeadlineExceeded("The deadline of the request has passed.")
            timer = self._loop.call_later(left, self._dispatcher.expire, job)
        try:
            if job.worker is None:
                self._dispatcher.put(job)
            else:
                self._dispatcher.put_pinned(job.worker, job)
            return await job.answer
        except asyncio.CancelledError:
            self._dispatcher.drop(job)
            raise
        finally:
            if timer is not None:
                timer.cancel()


def _not_loadable(failed: Failed, options: Options) -> FailedPrecondition:
    return FailedPrecondition(
        failures.describe_load_error(failed, options.environment), reason=pb.ERROR_REASON_MODEL_NOT_LOADABLE
    )
