"""Follows an alias: looks where it points when the registry says that something happened, and now and then anyway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from milepost.errors import MilepostError
from milepost_server.serving.models.registry_source import RegistrySource

_log = logging.getLogger(__name__)

_FIRST_DELAY_S = 1.0


class Follower:
    """Follows one registered model.

    Args:
        registry: Where it is.
        name: The registered model.
        look: Brings what is served up to date. Returns whether to try again soon, since something did not answer.
        every_s: Seconds after which to look although nothing was heard, and longest time between attempts.
    """

    def __init__(
        self, registry: RegistrySource, name: str, look: Callable[[], Awaitable[bool]], every_s: float
    ) -> None:
        self._registry = registry
        self._name = name
        self._look = look
        self._every_s = every_s
        self._changed = asyncio.Event()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._follow())]

    def stop(self) -> None:
        """Ends it. What it is loading is given up."""
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Waits until what it was loading is cleared away, after `stop`."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        failures = 0
        while True:
            delay_s = min(_FIRST_DELAY_S * 2 ** min(failures - 1, 10), self._every_s) if failures else self._every_s
            try:
                async with asyncio.timeout(delay_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                failures = failures + 1 if await self._look() else 0
            except Exception:
                failures += 1
                _log.exception("the alias of a served model could not be followed", extra={"model": self._name})

    async def _watch(self) -> None:
        while True:
            try:
                async with self._registry.watch(self._name) as watch:
                    await watch.start()
                    self._changed.set()  # what happened while nobody watched
                    async for _ in watch:
                        self._changed.set()
            except MilepostError as error:
                _log.warning(
                    "the model registry does not answer; what is served goes on",
                    extra={"model": self._name, "error": str(error)},
                )
            await asyncio.sleep(_FIRST_DELAY_S)
