"""Files on their way down."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType

from milepost_server.errors import DomainError
from milepost_server.storage.artifacts.backend import BlockingReader
from milepost_server.storage.artifacts.failures import corrupt
from milepost_server.storage.artifacts.lane import Lane
from milepost_server.storage.artifacts.path import ArtifactPath

CHUNK_BYTES = 1024 * 1024


class ArtifactFile:
    """An open artifact. It keeps its content when the path is replaced or deleted meanwhile. Use with `async with`.

    Args:
        lane: Runs the blocking work.
        reader: Where the bytes come from.
        path: Names the artifact in errors.
    """

    def __init__(self, lane: Lane, reader: BlockingReader, path: ArtifactPath) -> None:
        self._lane = lane
        self._reader = reader
        self._path = path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._reader.size

    async def __aenter__(self) -> ArtifactFile:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Frees the file."""
        with suppress(DomainError):
            await self._lane.submit("close", self._reader.close)

    async def read(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yields `length` bytes from `offset`, or all that follow, in chunks of at most 1 MiB, reading one chunk ahead.

        Raises:
            DataLoss: `ARTIFACT_CORRUPT`, the file ends before.
            Unavailable: `ARTIFACT_STORE_UNAVAILABLE`.
        """
        end = self.size if length is None else offset + length
        ahead = self._read_ahead(offset, end, None)
        while ahead is not None:
            chunk = await ahead
            offset += len(chunk)
            ahead = self._read_ahead(offset, end, None)
            yield chunk

    async def read_verified(self, sha256: str) -> AsyncIterator[bytes]:
        """Yields the whole file as `read` does. The last chunk is held back until the digest is known to be right.

        Raises:
            DataLoss: `ARTIFACT_CORRUPT`, the content does not have the hexadecimal digest `sha256`.
        """
        digest = hashlib.sha256()
        offset, size = 0, self.size
        ahead = self._read_ahead(0, size, digest)
        while ahead is not None:
            chunk = await ahead
            offset += len(chunk)
            ahead = self._read_ahead(offset, size, digest)
            if ahead is None and digest.hexdigest() != sha256:
                raise corrupt(self._path)
            yield chunk
        if not size and digest.hexdigest() != sha256:
            raise corrupt(self._path)

    def _read_ahead(self, offset: int, end: int, digest: hashlib._Hash | None) -> asyncio.Future[bytes] | None:
        length = min(CHUNK_BYTES, end - offset)
        if length <= 0:
            return None

        def job() -> bytes:
            chunk = self._reader.read(offset, length)
            if len(chunk) < length:
                raise corrupt(self._path)
            if digest is not None:
                digest.update(chunk)
            return chunk

        return self._lane.submit("read", job)
