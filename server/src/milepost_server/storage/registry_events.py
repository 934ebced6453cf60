"""What services may ask of a database about the events of the model registry. See `storage.base`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from milepost import v1 as pb


class RegistryEvents(Protocol):
    """Events of the registry, numbered in the order in which they are committed."""

    async def append(self, model: int, events: Sequence[pb.RegistryEvent]) -> None:
        """Numbers and stores what happened to the registered model of that number, in the transaction that does it.

        Sets `sequence` of each. From here on, changes of the registry by other transactions wait for this one to end:
        call it last.
        """

    async def last(self) -> int:
        """Number of the last event; 0 when there is none."""

    async def after(self, sequence: int, limit: int) -> list[pb.RegistryEvent]:
        """Events behind a number, in order."""

    async def newest(self, name: str, limit: int, before: int | None) -> list[pb.RegistryEvent]:
        """Events before a number (None: all), latest first.

        Args:
            name: Only those of the registered model of that name, under former names too, or of deleted models that had
                it. Empty for all.
            limit: Most events to return.
            before: Number of an event.
        """
