"""Health and readiness, of each model and of the whole server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

Answer = tuple[int, str, bytes]

_TEXT = "text/plain; charset=utf-8"
_LOOK_EVERY_S = 0.25


class Health:
    """Tells balancers what can be asked.

    In `grpc.health.v1` a model is the service `models/NAME`. The service "" is the whole server, which is ready when
    all models are that it serves and those that it was started with were live once. Those that are ready may be asked
    before that, and models that are loaded later change nothing until they are live.

    Args:
        readiness: Whether each model that has a live version can answer now, by name.
        expected: The models that the server was started with.
        tell: Sets the state of a service of `grpc.health.v1`; None for one that is no more.
    """

    def __init__(
        self,
        readiness: Callable[[], Mapping[str, bool]],
        expected: Iterable[str],
        tell: Callable[[str, bool | None], Awaitable[None]],
    ) -> None:
        self._readiness = readiness
        self._expected = set(expected)
        self._tell = tell
        self._told: dict[str, bool] = {}
        self._draining = False

    async def follow(self) -> None:
        """Tells changes as they come, until it is cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def refresh(self) -> None:
        """Tells what changed since it was last told."""
        models = self._look()
        states = {"": all(models.values()), **{f"models/{name}": ready for name, ready in models.items()}}
        changed = {name: ready for name, ready in states.items() if self._told.get(name) is not ready}
        gone = self._told.keys() - states.keys()
        self._told = states
        for name, ready in changed.items():
            await self._tell(name, ready)
        for name in gone:
            await self._tell(name, None)

    @property
    def ready(self) -> bool:
        """Whether the whole server is ready."""
        return not self._draining and all(self._look().values())

    def drain(self) -> None:
        """From now on the server says that it is not ready."""
        self._draining = True

    async def healthz(self) -> Answer:
        """The page `/healthz`: the process runs."""
        return 200, _TEXT, b"ok\n"

    async def readyz(self) -> Answer:
        """The page `/readyz`: 503 with the reason, or the models that cannot answer now, one a line."""
        if self._draining:
            return 503, _TEXT, b"shutting down\n"
        waiting = sorted(name for name, ready in self._look().items() if not ready)
        if waiting:
            return 503, _TEXT, "".join(f"not ready: {name}\n" for name in waiting).encode()
        return 200, _TEXT, b"ready\n"

    def _look(self) -> dict[str, bool]:
        live = self._readiness()
        self._expected -= live.keys()
        return {**dict.fromkeys(self._expected, False), **live}
