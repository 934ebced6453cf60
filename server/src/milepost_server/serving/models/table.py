"""The table of served models: finds them, keeps changes of one apart, loads versions and ends those without a part."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

from milepost.models.registry.uri import VersionUri
from milepost_server.errors import DomainError, quote
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.models.loader import Loader, StartEngine
from milepost_server.serving.models.refusals import not_loadable, not_served
from milepost_server.serving.models.registry_source import RegistrySource, Resolved, registered_name
from milepost_server.serving.models.served import Served
from milepost_server.serving.models.version import Version
from milepost_server.serving.options import Options

_log = logging.getLogger(__name__)

# A version that has no part any more answers what it has for so long.
_DRAIN_S = 600.0


class Table:
    """The served models by name.

    Args:
        registry: Where models come from.
        start_engine: Starts the processes of a version.
    """

    def __init__(self, registry: RegistrySource, start_engine: StartEngine) -> None:
        self._registry = registry
        self._loader = Loader(registry, start_engine)
        self._models: dict[str, Served] = {}
        self._drains: dict[Version, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Served]:
        return iter(self._models.values())

    def get(self, name: str) -> Served | None:
        """The model of this name, if it is served."""
        return self._models.get(name)

    def find(self, name: str) -> Served:
        """The model of this name. Raises `NotFound` (`SERVED_MODEL_NOT_FOUND`)."""
        served = self._models.get(name)
        if served is None:
            raise not_served(f"No model {quote(name)} is served here.", self._models)
        return served

    def only(self) -> Served:
        """The only model there is. Raises `NotFound` (`SERVED_MODEL_NOT_FOUND`)."""
        if len(self._models) != 1:
            raise not_served("Which model to ask has to be said, unless one alone is served.", self._models)
        return next(iter(self._models.values()))

    @asynccontextmanager
    async def changing(self, name: str, new: Served | None = None) -> AsyncIterator[Served]:
        """The model, locked. Versions that have no part afterwards are ended.

        Args:
            name: Its name.
            new: What is served when there is none of the name, if it has a live version afterwards.
        """
        while True:
            served = self._models.setdefault(name, new) if new is not None else self.find(name)
            async with served.lock:
                if self._models.get(name) is not served:
                    continue  # it was unloaded meanwhile
                try:
                    yield served
                finally:
                    self._retire(served)
                    if served.live is None and self._models.get(name) is served:
                        del self._models[name]
                return

    async def obtained(self, served: Served, number: int) -> Version:
        """A version of the same registered model that can be asked; loaded when it is not.

        Args:
            served: The model, locked.
            number: Of the version.

        Raises:
            DomainError: As `loaded`, and what `RegistrySource.resolve` raises.
        """
        found = served.find(number)
        if found is not None:
            if found is not served.live and not found.answers:
                raise not_loadable(f"Version {number} has no process that can answer now; its state says more.")
            return found
        registered = registered_name(served.source)
        if not registered:
            raise not_loadable(
                f"The source of {quote(served.name)} names no registered model, so there are no other versions. Load "
                "it from models:/NAME/VERSION."
            )
        resolved = await self._registry.resolve(VersionUri(registered, number))
        return await self.loaded(served, resolved, served.options)

    async def loaded(self, served: Served, resolved: Resolved, options: Options) -> Version:
        """A version, loaded and tried out, for which the caller has a part. One that cannot be is remembered.

        Args:
            served: The model, locked.
            resolved: Where the version comes from.
            options: How it is run.

        Raises:
            DomainError: As `Loader.load`.
        """
        version = served.loading = Version(resolved, options)
        try:
            await self._loader.load(served.name, version)
        except DomainError as error:
            version.failed(str(error))
            served.note_failure(version)
            _log.error(
                "version could not be loaded",
                extra={"model": served.name, "version": version.number, "error": str(error)},
            )
            raise
        finally:
            served.loading = None
        served.failed.pop(version.number, None)
        served.loaded.append(version)
        return version

    def remove(self, served: Served) -> None:
        """Refuses requests for a model from now on. It must be locked; its versions end when it is no more."""
        del self._models[served.name]
        served.live = served.canary = served.shadow = None

    async def drained(self, served: Served) -> None:
        """Waits until the versions that it does without are ended, which goes on when the caller gives up."""
        drains = [self._drains[version] for version in served.draining]
        if drains:
            await asyncio.wait(drains)

    async def close(self, grace_s: float) -> None:
        """Ends all versions: answers what was accepted, for at most so many seconds."""
        ending, drains = set(self._drains), [*self._drains.values()]
        for served in self._models.values():
            ending.update(served.active())
        self._models.clear()
        for drain in drains:
            drain.cancel()
        await asyncio.gather(*drains, return_exceptions=True)
        ended = await asyncio.gather(*(version.drain(grace_s) for version in ending), return_exceptions=True)
        for error in ended:
            if error is not None:
                _log.error("processes of a version could not be ended", exc_info=error)

    def versions(self) -> Iterator[LoadedVersion]:
        """All versions that have processes now, also those that are draining."""
        active = (version for served in self._models.values() for version in served.active())
        for version in (*active, *self._drains):
            if version.loaded is not None:
                yield version.loaded

    def _retire(self, served: Served) -> None:
        """Ends the versions that have no part any more, once they have answered what they have."""
        active = set(served.active())
        for version in [version for version in served.loaded if version not in active]:
            served.loaded.remove(version)
            served.draining.append(version)
            drain = self._drains[version] = asyncio.create_task(version.drain(_DRAIN_S))
            drain.add_done_callback(partial(self._retired, served, version))

    def _retired(self, served: Served, version: Version, drain: asyncio.Task[None]) -> None:
        served.draining.remove(version)
        self._drains.pop(version, None)
        if not drain.cancelled() and (error := drain.exception()) is not None:
            _log.error("processes of a version could not be ended", extra={"model": served.name}, exc_info=error)
