"""Requests on their way to a worker, and those that wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from milepost.models.worker.payload import Payload
from milepost_server.serving.engine import Timing
from milepost_server.serving.execution.worker_process import WorkerProcess

# Requests looked at for one batch; where few fit each other, the others need not be looked at again and again.
_LOOKED_AT = 256

# More rows than these only as long as the model is quick with them, and as many bytes as these.
_ROWS_AT_ONCE = 64
_SECONDS_AT_ONCE = 0.1
_BYTES_AT_ONCE = 32 << 20


@dataclass(slots=True, eq=False)
class Job:
    """A request.

    Args:
        fields: Of the message to the worker.
        payload: What goes with it.
        params: Params of the model; requests are joined when these are equal.
        answer: Gets the payload of the answer, None at the end of a stream, or the error.
        rows: Number of rows where it can be joined with others, else 0.
        queued: When it came, on the clock of `time.monotonic`.
        alone: Whether it must not be joined any more.
        timer: Ends it when its caller's time is up.
        worker: What it was handed to, or can be handed to only.
        timing: How it went; once it was answered.
    """

    fields: Mapping[str, Any]
    payload: Payload | None
    params: Mapping[str, Any] | None
    answer: asyncio.Future[Payload | None]
    rows: int
    queued: float
    alone: bool = False
    timer: asyncio.TimerHandle | None = None
    worker: WorkerProcess | None = None
    timing: Timing | None = None

    def fits(self, other: Job) -> bool:
        """Whether the two can be joined; the other one can be joined with some."""
        if self.rows == 0 or self.alone or self.params != other.params:
            return False
        return self.payload is not None and other.payload is not None and self.payload.fits(other.payload)

    def succeed(self, payload: Payload | None) -> None:
        """Answers, unless somebody has given up before."""
        if not self.answer.done():
            self.answer.set_result(payload)

    def fail(self, error: BaseException) -> None:
        """Answers with an error, unless somebody has given up before."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Waiting:
    """Requests in the order in which they are taken.

    Args:
        max_rows: Most rows of different requests that are taken together; 1 for none.

    Attributes:
        limit: Most rows that are taken together now, while the model takes so long for each.
    """

    def __init__(self, max_rows: int) -> None:
        self._jobs: OrderedDict[Job, None] = OrderedDict()
        self._rows = 0
        self._seconds_each = 0.0
        self.limit = min(max_rows, _ROWS_AT_ONCE)
        self.max_rows = max_rows

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_full(self) -> bool:
        """Whether there may be enough rows for one prediction."""
        return self._rows >= self.limit

    @property
    def first(self) -> Job:
        """The one that is taken next; there is one."""
        return next(iter(self._jobs))

    def add(self, job: Job) -> None:
        """Puts one at the end."""
        self._jobs[job] = None
        self._rows += job.rows

    def put_back(self, jobs: list[Job]) -> None:
        """Puts some that were taken before all others."""
        for job in reversed(jobs):
            self.add(job)
            self._jobs.move_to_end(job, last=False)

    def drop(self, job: Job) -> bool:
        """Takes one away. Returns whether it waited."""
        if job not in self._jobs:
            return False
        del self._jobs[job]
        self._rows -= job.rows
        return True

    def take(self) -> list[Job]:
        """The first one, and as many as fit it and the limit. There is one."""
        first = self.first
        self.drop(first)
        jobs, rows = [first], first.rows
        if first.rows == 0 or first.alone or first.payload is None:
            return jobs
        most = min(self.limit, _BYTES_AT_ONCE * first.rows // (first.payload.nbytes or 1))
        for job in list(islice(self._jobs, _LOOKED_AT)):
            if rows >= most:
                break
            if rows + job.rows <= most and job.fits(first):
                self.drop(job)
                jobs.append(job)
                rows += job.rows
        return jobs

    def took(self, rows: int, seconds: float) -> None:
        """Hears how long a prediction took, so that the next ones are not made too long."""
        each = seconds / max(rows, 1)
        # Quick ones count at once: what slows a prediction down seldom has to do with its rows.
        self._seconds_each = min(each, self._seconds_each * 0.9 + each * 0.1) if self._seconds_each else each
        quick = int(_SECONDS_AT_ONCE / self._seconds_each) if self._seconds_each else 0
        self.limit = min(self.max_rows, max(_ROWS_AT_ONCE, quick))

    def join_no_more(self) -> None:
        """Takes one by one from now on."""
        self.limit = self.max_rows = 1

    def take_all(self) -> list[Job]:
        """All of them."""
        jobs = list(self._jobs)
        self._jobs.clear()
        self._rows = 0
        return jobs
