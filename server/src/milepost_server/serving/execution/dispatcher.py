"""Hands requests to workers: those that fit together, to whoever is free."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from functools import partial

from milepost.errors import ModelError
from milepost.models.worker.payload import Payload, cut, join
from milepost_server.errors import DeadlineExceeded
from milepost_server.serving.engine import Timing
from milepost_server.serving.execution import failures
from milepost_server.serving.execution.gathering import Gathering
from milepost_server.serving.execution.jobs import Job, Waiting
from milepost_server.serving.execution.pool import Pool
from milepost_server.serving.execution.replies import Lost, Outcome, Reply
from milepost_server.serving.execution.worker_process import WorkerProcess
from milepost_server.serving.options import Options

_log = logging.getLogger(__name__)

_QUICK_S = 0.02
_LEAST_RETRY_S, _MOST_RETRY_S = 0.05, 30.0


class Dispatcher:
    """The queue of one version. Belongs to one event loop.

    Args:
        name: Of the version, for logs.
        pool: Its workers.
        options: How it is run.
        joins: Whether requests may be predicted together.
    """

    def __init__(self, name: str, pool: Pool, options: Options, joins: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._pool = pool
        self._options = options
        self._waiting = Waiting(options.max_batch_rows if joins else 1)
        self._gathering = Gathering(options.max_batch_wait_s)
        self._pinned: dict[WorkerProcess, deque[Job]] = {}
        self._had_pinned: set[WorkerProcess] = set()
        self._working = 0
        self._gather_timer: asyncio.TimerHandle | None = None
        self._give_up_timer: asyncio.TimerHandle | None = None
        self._seconds_each = 0.0
        self._seconds_at_once = 0.0
        self._idle: asyncio.Future[None] | None = None
        self._is_open = True
        self._is_drained = False
        pool.on_change = self.pump

    @property
    def joins(self) -> bool:
        """Whether requests may be predicted together."""
        return self._waiting.max_rows > 1

    @property
    def joinable_rows(self) -> int:
        """Most rows of different requests that are predicted together now."""
        return self._waiting.limit

    @property
    def queued(self) -> int:
        """Number of requests that wait for a worker."""
        return len(self._waiting)

    def put(self, job: Job) -> None:
        """Takes a request, which may be handed over at once.

        Raises:
            ResourceExhausted: Too many wait.
            Unavailable: The version is being unloaded.
        """
        if not self._is_open:
            raise failures.shutting_down()
        if len(self._waiting) >= self._options.max_queue:
            raise failures.too_many(len(self._waiting), self._retry_after_s())
        self._waiting.add(job)
        self._gathering.came(len(self._waiting) + self._working)
        self.pump()

    def put_pinned(self, worker: WorkerProcess, job: Job) -> None:
        """Takes a request that only this worker can answer."""
        job.worker = worker
        self._pinned.setdefault(worker, deque()).append(job)
        self.pump()

    def drop(self, job: Job) -> None:
        """Forgets a request whose caller has given up. A worker that has it already goes on."""
        self._waiting.drop(job)
        self._tell_idle()

    def expire(self, job: Job) -> None:
        """Answers a request whose caller's time is up."""
        job.fail(DeadlineExceeded("The deadline of the request passed before the model answered."))
        self.drop(job)

    async def drain(self, grace_s: float) -> None:
        """Takes no more requests, and waits for those it has. What is not answered in time fails.

        Args:
            grace_s: Most seconds to wait.
        """
        self._is_open = False
        self._idle = self._loop.create_future()
        self._tell_idle()
        await asyncio.wait([self._idle], timeout=grace_s)
        for timer in (self._gather_timer, self._give_up_timer):
            if timer is not None:
                timer.cancel()
        self._is_drained = True
        for job in self._waiting.take_all():
            job.fail(failures.shutting_down())

    def pump(self) -> None:
        """Hands over what can be handed over now."""
        for worker in list(self._pinned):
            self._pump_pinned(worker)
        for worker in self._pool.active:
            if self._waiting and not worker.busy and self._may_go():
                self._gathering.went(len(self._waiting) + self._working)
                self._hand_over(worker, self._waiting.take())
        for worker in self._pool.active:
            if self._waiting and self._is_quick and self._has_enough and not worker.full and worker not in self._pinned:
                self._hand_over(worker, self._waiting.take())
        if self._waiting and not self._pool.active and self._give_up_timer is None:
            self._give_up()

    def _pump_pinned(self, worker: WorkerProcess) -> None:
        """Hands over the next request that is for this worker, in turn with those that are for any."""
        jobs = self._pinned[worker]
        if worker.ended:
            for job in jobs:
                job.fail(failures.worker_lost("The process of the model ended while it answered. Repeat the request."))
            jobs.clear()
            self._had_pinned.discard(worker)
        elif not worker.busy:
            if self._waiting and worker in self._had_pinned and worker in self._pool.active:
                self._had_pinned.discard(worker)
                return
            self._had_pinned.add(worker)
            self._hand_over(worker, [jobs.popleft()])
        if not jobs:
            del self._pinned[worker]

    @property
    def _is_quick(self) -> bool:
        """Whether requests may queue at one worker, where another that is free sooner cannot take them."""
        return 0 < self._seconds_at_once < _QUICK_S

    @property
    def _has_enough(self) -> bool:
        """Whether to wait for more requests would not make the next prediction larger."""
        first = self._waiting.first
        return self._waiting.is_full or not self.joins or first.alone or first.rows == 0

    def _may_go(self) -> bool:
        """Whether the next requests should be handed over now that a worker is free."""
        if self._has_enough:
            return True
        wait_s = self._gathering.wait_s(time.monotonic(), len(self._waiting) + self._working)
        if wait_s <= 0:
            return True
        if self._gather_timer is None:
            self._gather_timer = self._loop.call_later(wait_s, self._gathered)
        return False

    def _gathered(self) -> None:
        self._gather_timer = None
        self.pump()

    def _hand_over(self, worker: WorkerProcess, jobs: list[Job]) -> None:
        first = jobs[0]
        try:
            payload = (
                first.payload if len(jobs) == 1 else join([job.payload for job in jobs if job.payload is not None])
            )
        except MemoryError:
            self._retry(jobs)
            return
        for job in jobs:
            job.worker = worker
        if first.fields["do"] == "stream":
            worker.streams.add(first.fields["stream"])
        self._working += len(jobs)
        done = partial(self._answered, worker, jobs, time.monotonic())
        worker.ask(first.fields, payload, self._options.predict_timeout_s, done)

    def _answered(self, worker: WorkerProcess, jobs: list[Job], started: float, outcome: Outcome) -> None:
        self._working -= len(jobs)
        now = time.monotonic()
        started, worker.answered_at = max(started, worker.answered_at), now
        if isinstance(outcome, Reply):
            self._note_rate(now - started, len(jobs))
            self._resolve(jobs, started, now, outcome)
        elif isinstance(outcome, Lost) and not outcome.begun:
            self._put_back(jobs)
        elif len(jobs) > 1:
            self._retry(jobs)
        elif not jobs[0].answer.done():
            jobs[0].fail(failures.of_request(self._name, outcome, self._options.predict_timeout_s))
        stream = jobs[0].fields.get("stream")
        if stream is not None and not (isinstance(outcome, Reply) and outcome.fields["is"] == "piece"):
            worker.streams.discard(stream)
        if not worker.ended:
            self._pool.answered(worker)
        self.pump()
        self._tell_idle()

    def _resolve(self, jobs: list[Job], started: float, now: float, reply: Reply) -> None:
        """Gives each request its part of the answer."""
        first = jobs[0].payload
        rows = (first.rows or 0) if first is not None else 0
        parts: list[Payload | None] = [reply.payload]
        if len(jobs) > 1:
            rows = sum(job.rows for job in jobs)
            try:
                parts = list(cut(reply.payload or Payload("value"), [job.rows for job in jobs]))
            except ModelError:
                self._join_no_more(rows)
                self._retry(jobs)
                return
        if jobs[0].rows:
            self._waiting.took(rows, now - started)
        for job, part in zip(jobs, parts, strict=True):
            job.timing = Timing(started - job.queued, now - started, rows)
            job.succeed(part)

    def _join_no_more(self, rows: int) -> None:
        self._waiting.join_no_more()
        _log.warning(
            "model does not answer row by row; its requests are predicted one by one from now on",
            extra={"model": self._name, "batch_rows": rows},
        )

    def _retry(self, jobs: list[Job]) -> None:
        """Has requests that shared a prediction asked one by one, before all others."""
        for job in jobs:
            job.alone = True
        self._put_back(jobs)

    def _put_back(self, jobs: list[Job]) -> None:
        if self._is_drained:
            for job in jobs:
                job.fail(failures.shutting_down())
        else:
            self._waiting.put_back([job for job in jobs if not job.answer.done()])

    def _note_rate(self, seconds: float, requests: int) -> None:
        weight = 0.1 if self._seconds_at_once else 1.0
        each = seconds / requests / max(1, len(self._pool.active))
        self._seconds_each += (each - self._seconds_each) * weight
        self._seconds_at_once += (seconds - self._seconds_at_once) * weight

    def _retry_after_s(self) -> float:
        return min(max(len(self._waiting) * self._seconds_each, _LEAST_RETRY_S), _MOST_RETRY_S)

    def _give_up(self) -> None:
        """Answers requests that have waited too long while there was no worker."""
        self._give_up_timer = None
        now = time.monotonic()
        while self._waiting and not self._pool.active:
            left = self._waiting.first.queued + self._options.predict_timeout_s - now
            if left > 0:
                self._give_up_timer = self._loop.call_later(left, self._give_up)
                return
            job = self._waiting.take()[0]
            job.fail(failures.worker_lost("The model has no process that can answer. Repeat later."))

    def _tell_idle(self) -> None:
        if self._idle is None or self._idle.done():
            return
        if not self._waiting and not any(worker.occupied for worker in self._pool.processes):
            self._idle.set_result(None)
