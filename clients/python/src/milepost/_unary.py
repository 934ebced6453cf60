"""Batches that go by unary calls: params and tags, and the parts of a batch of which some part was refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._backlog import Pending
from milepost._batches import count, describe, split
from milepost._channel import Transport
from milepost._delivery import Post, Refuse, Retry, concerns_all
from milepost._points import unary_twin
from milepost.errors import MilepostError

TIMEOUT_S = 30.0


@dataclass(slots=True, eq=False)
class _Job:
    pending: Pending
    # What is still to be sent of it, next one last.
    requests: list[bytes]


class UnaryLane:
    """Sends one request at a time, in order, until it is stored or refused. For one thread, as `MetricStream`.

    Args:
        transport: The connection to the server.
        post: How answers come back to the one thread.
        done: Takes each batch of which nothing is left to do.
        refuse: Takes note of parts that were refused.
    """

    def __init__(self, transport: Transport, post: Post, *, done: Callable[[Pending], None], refuse: Refuse) -> None:
        self._transport = transport
        self._post = post
        self._done = done
        self._refuse = refuse
        self._jobs: deque[_Job] = deque()
        self._is_calling = False
        self._retry = Retry()

    def put(self, pending: Pending) -> None:
        """Takes params or tags."""
        self._jobs.append(_Job(pending, [pending.batch.wire]))

    def put_rejected(self, pending: Pending, error: MilepostError) -> None:
        """Takes points that were rejected together, to store those that are right."""
        job = _Job(pending, [])
        self._take_apart(job, unary_twin(pending.batch), error)
        if job.requests:
            self._jobs.append(job)
        else:
            self._done(pending)

    def work(self, hurried: bool) -> float | None:
        """Sends what can be sent. Returns in how many seconds to try again; None: when something is heard."""
        if self._is_calling or not self._jobs:
            return None
        wait_s = self._retry.wait_s(hurried)
        if wait_s > 0:
            return wait_s
        self._transport.start(rpc.LOG_BATCH, self._jobs[0].requests[-1], TIMEOUT_S, self._post_answer)
        self._is_calling = True
        return None

    def _post_answer(self, error: MilepostError | None) -> None:
        self._post(partial(self._answered, error))

    def _answered(self, error: MilepostError | None) -> None:
        self._is_calling = False
        if error is not None and self._retry.failed(error):
            return
        self._retry.succeeded()
        job = self._jobs[0]
        request = job.requests.pop()
        if error is not None:
            self._take_apart(job, pb.LogBatchRequest.FromString(request), error)
        if not job.requests:
            self._jobs.popleft()
            self._done(job.pending)

    def _take_apart(self, job: _Job, request: pb.LogBatchRequest, error: MilepostError) -> None:
        halves = [] if concerns_all(error) else split(request)
        if halves:
            job.requests += [half.SerializeToString() for half in reversed(halves)]
        else:
            self._refuse(describe(request), count(request), error)
