"""A served model: its versions and which of them has which part."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from milepost.models.registry.uri import AliasUri, ModelUri
from milepost_server.serving.models.following import Follower
from milepost_server.serving.models.shadowing import Shadow
from milepost_server.serving.models.version import Version
from milepost_server.serving.options import Options

# Versions that could not be loaded are told of, the latest ones.
_MOST_FAILED = 5


@dataclass(slots=True, eq=False)
class Served:
    """One served model.

    Args:
        name: What callers call it.
        source: Where it comes from.
        options: How its versions are run.
        lock: Held by whoever changes it. Requests do not wait for it.
        live: Gets the traffic.
        previous: The version that was live before; 0 for none.
        canary: Gets `canary_percent` of the traffic.
        canary_percent: 0 to 100.
        shadow: Answers too.
        pinned: Whether somebody chose the live version, so that no alias is followed.
        follower: Follows the alias.
        notice: What people should know of where it comes from.
        given_up: The version that the alias points to, when it cannot be loaded; else 0.
        loading: The version that is being loaded.
        loaded: Versions that have a part.
        failed: Versions that could not be loaded, by number.
        draining: Versions that take no more requests.
    """

    name: str
    source: ModelUri
    options: Options
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    live: Version | None = None
    previous: int = 0
    canary: Version | None = None
    canary_percent: float = 0.0
    shadow: Shadow | None = None
    pinned: bool = False
    follower: Follower | None = None
    notice: str = ""
    given_up: int = 0
    loading: Version | None = None
    loaded: list[Version] = field(default_factory=list)
    failed: dict[int, Version] = field(default_factory=dict)
    draining: list[Version] = field(default_factory=list)

    @property
    def alias(self) -> str:
        """The alias of the source; empty when it names none."""
        return self.source.alias if isinstance(self.source, AliasUri) else ""

    def active(self) -> Iterator[Version]:
        """The versions that take requests, each once, the live one first."""
        shadow = self.shadow.version if self.shadow is not None else None
        seen: list[Version] = []
        for version in (self.live, self.canary, shadow):
            if version is not None and version not in seen:
                seen.append(version)
                yield version

    def find(self, number: int) -> Version | None:
        """The version of this number that takes requests."""
        return next((version for version in self.active() if version.number == number), None)

    def choose(self, chance: random.Random) -> Version | None:
        """The version for a request that names none. A canary without a process that answers gets none."""
        canary = self.canary
        if canary is not None and chance.random() * 100 < self.canary_percent and canary.answers:
            return canary
        return self.live

    def promote(self, version: Version) -> None:
        """Gives a version the traffic, and takes other parts from it."""
        before = self.live
        self.live = version
        if before is not None and before.number != version.number:
            self.previous = before.number
        if self.canary is version:
            self.canary = None
        if self.shadow is not None and self.shadow.version is version:
            self.shadow = None

    def note_failure(self, version: Version) -> None:
        """Remembers a version that could not be loaded."""
        self.failed.pop(version.number, None)
        self.failed[version.number] = version
        while len(self.failed) > _MOST_FAILED:
            del self.failed[next(iter(self.failed))]
