"""Batches that were not answered yet: in memory, and beyond a bound in a spool file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from milepost._batches import Batch
from milepost._spool import Spool, SpoolDamaged

MEMORY_BYTES = 12 * 1024 * 1024
"""Most bytes of batches in memory; what comes then goes to the spool file."""
SPOOL_RETRY_S = 5.0
"""How long a spool file that could not be written is left alone."""


@dataclass(slots=True, eq=False)
class Pending:
    """A batch in memory that is being sent.

    Args:
        batch: The batch.
        end: Where its record ends in the spool file. 0 when it is not there.
        answered: Whether it needs no more sending.
    """

    batch: Batch
    end: int = 0
    answered: bool = False


class Backlog:
    """A queue of batches, for one thread.

    In order, it has three parts: batches in memory that are being sent, batches on disk only, and new batches in
    memory. While the server keeps up only the first is ever used. When it outgrows its bound, all of it is written to
    the spool file, and new batches behind it; they are read back as the first part shrinks. So the file holds all that
    comes before its end, and when the program dies nothing is missing in between. It is removed when all of it was
    answered.

    Args:
        create_spool: Makes the file. May raise `OSError`, as may every use of the file: the batches then stay in memory
            and `has_room` says no.
        spool_bytes: Most bytes of the file.
        spool: A file with which to begin, that another process left.
    """

    def __init__(self, create_spool: Callable[[], Spool], spool_bytes: int, spool: Spool | None = None) -> None:
        self._create_spool = create_spool
        self._spool_bytes = spool_bytes
        self._spool = spool
        self._read_to = 0 if spool is None else spool.first
        self._sending: deque[Pending] = deque()
        self._sending_bytes = 0
        self._new: deque[Batch] = deque()
        self._spool_retry = 0.0
        self._unread_values = 0
        self._unread_count = 0
        self.values = 0
        """Points, params and tags of the batches that were put and neither answered nor damaged."""
        self.put_count = 0
        self.done_count = 0
        """How many batches were put, and how many of them, from the first without a gap, are done."""
        self.damaged_bytes = 0
        self.damaged_values = 0
        """What was found damaged in the spool file, and how many values were in it as far as this process knows."""
        if spool is not None:
            self._scan(spool)

    @property
    def has_room(self) -> bool:
        """Whether more may be put. Otherwise memory is full and the spool file cannot take anything."""
        return not self._new

    @property
    def is_empty(self) -> bool:
        """Whether everything was answered."""
        return not self._sending and not self._new and not self._unread()

    @property
    def spool(self) -> Spool | None:
        """The spool file, while there is one."""
        return self._spool

    def put(self, batch: Batch) -> None:
        """Adds a batch behind the others."""
        self._new.append(batch)
        self.values += batch.values
        self.put_count += 1

    def take(self) -> Iterator[Pending]:
        """The next batches to be sent, in order, as far as memory allows, each once. Writes the others to disk."""
        yield from self._load()
        if not self._unread():
            while self._new and self._fits(self._new[0]):
                yield self._send(self._new.popleft(), 0)
        if self._new and time.monotonic() >= self._spool_retry:
            self.spill()

    def done(self, pending: Pending) -> None:
        """Forgets a batch that was answered."""
        pending.answered = True
        self.values -= pending.batch.values
        end = 0
        while self._sending and self._sending[0].answered:
            first = self._sending.popleft()
            self._sending_bytes -= len(first.batch.wire)
            self.done_count += 1
            end = first.end or end
        if self._spool is not None and end:
            with suppress(OSError):  # then it may be sent again, and is no twin
                self._spool.mark(end)
            self._remove_answered()

    def spill(self) -> bool:
        """Writes all that is in memory only to the spool file. Returns whether that succeeded."""
        try:
            if self._spool is None:
                self._spool = self._create_spool()
                self._read_to = self._spool.first
            for pending in self._sending:
                if not pending.end and not pending.answered:
                    pending.end = self._read_to = self._spool.append(pending.batch, self._spool_bytes)
            while self._new:
                self._spool.append(self._new[0], self._spool_bytes)
                self._unread_values += self._new.popleft().values
                self._unread_count += 1
        except OSError:
            self._spool_retry = time.monotonic() + SPOOL_RETRY_S
            return False
        return True

    def leave(self) -> int:
        """Writes what was not answered to the spool file and gives it up, for another process.

        Returns:
            How many values found no room there.
        """
        if not self.is_empty:
            self.spill()
        unwritten = sum(pending.batch.values for pending in self._sending if not pending.end and not pending.answered)
        unwritten += sum(batch.values for batch in self._new)
        self.forget()
        return unwritten

    def forget(self) -> None:
        """Lets go of the spool file."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _unread(self) -> bool:
        return self._spool is not None and self._read_to < self._spool.size

    def _fits(self, batch: Batch) -> bool:
        return not self._sending or self._sending_bytes + len(batch.wire) <= MEMORY_BYTES

    def _send(self, batch: Batch, end: int) -> Pending:
        pending = Pending(batch, end)
        self._sending.append(pending)
        self._sending_bytes += len(batch.wire)
        return pending

    def _load(self) -> Iterator[Pending]:
        while self._spool is not None and self._unread() and self._sending_bytes <= MEMORY_BYTES // 2:
            try:
                batch, end = self._spool.read(self._read_to)
            except (SpoolDamaged, OSError):
                self._cut(self._spool)
                return
            self._read_to = end
            self._unread_values -= batch.values
            self._unread_count -= 1
            yield self._send(batch, end)

    def _scan(self, spool: Spool) -> None:
        """Counts what another process left."""
        offset = spool.first
        while offset < spool.size:
            try:
                batch, offset = spool.read(offset)
            except (SpoolDamaged, OSError):
                self.damaged_bytes += spool.cut(offset)
                break
            self.values += batch.values
            self.put_count += 1
            self._unread_values += batch.values
            self._unread_count += 1
        self._remove_answered()

    def _cut(self, spool: Spool) -> None:
        """Gives up what was not read of the file."""
        with suppress(OSError):
            self.damaged_bytes += spool.cut(self._read_to)
        self.damaged_values += self._unread_values
        self.values -= self._unread_values
        self.done_count += self._unread_count
        self._unread_values = self._unread_count = 0
        self._remove_answered()

    def _remove_answered(self) -> None:
        in_file = self._sending and self._sending[0].end
        if self._spool is not None and not self._unread() and not in_file:
            self._spool.remove()
            self._spool = None
