"""Files on their way up."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import deque

from milepost_server.storage.artifacts.backend import BlockingWriter
from milepost_server.storage.artifacts.lane import Lane

# Below this, the hop to a thread costs more than the work done there.
HOP_BYTES = 1024 * 1024
# One at work and one that waits for it, so that the disk never waits for the event loop.
_MAX_HOPS = 2


class StagedFile:
    """A file that no reader sees yet, open for appending. Close it in any case.

    Bytes are hashed by one thread and written by another while the next ones arrive: about 3 MiB are in memory at most.
    A failure to write is raised by one of the next calls, and nothing is written after it.

    Args:
        lane: Runs what touches the file.
        hashing: Runs the hashing.
        writer: Where the bytes go.
        sha256: Digest of the `size` bytes that the file has already.
        size: Bytes that the file has already.
    """

    def __init__(self, lane: Lane, hashing: Lane, writer: BlockingWriter, sha256: hashlib._Hash, size: int) -> None:
        self._lane = lane
        self._hashing = hashing
        self._writer = writer
        self._sha256 = sha256
        self._size = size
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        # Of each hop the writing and the hashing.
        self._running: deque[tuple[asyncio.Future[None], asyncio.Future[None]]] = deque()
        self._failed = False

    @property
    def size(self) -> int:
        """Bytes of the file, with those that still wait to be written."""
        return self._size

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the whole file. Complete after `commit`."""
        return self._sha256.hexdigest()

    async def write(self, data: bytes) -> None:
        """Appends `data`. Waits while the disk is behind.

        Raises:
            ResourceExhausted: `STORAGE_FULL`.
            Unavailable: `ARTIFACT_STORE_UNAVAILABLE`.
        """
        self._waiting.append(data)
        self._waiting_size += len(data)
        self._size += len(data)
        if self._waiting_size >= HOP_BYTES:
            await self._settle(_MAX_HOPS - 1)
            self._hop()

    async def commit(self) -> None:
        """Returns when all that was written is durable. No write may follow. Raises as `write` does."""
        self._hop()
        await self._settle(0)
        await self._lane.submit("commit staged", self._writer.commit)

    async def close(self) -> None:
        """Frees the file. What was not committed may be kept in part or not at all."""
        # A failed write was either raised already or is of no interest to someone who gives up.
        closed = self._lane.submit("close staged", self._writer.close)
        jobs = [closed, *itertools.chain.from_iterable(self._running)]
        await asyncio.wait(jobs)
        for job in jobs:
            job.exception()

    async def _settle(self, most: int) -> None:
        """Waits until `most` hops are running, or fewer."""
        while len(self._running) > most:
            for job in self._running.popleft():
                await job

    def _hop(self) -> None:
        parts, self._waiting, self._waiting_size = self._waiting, [], 0
        writing = self._lane.submit("write staged", lambda: self._write_parts(parts))
        hashing = self._hashing.submit("hash staged", lambda: self._hash_parts(parts))
        self._running.append((writing, hashing))

    def _write_parts(self, parts: list[bytes]) -> None:
        if self._failed:
            return
        try:
            for part in parts:
                self._writer.write(part)
        except BaseException:
            # What is there must stay the beginning of the file, for a resume.
            self._failed = True
            raise

    def _hash_parts(self, parts: list[bytes]) -> None:
        for part in parts:
            self._sha256.update(part)
