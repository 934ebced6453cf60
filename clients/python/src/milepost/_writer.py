"""Logging in the background: a bounded queue and one thread that sends it in batches.

What holds:
- A logging call appends to a queue and returns. It waits only while the queue is full, 0.1 s at most.
- Nothing is stored twice: a batch keeps its `request_id` over all retries.
- While the server does not answer, batches are retried with growing delays (0.1 to 30 s) for as long as it takes. A
  value that finds the queue still full after 0.1 s is lost; that is counted, and said on stderr the first time.
- What the server refuses for good is found by halving its batch, so that its neighbours are stored; it is counted and
  logged as a warning, once for each reason.
- Training never sees an exception, unless strict: then the next call and `flush` raise `LoggingError`.
- A forked child starts with an empty queue; what the parent had queued is the parent's to send.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Protocol

from milepost import v1 as pb
from milepost._batches import MAX_POINTS, Record, count, describe, group, split
from milepost._channel import Transport, backoff_s
from milepost._requests import send_batch
from milepost.errors import (
    CancelledError,
    FailedPreconditionError,
    InternalError,
    LoggingError,
    MilepostError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownError,
)

QUEUE_BYTES = 48 * 1024 * 1024
"""Most bytes queued, by estimate; with what one batch takes this stays below 64 MiB."""
BATCH_POINTS = 5_000
BATCH_DELAY_S = 0.2
FULL_WAIT_S = 0.1
SEND_TIMEOUT_S = 30.0
LONGEST_DELAY_S = 30.0
HURRIED_DELAY_S = 1.0
"""Longest delay between retries while somebody waits for a flush."""
DEFECT_ATTEMPTS = 5

# Errors that may be a passing defect of the server or of a proxy; given a few attempts.
_DEFECTS = (CancelledError, InternalError, UnknownError)
# Errors of the run or the caller, which every part of a batch would meet.
_WHOLE = (FailedPreconditionError, NotFoundError, PermissionDeniedError, UnauthenticatedError)

_log = logging.getLogger(__name__)


class Sender(Protocol):
    """How batches reach the server."""

    def send(self, request: pb.LogBatchRequest) -> None:
        """Returns when the batch is durable; the same `request_id` is never stored twice. Raises `MilepostError`."""


class UnarySender:
    """One `LogBatch` call per batch."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, request: pb.LogBatchRequest) -> None:
        """See `Sender`."""
        self._transport.call(send_batch(request), SEND_TIMEOUT_S, retry=False)


class Writer:
    """The queue and the thread. Safe to use from all threads; the thread starts with the first record.

    Args:
        sender: Where batches go.
        strict: Whether `add` and `check` raise `LoggingError` for what was refused or lost before.
    """

    def __init__(self, sender: Sender, *, strict: bool = False) -> None:
        self._sender = sender
        self._strict = strict
        self.refused = 0
        self.dropped = 0
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._records: list[Record] = []
        self._size = 0
        self._points = 0
        self._added = 0
        self._settled = 0
        self._idle = False
        self._waiting = 0
        self._closed = False
        self._stalled = False
        self._warned: set[str] = set()
        self._losses: list[str] = []
        self._failure: Exception | None = None

    @property
    def pending(self) -> int:
        """Logging calls that are neither stored nor refused yet."""
        return self._added - self._settled

    def add(self, record: Record) -> None:
        """Queues a record. Raises only `LoggingError`, and only when strict."""
        if self._failure is not None:
            self.check()
        with self._changed:
            if self._size + record.size > QUEUE_BYTES and not self._wait_for_room(record.size):
                self._drop(record)
                return
            self._records.append(record)
            self._size += record.size
            self._points += len(record.data)
            self._added += 1
            if self._idle or self._points >= BATCH_POINTS:
                self._changed.notify_all()
            if self._thread is None:
                self._start()

    def flush(self, timeout_s: float | None = None) -> bool:
        """Waits until all that was queued before is stored or refused. Returns whether that came in time."""
        with self._changed:
            target = self._added
            self._waiting += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._settled >= target, timeout_s)
            finally:
                self._waiting -= 1

    def close(self, timeout_s: float | None = None) -> bool:
        """`flush`, then ends the thread if that was in time; a later record starts a new one."""
        done = self.flush(timeout_s)
        with self._changed:
            thread, self._closed = self._thread, True
            self._changed.notify_all()
        if done and thread is not None:
            thread.join(timeout_s)
        return done

    def check(self) -> None:
        """When strict, raises `LoggingError` for the first loss since the last one raised."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise LoggingError(f"Something logged before was not stored: {failure}") from failure

    def take_losses(self) -> list[str]:
        """What was refused or lost since the last call, for people. Long lists end in a count."""
        with self._changed:
            losses, self._losses = self._losses, []
        return losses

    def _start(self) -> None:
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="milepost-writer", daemon=True)
        self._thread.start()

    def _wait_for_room(self, size: int) -> bool:
        # Once a record was lost, waiting again before anything was sent would only slow training down.
        if self._stalled:
            return False
        return self._changed.wait_for(lambda: self._size + size <= QUEUE_BYTES, FULL_WAIT_S)

    def _drop(self, record: Record) -> None:
        self._stalled = True
        if self.dropped == 0:
            print(
                "milepost: the server takes no more and the queue of logged values is full: newer values are LOST "
                "until it takes some again. The end of the run says how many.",
                file=sys.stderr,
            )
        self.dropped += len(record.data)
        lost = MilepostError(f"the queue was full, so a value of {record.kind} of run {record.run_id} was lost")
        self._note("QUEUE_FULL", str(lost), lost)

    def _note(self, reason: str, text: str, error: Exception) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            self._losses.append(text)
        if self._strict and self._failure is None:
            self._failure = error

    # The thread

    def _run(self) -> None:
        while True:
            records = self._take()
            if not records:
                return
            try:
                self._deliver(records)
            except Exception as error:  # a defect of ours must not end the thread
                self._refuse(f"{len(records)} logging calls", len(records), error)
            with self._changed:
                self._settled += len(records)
                self._size -= sum(record.size for record in records)
                self._stalled = False
                self._changed.notify_all()

    def _take(self) -> list[Record]:
        """The records of the next batch, when it is full, old enough or wanted. Empty when closed."""
        with self._changed:
            while not self._records:
                if self._closed:
                    self._thread = None
                    return []
                self._idle = True
                self._changed.wait()
                self._idle = False
            self._changed.wait_for(lambda: self._points >= BATCH_POINTS or self._waiting or self._closed, BATCH_DELAY_S)
            points = end = 0
            while end < len(self._records) and points < MAX_POINTS:
                points += len(self._records[end].data)
                end += 1
            taken = self._records[:end]
            del self._records[:end]
            self._points -= points
            return taken

    def _deliver(self, records: Sequence[Record]) -> None:
        requests, refused = group(records)
        for what, error in refused:
            self._refuse(what, 1, error)
        pending = requests[::-1]
        while pending:
            request = pending.pop()
            problem = self._send(request)
            if problem is None:
                continue
            halves = [] if isinstance(problem, _WHOLE) else split(request)
            if halves:
                pending += halves[::-1]
            else:
                self._refuse(describe(request), count(request), problem)

    def _send(self, request: pb.LogBatchRequest) -> MilepostError | None:
        """Sends until it is stored, which returns None, or refused for good, which returns the error."""
        failures = 0
        while True:
            try:
                self._sender.send(request)
            except MilepostError as error:
                failures += 1
                if not error.retriable and not (isinstance(error, _DEFECTS) and failures < DEFECT_ATTEMPTS):
                    return error
                self._pause(backoff_s(failures, error, LONGEST_DELAY_S))
            else:
                return None

    def _pause(self, delay_s: float) -> None:
        begun = time.monotonic()
        with self._changed:
            while True:
                wanted = min(delay_s, HURRIED_DELAY_S) if self._waiting or self._closed else delay_s
                left = begun + wanted - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def _refuse(self, what: str, values: int, error: Exception) -> None:
        reason = getattr(error, "reason", "") or type(error).__name__
        text = f"{what} was refused: {error}"
        with self._changed:
            self.refused += values
            if reason not in self._warned:
                _log.warning("%s Further values refused for the same reason (%s) are only counted.", text, reason)
            self._note(reason, text, error)


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


def _forget_in_child() -> None:
    for writer in list(_writers):
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
