"""What happened in the model registry, as pages and as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from milepost import v1 as pb
from milepost_server.services.changes import ChangeFeed
from milepost_server.services.pages import cut, decode_token, encode_token, page_limit
from milepost_server.services.resume import bad_token, resume_token, resumed
from milepost_server.storage.base import Storage

# Events read at once: some 100 KB.
_EVENTS_AT_ONCE = 500


class RegistryEventService:
    """Events of the registry.

    Args:
        storage: The database.
        feed: Says when to look.
    """

    def __init__(self, storage: Storage, feed: ChangeFeed) -> None:
        self._storage = storage
        self._feed = feed

    async def page(self, request: pb.ListRegistryEventsRequest) -> pb.ListRegistryEventsResponse:
        """See `RegistryService.ListRegistryEvents`."""
        limit = page_limit(request.page_size, 100, 1000)
        after = decode_token(request, request.page_token)
        before = None if after is None else int(after[0])
        found = await self._storage.scan(lambda tx: tx.registry_events.newest(request.name, limit + 1, before))
        events, position = cut(found, limit, lambda event: event.sequence)
        return pb.ListRegistryEventsResponse(events=events, next_page_token=encode_token(request, position))

    async def watch(self, request: pb.WatchRegistryRequest) -> AsyncGenerator[pb.WatchRegistryResponse, None]:
        """See `RegistryService.WatchRegistry`."""
        told = _position(request)
        with self._feed.subscribe(registry=True) as subscription:
            begun = told is None
            if told is None:
                told = await self._storage.scan(lambda tx: tx.registry_events.last())
                yield _response(request, [], told)
            while True:
                found = await self._after(told)
                told = found[-1].sequence if found else told
                wanted = [event for event in found if request.name in ("", event.name)]
                # The first message comes at once, whether or not there is news.
                if wanted or not begun:
                    yield _response(request, wanted, told)
                    begun = True
                if len(found) < _EVENTS_AT_ONCE and await subscription.next() is None:
                    return

    async def _after(self, sequence: int) -> list[pb.RegistryEvent]:
        return await self._storage.scan(lambda tx: tx.registry_events.after(sequence, _EVENTS_AT_ONCE))


def _position(request: pb.WatchRegistryRequest) -> int | None:
    """Number of the last event that the reader knows; None when it wants those from now on."""
    payload = resumed(request)
    if payload is None:
        return None
    try:
        return int(payload)
    except ValueError:
        raise bad_token() from None


def _response(request: pb.WatchRegistryRequest, events: list[pb.RegistryEvent], told: int) -> pb.WatchRegistryResponse:
    return pb.WatchRegistryResponse(events=events, resume_token=resume_token(request, str(told).encode()))
