"""A version of a served model from the wish to serve it to the end of its processes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from milepost import v1 as pb
from milepost.models.registry.cache import release
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.models.registry_source import Resolved
from milepost_server.serving.options import Options

State = pb.ServedVersion


class Version:
    """One version. As a context manager it is a lease: its processes stay as long as one is open.

    Args:
        resolved: Where it comes from.
        options: How it is run.
    """

    __slots__ = ("_folder", "_idle", "_leases", "loaded", "message", "options", "resolved", "state")

    def __init__(self, resolved: Resolved, options: Options) -> None:
        self.resolved = resolved
        self.options = options
        self.state: pb.ServedVersion.State.ValueType = State.STATE_LOADING
        self.message = ""
        self.loaded: LoadedVersion | None = None
        self._folder: Path | None = None
        self._leases = 0
        self._idle = asyncio.Event()

    @property
    def number(self) -> int:
        """Of the version; 0 for a model that is of no registry."""
        return self.resolved.number

    @property
    def answers(self) -> bool:
        """Whether it has a process that can answer now."""
        return self.state == State.STATE_READY and self.loaded is not None and self.loaded.engine.ready_workers > 0

    def became_ready(self, loaded: LoadedVersion, folder: Path, message: str) -> None:
        """Notes that it can be asked.

        Args:
            loaded: What to ask.
            folder: Its files, which are given back in the end.
            message: What people should know.
        """
        self.loaded, self._folder, self.message = loaded, folder, message
        self.state = State.STATE_READY

    def failed(self, why: str) -> None:
        """Notes that it could not be loaded."""
        self.state, self.message = State.STATE_FAILED, why

    def __enter__(self) -> LoadedVersion:
        assert self.loaded is not None
        self._leases += 1
        return self.loaded

    def __exit__(self, *_: object) -> None:
        self._leases -= 1
        if not self._leases:
            self._idle.set()

    async def drain(self, grace_s: float) -> None:
        """Waits until nobody holds it any more, at most for so many seconds, and ends its processes."""
        self.state = State.STATE_DRAINING
        deadline = time.monotonic() + grace_s
        try:
            async with asyncio.timeout(grace_s):
                while self._leases:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            pass
        if self.loaded is not None:
            await self.loaded.engine.close(max(deadline - time.monotonic(), 0.0))
        if self._folder is not None:
            release(self._folder)
            self._folder = None
