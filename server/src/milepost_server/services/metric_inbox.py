"""What was read of a metric stream and waits to be stored: a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field
from milepost_server.services.metrics import point_count

_POINT_BYTES = 24


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of a stream.

    Args:
        sequence: Its number.
        metrics: The points, with all columns filled. Empty when it is refused.
        error: Why it is refused, if it is.
    """

    sequence: int
    metrics: Sequence[pb.MetricPoints]
    error: InvalidArgument | None = None

    @property
    def points(self) -> int:
        """Number of points."""
        return point_count(self.metrics)


class Budget:
    """Memory that all inboxes share.

    Args:
        most: Bytes after which each inbox waits with its next batch until it has none unanswered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._waiting: set[Inbox] = set()

    def change(self, size: int) -> None:
        """Takes bytes, or gives them back."""
        self._used += size
        if size < 0 and not self.is_spent():
            for inbox in self._waiting:
                inbox.look_again()
            self._waiting.clear()

    def is_spent(self) -> bool:
        """Whether there is nothing left."""
        return self._used >= self._most

    def wait(self, inbox: Inbox) -> None:
        """Has the inbox told once there is something left again."""
        self._waiting.add(inbox)


class Inbox:
    """Reads a stream while what came before is being stored, but not further than a window.

    Args:
        requests: The stream, behind its first message.
        read: Makes a batch of a message. What it raises ends the stream, after what came before is stored.
        durable: Sequence number of the batch before.
        budget: Shared with all other inboxes.
    """

    WINDOW_BATCHES = 64
    WINDOW_BYTES = 32 * 1024 * 1024
    POINTS_AT_ONCE = 131_072
    """Points after which no further batch goes into one transaction: other writers wait meanwhile."""

    def __init__(
        self,
        requests: AsyncIterator[pb.StreamMetricsRequest],
        read: Callable[[pb.StreamMetricsRequest], Batch],
        durable: int,
        budget: Budget,
    ) -> None:
        self._requests = requests
        self._read = read
        self._expected = durable + 1
        self._batches: deque[Batch] = deque()
        self._unanswered = 0
        self._bytes = 0
        self._budget = budget
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._drain = False
        self._reader = asyncio.ensure_future(self._fill())

    def drain(self) -> None:
        """Reads no further; `groups` ends behind what was read."""
        self._drain = True
        self._changed.set()

    async def groups(self) -> AsyncGenerator[list[Batch] | None, None]:
        """Batches to be stored together, as many as wait. None once, when no more are read because of `drain`.

        A group counts as answered when the next one is asked for. Ends with what ended the reading, if it was an error.
        """
        told = False
        try:
            while True:
                if self._drain and not told:
                    told = True
                    yield None
                    await self._stop_reading()
                group = self._take()
                if group:
                    yield group
                    self._answered(group)
                elif self._reader.done():
                    break
                else:
                    self._changed.clear()
                    await self._changed.wait()
            if not self._reader.cancelled():
                self._reader.result()
        finally:
            await self._stop_reading()
            self._budget.change(-self._bytes)

    def look_again(self) -> None:
        """Reads on, if there is room."""
        self._has_room.set()

    async def _stop_reading(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._reader

    async def _fill(self) -> None:
        try:
            async for request in self._requests:
                batch = self._read(request)
                if batch.sequence > self._expected:
                    raise sequence_gap(self._expected, batch.sequence)
                self._expected = max(self._expected, batch.sequence + 1)
                self._batches.append(batch)
                self._count(1, batch.points)
                self._changed.set()
                while self._is_full():
                    self._has_room.clear()
                    await self._has_room.wait()
        finally:
            self._changed.set()

    def _is_full(self) -> bool:
        if self._budget.is_spent() and self._unanswered:
            self._budget.wait(self)
            return True
        return self._unanswered >= self.WINDOW_BATCHES or self._bytes >= self.WINDOW_BYTES

    def _count(self, batches: int, points: int) -> None:
        self._unanswered += batches
        self._bytes += points * _POINT_BYTES
        self._budget.change(points * _POINT_BYTES)

    def _take(self) -> list[Batch]:
        group: list[Batch] = []
        points = 0
        while self._batches and points < self.POINTS_AT_ONCE:
            group.append(self._batches.popleft())
            points += group[-1].points
        return group

    def _answered(self, group: Sequence[Batch]) -> None:
        self._count(-len(group), -sum(batch.points for batch in group))
        self._has_room.set()


def sequence_gap(expected: int, given: int) -> InvalidArgument:
    """The error for a batch that is not the next one."""
    return invalid_field(
        "batch.sequence",
        f"is {given} where {expected} is next; send the batches from there on",
        reason=pb.ERROR_REASON_SEQUENCE_GAP,
        expected=str(expected),
        given=str(given),
    )
