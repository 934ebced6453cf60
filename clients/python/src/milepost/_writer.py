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
from collections.abc import Callable, Sequence
from typing import Protocol

from milepost import v1 as pb
from milepost._batches import MAX_RECORDS, Entries, Record, count, describe, group, split
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
POINT_BYTES = 320
"""Estimate of a queued metric point: its tuple and numbers, its place in the list, and a key of its own."""
BATCH_DELAY_S = 0.2
POLL_S = 0.05
IDLE_POLL_S = 1.0
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

    Logging metrics is a hot path, so it needs no lock: while `len(records) < limit`, points may be appended to
    `records` directly (appending to a list is atomic), else `add` takes them. `limit` is 0 whenever a producer must do
    more than append: start or wake the thread, or raise. Only the thread removes from `records`, at the front.

    Args:
        sender: Where batches go.
        strict: Whether `add` and `check` raise `LoggingError` for what was refused or lost before.
        before_sending: Called before the thread starts, so also in a forked child that logs.
    """

    def __init__(
        self, sender: Sender, *, strict: bool = False, before_sending: Callable[[], None] = lambda: None
    ) -> None:
        self._sender = sender
        self._before_sending = before_sending
        self._strict = strict
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        self.records: list[Record | threading.Event] = []
        self.limit = 0
        self.refused = 0
        self.dropped = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._sending = 0
        self._text_bytes = 0
        self._waiting = 0
        self._closed = False
        self._stalled = False
        self._warned: set[str] = set()
        self._losses: dict[str, str] = {}
        self._failure: Exception | None = None

    @property
    def pending(self) -> int:
        """Points, params and tags that are neither stored nor refused yet."""
        return self._sending + _values([record for record in self.records if not isinstance(record, threading.Event)])

    def add(self, records: Sequence[Record]) -> None:
        """Queues records. Raises only `LoggingError`, and only when strict."""
        self.check()
        text = sum(record.size for record in records if isinstance(record, Entries))
        with self._changed:
            has_room = self._has_room(records, text) or self._wait_for_room(records, text)
            if not has_room or not self._wake():
                self._drop(records)
                return
            self.records += records
            self._text_bytes += text

    def flush(self, timeout_s: float | None = None) -> bool:
        """Waits until all that was queued before is stored or refused. Returns whether that came in time."""
        if self._thread is None and not self.records:
            return True
        done = threading.Event()
        with self._changed:
            if not self._wake():
                return False
            self._waiting += 1
            self.records.append(done)
        try:
            return done.wait(timeout_s)
        finally:
            with self._changed:
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
        if self._failure is not None:
            losses, failure = self.take_losses()
            raise LoggingError(f"Something logged before was not stored: {'; '.join(losses)}") from failure

    def take_losses(self) -> tuple[list[str], Exception | None]:
        """What was refused or lost since the last call, with an example for each reason, and when strict, the first."""
        with self._changed:
            losses, self._losses = self._losses, {}
            failure, self._failure = self._failure, None
        return list(losses.values()), failure

    def _room(self) -> int:
        return (QUEUE_BYTES - self._text_bytes) // POINT_BYTES

    def _set_limit(self) -> None:
        self.limit = self._room() if self._failure is None else 0

    def _has_room(self, records: Sequence[Record], text: int) -> bool:
        points = 0 if text else len(records)
        return len(self.records) + points + text // POINT_BYTES <= self._room()

    def _wait_for_room(self, records: Sequence[Record], text: int) -> bool:
        # Once a record was lost, waiting again before anything was sent would only slow training down.
        if self._stalled or self._thread is None:
            return False
        self._changed.notify_all()
        return self._changed.wait_for(lambda: self._has_room(records, text), FULL_WAIT_S)

    def _wake(self) -> bool:
        """Sees to it that the thread runs and looks at the queue. False when it cannot, as the program ends."""
        if self._thread is None:
            self._before_sending()
            self._closed = False
            thread = threading.Thread(target=self._run, name="milepost-writer", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        self._set_limit()
        self._changed.notify_all()
        return True

    def _drop(self, records: Sequence[Record]) -> None:
        self._stalled = True
        if self.dropped == 0:
            print(
                "milepost: the server takes no more and the queue of logged values is full: newer values are LOST "
                "until it takes some again. The end of the run says how many.",
                file=sys.stderr,
            )
        self.dropped += _values(records)
        run_id = records[0][0]
        self._note(
            "QUEUE_FULL", "the queue was full", MilepostError(f"the queue was full; values of run {run_id} are lost")
        )

    def _note(self, reason: str, text: str, error: Exception) -> None:
        self._losses.setdefault(reason, text)
        if self._strict and self._failure is None:
            self._failure = error
            self.limit = 0

    # The thread

    def _run(self) -> None:
        while self._collect():
            records, flushed = self._take()
            try:
                self._deliver(records)
            except Exception as error:  # a defect of ours must not end the thread
                self._refuse(f"{len(records)} records", _values(records), error)
            with self._changed:
                self._sending = 0
                self._text_bytes -= sum(record.size for record in records if isinstance(record, Entries))
                self._stalled = False
                self._set_limit()
                self._changed.notify_all()
            if flushed is not None:
                flushed.set()

    def _collect(self) -> bool:
        """Waits until there is enough for a batch, or something is old enough or wanted. False when closed."""
        with self._changed:
            while not self.records:
                if self._closed:
                    self._thread, self.limit = None, 0
                    return False
                # A producer that saw the old limit may append just now without waking us, hence the time-out.
                self.limit = 0
                self._changed.wait(IDLE_POLL_S)
            deadline = time.monotonic() + BATCH_DELAY_S
            self._set_limit()
            while len(self.records) < min(MAX_RECORDS, self.limit) and not self._waiting and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, POLL_S))
        return True

    def _take(self) -> tuple[list[Record], threading.Event | None]:
        """The records of the next batch, and the flush that waits for them, if any."""
        front = self.records[:MAX_RECORDS]
        taken: list[Record] = []
        flushed = None
        for record in front:
            if isinstance(record, threading.Event):
                flushed = record
                break
            taken.append(record)
        with self._changed:
            self._sending = _values(taken)
            del self.records[: len(taken) + (flushed is not None)]
            self._changed.notify_all()
        return taken, flushed

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
                self._warned.add(reason)
                _log.warning("%s Further values refused for the same reason (%s) are only counted.", text, reason)
            self._note(reason, text, error)


def _values(records: Sequence[Record]) -> int:
    return sum(len(record.data) if isinstance(record, Entries) else 1 for record in records)


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


def _forget_in_child() -> None:
    for writer in list(_writers):
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
