"""Logging in the background: a bounded queue, and one thread that sends it in batches.

What holds:
- A logging call appends to a queue and returns. It waits only while the queue is full, 0.1 s at most.
- Points go by one stream per run, params and tags by unary calls. Nothing is stored twice: batches of points are
  numbered, the others keep their `request_id`, over all retries and restarts.
- While the server does not answer, batches wait in memory, and beyond a bound in a spool file, for as long as it takes.
  Only when that file is full or cannot be written are values lost; that is counted, and said on stderr the first time.
- What the server refuses for good is found by halving its batch, so that its neighbours are stored; it is counted and
  logged as a warning, once for each reason.
- What is not sent when the writer closes stays in the spool file. The next writer of the same user to the same server,
  or `milepost sync`, sends it.
- Training never sees an exception, unless strict: then the next call and `flush` raise `LoggingError`.
- A forked child starts with an empty queue; what the parent had queued is the parent's to send.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from milepost._backlog import Backlog
from milepost._batches import Batch, Entries, pack_entries
from milepost._channel import Transport
from milepost._courier import Courier
from milepost._losses import Losses
from milepost._points import MAX_POINTS, WIDTH, pack_points
from milepost._spool import Spool
from milepost._sync import Forwarder
from milepost.config import ClientConfig
from milepost.errors import LoggingError

QUEUE_BYTES = 24 * 1024 * 1024
"""Most bytes queued, by estimate. With batches in memory and what one batch takes this stays below 64 MiB."""
POINT_BYTES = 240
"""Estimate of a queued metric point: its numbers, its places in the list, and a key of its own."""
BATCH_ITEMS = MAX_POINTS * WIDTH
"""Items of queued points that are sent without waiting for more."""
BATCH_DELAY_S = 0.2
IDLE_POLL_S = 1.0
FULL_WAIT_S = 0.08
LEAVE_S = 10.0
"""How long `close` waits for the spool file to be written."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Flush:
    """Somebody waits.

    Args:
        items: How many items of points must have left the queue, counted from the first.
        entries: How many records of params and tags must have left theirs.
        batches: Once they have: how many batches must be done.
        done: Set then.
    """

    items: int
    entries: int
    batches: int | None = None
    done: threading.Event = field(default_factory=threading.Event)


class _Delivery:
    """What one run of the thread works with. It is left behind as a whole, in a forked child too."""

    def __init__(
        self, transport: Transport, config: ClientConfig, changed: threading.Condition, losses: Losses
    ) -> None:
        create_spool = partial(Spool.create, config.spool_dir, config.address)
        self.backlog = Backlog(create_spool, config.spool_bytes)
        self.courier = Courier(transport, self.backlog, changed, losses.refuse)
        self.forwarder = Forwarder(transport, config)

    def close(self) -> int:
        """Ends all calls. What was not answered goes to the spool file. Returns how many values found no room there."""
        self.forwarder.stop()
        self.courier.close()
        return self.backlog.leave()

    def forget(self) -> None:
        """Lets go of the spool files in a forked child, since they are the parent's."""
        self.backlog.forget()
        self.forwarder.forget()


class Writer:
    """The queue and the thread. Safe to use from all threads; the thread starts with the first record.

    Logging metrics is a hot path, so it needs no lock: while `len(points) < limit`, the five items of a point may be
    appended to `points` at once (extending a list by a tuple is atomic), else `add_points` takes them. `limit` is 0
    whenever a producer must do more than append: start or wake the thread, or raise. Only the thread removes from
    `points`, at the front, and it is the same list for as long as the writer lives.

    Args:
        transport: The connection to the server.
        config: The server, where the spool file goes, and whether adding and `check` raise `LoggingError` for what was
            refused or lost before.
        before_sending: Called before the thread starts, so also in a forked child that logs.
    """

    def __init__(
        self, transport: Transport, config: ClientConfig, before_sending: Callable[[], None] = lambda: None
    ) -> None:
        self._transport = transport
        self._config = config
        self._before_sending = before_sending
        self.points: list[Any] = []
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        # The list stays the same: producers know it.
        self.points.clear()
        self.limit = 0
        self.losses = Losses(self._config.strict)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._entries: list[Entries] = []
        self._text_bytes = 0
        self._taken_items = 0
        self._taken_entries = 0
        self._hurried = False
        self.unwritten = 0
        self._packing = 0
        self._oldest = 0.0
        self._flushes: list[_Flush] = []
        self._closing = False
        self._leaving = False
        self._stalled = False
        self._numbers: dict[str, tuple[str, int]] = {}
        self._delivery: _Delivery | None = None

    @property
    def pending(self) -> int:
        """Points, params and tags that are neither stored nor refused yet."""
        in_backlog = self._delivery.backlog.values if self._delivery is not None else 0
        return len(self.points) // WIDTH + _values(self._entries) + self._packing + in_backlog

    def add_points(self, flat: Sequence[Any]) -> None:
        """Queues points, as a flat list. Raises only `LoggingError`, and only when strict."""
        self.check()
        with self._changed:
            if self._has_room(len(flat), 0) and self._wake():
                self.points += flat
                self._set_limit()
                return
        self.losses.drop(len(flat) // WIDTH, flat[0])

    def add_entries(self, entries: Entries) -> None:
        """Queues params or tags. Raises only `LoggingError`, and only when strict."""
        self.check()
        with self._changed:
            if self._has_room(0, entries.size) and self._wake():
                self._entries.append(entries)
                self._text_bytes += entries.size
                self._set_limit()
                return
        self.losses.drop(len(entries.data), entries.run_id)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Waits until all that was queued before is stored or refused. Returns whether that came in time."""
        if self._thread is None and not self.points and not self._entries:
            return True
        with self._changed:
            if not self._wake():
                return False
            flush = _Flush(self._taken_items + len(self.points), self._taken_entries + len(self._entries))
            self._flushes.append(flush)
        try:
            return flush.done.wait(timeout_s)
        finally:
            with self._changed:
                if flush in self._flushes:
                    self._flushes.remove(flush)

    def close(self, timeout_s: float | None = None) -> bool:
        """`flush`, then ends the thread; a later record starts a new one. Returns whether the flush was in time.

        What was not stored in time stays in the spool file.
        """
        done = self.flush(timeout_s)
        with self._changed:
            thread, self._closing, self._leaving = self._thread, True, not done
            self._changed.notify_all()
        if thread is not None:
            thread.join(LEAVE_S)
        return done

    def finish(self, run_id: str) -> None:
        """Lets go of what is kept for a run, which has ended. Logging to it again is possible."""
        with self._changed:
            if self._delivery is not None:
                self._delivery.courier.post(partial(self._forget_run, self._delivery.courier, run_id))

    def check(self) -> None:
        """When strict, raises `LoggingError` for the first loss since the last one raised."""
        if self.losses.failure is not None:
            losses, failure = self.losses.take()
            raise LoggingError(f"Something logged before was not stored: {'; '.join(losses)}") from failure

    # Room, with the lock held

    def _capacity(self) -> int:
        return (QUEUE_BYTES - self._text_bytes) // POINT_BYTES * WIDTH

    def _set_limit(self) -> None:
        if self._thread is None or self.losses.failure is not None:
            self.limit = 0
        else:
            # At a full batch a producer comes by and wakes the thread; further ones need not.
            capacity = self._capacity()
            self.limit = min(capacity, BATCH_ITEMS) if len(self.points) < BATCH_ITEMS else capacity

    def _has_room(self, items: int, text: int) -> bool:
        def fits(room: int = 0) -> bool:
            return len(self.points) + items <= self._capacity() + room - text // POINT_BYTES * WIDTH

        if fits():
            return True
        # Once a record was lost, waiting again before anything was taken would only slow training down.
        if self._stalled or self._delivery is None:
            return False
        self._changed.notify_all()
        if self._changed.wait_for(fits, FULL_WAIT_S):
            return True
        # A thread that is merely slow holds producers back by the wait, which is enough.
        self._stalled = not (self._delivery.backlog.has_room and fits(BATCH_ITEMS))
        return not self._stalled

    def _wake(self) -> bool:
        """Sees to it that the thread runs and looks at the queue. False when it cannot, as the program ends."""
        if self._thread is None and not self._start():
            return False
        self._set_limit()
        self._changed.notify_all()
        return True

    def _start(self) -> bool:
        self._before_sending()
        self._closing = self._leaving = False
        self._numbers = {}  # the batches of a thread before may wait in its spool file
        self._delivery = delivery = _Delivery(self._transport, self._config, self._changed, self.losses)
        self._thread = threading.Thread(target=self._run, args=(delivery,), name="milepost-writer", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = self._delivery = None
            return False
        return True

    # The thread

    def _run(self, delivery: _Delivery) -> None:
        delivery.forwarder.start()
        wait_s: float | None = None
        while self._wait(delivery, wait_s):
            if self._is_ripe() and delivery.backlog.has_room:
                self._pack(delivery.backlog)
            wait_s = self._work(delivery.courier)
            with self._changed:
                self._settle(delivery.backlog)
        last = self._taken_items + len(self.points)
        while self._leaving and (self._taken_items < last or self._entries):
            self._pack(delivery.backlog)
        self.unwritten = delivery.close()
        with self._changed:
            if self._delivery is delivery:
                self._thread, self.limit = None, 0

    def _wait(self, delivery: _Delivery, wait_s: float | None) -> bool:
        """Waits until something is to be done. False when the thread is to end."""
        with self._changed:
            while not self._is_due(delivery):
                if self._leaving or self._is_finished(delivery):
                    return False
                now = time.monotonic()
                timeout_s = IDLE_POLL_S if wait_s is None else min(wait_s, IDLE_POLL_S)
                if self.points or self._entries:
                    self._oldest = self._oldest or now
                    if delivery.backlog.has_room:
                        timeout_s = min(timeout_s, self._oldest + BATCH_DELAY_S - now)
                else:
                    # A producer that saw the old limit may append just now without waking us; hence `IDLE_POLL_S`.
                    self.limit = 0
                if timeout_s <= 0 or not self._changed.wait(timeout_s):
                    break
        return not self._leaving

    def _is_due(self, delivery: _Delivery) -> bool:
        return (
            delivery.courier.has_news
            or (delivery.backlog.has_room and self._is_ripe())
            or any(flush.batches is None and self._has_left(flush) for flush in self._flushes)
            or self._wants_hurry() != self._hurried
        )

    def _is_finished(self, delivery: _Delivery) -> bool:
        if not self._closing or self.points or self._entries or not delivery.backlog.is_empty:
            return False
        self._thread, self._delivery, self.limit = None, None, 0
        return True

    def _is_ripe(self) -> bool:
        """Whether what is queued makes a batch: it is enough, or old enough, or somebody waits."""
        if not self.points and not self._entries:
            return False
        is_old = self._oldest > 0 and time.monotonic() >= self._oldest + BATCH_DELAY_S
        return is_old or len(self.points) >= BATCH_ITEMS or self._wants_hurry()

    def _wants_hurry(self) -> bool:
        return bool(self._flushes) or self._closing

    def _pack(self, backlog: Backlog) -> None:
        with self._changed:
            items = self.points[:BATCH_ITEMS]
            del self.points[: len(items)]
            entries, self._entries = self._entries, []
            self._taken_items += len(items)
            self._taken_entries += len(entries)
            self._packing = len(items) // WIDTH + _values(entries)
            self._oldest = 0.0
            self._set_limit()
            self._changed.notify_all()
        try:
            batches, refused = pack_points(items) if items else ([], [])
            more, lost = pack_entries(entries)
        except Exception as error:  # a defect of ours must not end the thread
            self.losses.refuse(f"{self._packing} values", self._packing, error)
        else:
            for batch in batches:
                self._number(batch)
            for batch in batches + more:
                backlog.put(batch)
            self.losses.refuse_parts(refused + lost)
        with self._changed:
            self._text_bytes -= sum(record.size for record in entries)
            self._packing = 0

    def _number(self, batch: Batch) -> None:
        writer_id, last = self._numbers.get(batch.run_id) or (secrets.token_hex(16), 0)
        batch.writer_id, batch.sequence = writer_id, last + 1
        self._numbers[batch.run_id] = writer_id, batch.sequence

    def _forget_run(self, courier: Courier, run_id: str) -> None:
        self._numbers.pop(run_id, None)
        courier.finish(run_id)

    def _work(self, courier: Courier) -> float | None:
        self._hurried = self._wants_hurry()
        try:
            return courier.work(self._hurried)
        except Exception:  # as above; what it was about is tried again
            _log.exception("The background writer has a defect.")
            return IDLE_POLL_S

    def _settle(self, backlog: Backlog) -> None:
        for flush in self._flushes:
            if flush.batches is None and self._has_left(flush):
                flush.batches = backlog.put_count
            if flush.batches is not None and backlog.done_count >= flush.batches:
                flush.done.set()
        if backlog.has_room:
            self._stalled = False
        self._set_limit()
        self._changed.notify_all()

    def _has_left(self, flush: _Flush) -> bool:
        return self._taken_items >= flush.items and self._taken_entries >= flush.entries


def _values(entries: Sequence[Entries]) -> int:
    return sum(len(record.data) for record in entries)


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
# Of a parent process. A forked child must not touch their calls, not even to destroy them.
_abandoned: list[Any] = []


def _forget_in_child() -> None:
    for writer in list(_writers):
        if writer._delivery is not None:
            _abandoned.append(writer._delivery)
            writer._delivery.forget()
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
