"""Bounds how many calls are worked on at once, and refuses new ones while the server shuts down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.calls.dispatcher import Interceptor
from milepost_server.errors import DomainError, ResourceExhausted, Unavailable


class Admission(Interceptor):
    """Counts calls at work.

    Args:
        most: How many may be at work at once, besides watches, which mostly wait.
        most_watches: How many watches there may be.
    """

    def __init__(self, most: int, most_watches: int) -> None:
        self._most = most
        self._most_watches = most_watches
        self._watches = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.at_work = 0

    async def begin(self, call: Call) -> None:
        """Refuses the call when there are too many, or when the server shuts down."""
        self._enter(watches=call.method.watches)

    def end(self, call: Call, error: DomainError | None) -> None:
        """Makes room for another call."""
        self._leave(watches=call.method.watches)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Counts what is done inside as a call, although it is none of a method.

        Raises:
            ResourceExhausted: There are too many.
            Unavailable: The server shuts down.
        """
        self._enter(watches=False)
        try:
            yield
        finally:
            self._leave(watches=False)

    async def drain(self, timeout_s: float) -> bool:
        """Refuses new calls and waits for those at work; says whether all of them ended in time."""
        self._draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _enter(self, *, watches: bool) -> None:
        if self._draining:
            raise Unavailable(
                "The server is shutting down. Repeat in a moment; another server, or this one again, will answer.",
                reason=pb.ERROR_REASON_SHUTTING_DOWN,
                retry_after_s=1,
            )
        if watches:
            if self._watches >= self._most_watches:
                raise _too_many(f"has {self._most_watches} watches", retry_after_s=5)
            self._watches += 1
        elif self.at_work - self._watches >= self._most:
            raise _too_many(f"is at work on {self._most} calls", retry_after_s=0.5)
        self.at_work += 1
        self._idle.clear()

    def _leave(self, *, watches: bool) -> None:
        self.at_work -= 1
        self._watches -= watches
        if self.at_work == 0:
            self._idle.set()


def _too_many(what: str, retry_after_s: float) -> ResourceExhausted:
    return ResourceExhausted(
        f"The server {what}, as many as it takes on. Repeat in a moment.",
        reason=pb.ERROR_REASON_TOO_MANY_REQUESTS,
        retry_after_s=retry_after_s,
    )
