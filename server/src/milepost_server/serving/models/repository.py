"""The served models and how they change. Requests never wait for a change, and none fails because of one."""

from __future__ import annotations

import asyncio
import builtins
import logging
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from milepost import v1 as pb
from milepost.errors import BadModelUri
from milepost.models.registry.uri import ModelUri, parse_uri
from milepost.models.signatures.signature import ModelSignature
from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError, FailedPrecondition, Unavailable, invalid_field, quote
from milepost_server.serving.execution import start_engine
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.models.following import Follower
from milepost_server.serving.models.loader import StartEngine
from milepost_server.serving.models.refusals import not_loaded, to_refusal
from milepost_server.serving.models.registry_source import RegistrySource, default_name, registered_name
from milepost_server.serving.models.served import Served
from milepost_server.serving.models.shadowing import Shadow
from milepost_server.serving.models.states import to_proto
from milepost_server.serving.models.table import Table
from milepost_server.serving.models.version import Version
from milepost_server.serving.options import Options

_log = logging.getLogger(__name__)

_RECHECK_S = 60.0
_BAD_IN_NAMES = re.compile(r"[/:\x00-\x1f\x7f]")


class Repository:
    """All served models. Implements `predicting.Router`. Belongs to one event loop.

    Args:
        registry: Where models come from. It is closed with the repository.
        defaults: How models are run where nothing else is said.
        start_engine: Starts the processes of a version.
        chance: Chooses requests for canaries and shadows.
        recheck_s: Seconds after which followed aliases are looked up although nothing was heard of them.
    """

    def __init__(
        self,
        registry: RegistrySource,
        defaults: Options,
        *,
        start_engine: StartEngine = start_engine,
        chance: random.Random | None = None,
        recheck_s: float = _RECHECK_S,
    ) -> None:
        self._registry = registry
        self._defaults = defaults
        self._table = Table(registry, start_engine)
        self._chance = chance or random.Random()  # noqa: S311  # which requests are chosen is no secret
        self._recheck_s = recheck_s

    # Requests

    def lease(self, model: str, version: int) -> AbstractContextManager[LoadedVersion]:
        """See `predicting.Router`."""
        served = self._table.find(model) if model else self._table.only()
        chosen = served.find(version) if version else served.choose(self._chance)
        if chosen is None:
            raise not_loaded(served.name, version, [one.number for one in served.active()])
        return chosen

    def compare(
        self, version: LoadedVersion, given: Payload, params: Mapping[str, Any] | None, answer: Payload
    ) -> None:
        """See `predicting.Router`. Answers of other versions than the live one are not compared."""
        served = self._table.get(version.model)
        if served is None or served.shadow is None or served.live is None or served.live.loaded is not version:
            return
        served.shadow.ask(version.contract, given, params, answer)

    # State

    def readiness(self) -> dict[str, bool]:
        """Whether each model that has a live version can answer now, by name."""
        return {served.name: served.live.answers for served in self._table if served.live is not None}

    def signatures(self) -> dict[str, ModelSignature | None]:
        """What the live version of each model says that it takes and gives, by name; None where it does not."""
        lives = ((served.name, served.live) for served in self._table)
        return {name: live.loaded.contract.signature for name, live in lives if live is not None and live.loaded}

    def get(self, name: str) -> pb.ServedModel:
        """A served model.

        Raises:
            NotFound: `SERVED_MODEL_NOT_FOUND`.
        """
        return to_proto(self._table.find(name))

    def list(self) -> builtins.list[pb.ServedModel]:
        """All served models by name."""
        return [to_proto(served) for served in sorted(self._table, key=lambda one: one.name)]

    def versions(self) -> Iterator[LoadedVersion]:
        """All versions that have processes now, also those that are draining."""
        return self._table.versions()

    # Changes

    async def load(self, source: str, name: str = "", options: Options | None = None) -> pb.ServedModel:
        """Serves a model, or loads one that is served anew; its canary and its shadow end then.

        Args:
            source: Any URI or folder that `milepost.models.registry.sources.fetch` takes.
            name: What callers call it; empty for the registered model's name, or that of the folder.
            options: How it is run; None for the defaults.

        Raises:
            InvalidArgument: The source cannot be read, or the name has to be given.
            NotFound: The registry has no such model, version or alias.
            FailedPrecondition: `MODEL_NOT_LOADABLE`.
            Unavailable: `REGISTRY_UNAVAILABLE`.
        """
        uri = _parsed(source)
        name = _checked(name or default_name(uri))
        options = options or self._defaults
        async with self._table.changing(name, Served(name, uri, options)) as served:
            resolved = await self._registry.resolve(uri)
            version = await self._table.loaded(served, resolved, options)
            same = registered_name(served.source) == registered_name(uri)
            served.source, served.options = uri, options
            served.canary = served.shadow = None
            self._go_live(served, version)
            if not same:
                served.previous = 0
                served.failed.clear()
            self._pin(served, pinned=False)
        return to_proto(served)

    async def unload(self, name: str) -> None:
        """Refuses new requests at once. Returns when those that were accepted are answered.

        Raises:
            NotFound: `SERVED_MODEL_NOT_FOUND`.
        """
        async with self._table.changing(name) as served:
            _stop_following(served)
            self._table.remove(served)
        _log.info("model unloaded", extra={"model": name})
        await self._table.drained(served)

    async def set_live(self, name: str, version: int) -> pb.ServedModel:
        """Makes a version live and pins it. Raises as `load`, and `NotFound` for a model that is not served."""
        async with self._table.changing(name) as served:
            self._go_live(served, await self._table.obtained(served, version))
            self._pin(served, pinned=True)
        return to_proto(served)

    async def roll_back(self, name: str) -> pb.ServedModel:
        """Makes the version live that was before, and pins it.

        Raises:
            FailedPrecondition: `NO_PREVIOUS_VERSION`.
            DomainError: As `set_live`.
        """
        async with self._table.changing(name) as served:
            if not served.previous:
                raise FailedPrecondition(
                    f"No other version of {quote(name)} was live before. SetLiveVersion makes one live by its number.",
                    reason=pb.ERROR_REASON_NO_PREVIOUS_VERSION,
                )
            self._go_live(served, await self._table.obtained(served, served.previous))
            self._pin(served, pinned=True)
        return to_proto(served)

    async def follow(self, name: str) -> pb.ServedModel:
        """Makes the version live that the alias of the source points to, and follows the alias again.

        Raises:
            FailedPrecondition: `NOTHING_TO_FOLLOW`.
            DomainError: As `set_live`.
        """
        async with self._table.changing(name) as served:
            if not served.alias:
                raise FailedPrecondition(
                    f"The source of {quote(name)} names no alias. Load it from models:/NAME@ALIAS.",
                    reason=pb.ERROR_REASON_NOTHING_TO_FOLLOW,
                )
            resolved = await self._registry.resolve(served.source)
            self._go_live(served, await self._table.obtained(served, resolved.number))
            self._pin(served, pinned=False)
        return to_proto(served)

    async def set_canary(self, name: str, version: int, percent: float) -> pb.ServedModel:
        """Sends a share of the traffic to a version; to none for version 0. Raises as `set_live`."""
        async with self._table.changing(name) as served:
            if version:
                _check_not_live(served, version)
                served.canary = await self._table.obtained(served, version)
                served.canary_percent = percent
            else:
                served.canary = None
        return to_proto(served)

    async def set_shadow(self, name: str, version: int, percent: float) -> pb.ServedModel:
        """Asks a version a share of the traffic too; none for version 0. Raises as `set_live`.

        The counts begin anew for another version, and go on for the same.
        """
        async with self._table.changing(name) as served:
            if version:
                _check_not_live(served, version)
                found = await self._table.obtained(served, version)
                if served.shadow is None or served.shadow.version is not found:
                    served.shadow = Shadow(found, self._chance)
                served.shadow.percent = percent
            else:
                served.shadow = None
        return to_proto(served)

    async def close(self, grace_s: float) -> None:
        """Ends all: answers what was accepted, for at most so many seconds."""
        followers = [served.follower for served in self._table if served.follower is not None]
        for follower in followers:
            follower.stop()
        await asyncio.gather(*(follower.ended() for follower in followers))
        await self._table.close(grace_s)
        await self._registry.close()

    # Inside

    def _go_live(self, served: Served, version: Version) -> None:
        if served.live is not version:
            _log.info("version is live", extra={"model": served.name, "version": version.number})
        served.promote(version)
        served.notice = ""

    def _pin(self, served: Served, *, pinned: bool) -> None:
        """Follows the alias of the source, unless it is pinned or there is none."""
        _stop_following(served)
        served.pinned, served.given_up = pinned, 0
        if served.alias and not pinned:
            name = registered_name(served.source)
            served.follower = Follower(self._registry, name, lambda: self._look(served), self._recheck_s)

    async def _look(self, served: Served) -> bool:
        """Makes the version live that the alias points to now. Returns whether to try again soon."""
        try:
            resolved = await self._registry.resolve(served.source)
        except DomainError as error:
            if served.notice != str(error):
                _log.warning("alias cannot be followed", extra={"model": served.name, "error": str(error)})
            served.notice = str(error)
            return isinstance(error, Unavailable)
        async with self._table.changing(served.name):
            served.notice = ""
            if resolved.number == served.given_up:
                return False
            served.given_up = 0
            found = served.find(resolved.number)
            if found is not None and found is not served.live and not found.answers:
                return True  # a canary or shadow whose process is being replaced
            try:
                self._go_live(served, await self._table.obtained(served, resolved.number))
            except Unavailable:
                return True
            except DomainError:
                served.given_up = resolved.number  # until the alias moves, it would fail again
        return False


def _stop_following(served: Served) -> None:
    if served.follower is not None:
        served.follower.stop()
        served.follower = None


def _parsed(source: str) -> ModelUri:
    try:
        return parse_uri(source)
    except BadModelUri as error:
        raise to_refusal(error) from None


def _checked(name: str) -> str:
    if _BAD_IN_NAMES.search(name):
        raise invalid_field("name", "has a slash, a colon or a control character; give another name")
    return name


def _check_not_live(served: Served, version: int) -> None:
    if served.live is not None and served.live.number == version:
        raise invalid_field("version", f"{version} is live, so it has all the traffic; name another version")
