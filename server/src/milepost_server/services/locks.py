"""Locks within one event loop, by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class SharedLock:
    """Held by any number of sharers or by one that excludes all others. Whoever waits to exclude stops new sharers."""

    def __init__(self) -> None:
        self._entry = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._sharers = 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Holds the lock together with others."""
        async with self._entry:
            if self._sharers == 0:
                await self._turn.acquire()
            self._sharers += 1
        try:
            yield
        finally:
            self._sharers -= 1
            if self._sharers == 0:
                self._turn.release()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Holds the lock alone."""
        async with self._entry, self._turn:
            yield


class SharedLocks:
    """A `SharedLock` for every name that is in use."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, SharedLock] = WeakValueDictionary()

    def __getitem__(self, name: str) -> SharedLock:
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = SharedLock()
        return lock
