"""Lists that fetch their pages as they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

Page = tuple[list[Item], str]
"""Items, and the token of the next page, empty on the last."""


class _Window:
    """How much of a list is still wanted."""

    def __init__(self, page_size: int, limit: int | None) -> None:
        if limit is not None and limit < 0:
            raise ValueError(f"limit: {limit} is below 0. Give the number of items wanted, or None for all.")
        self._page_size = page_size
        self.left = limit

    def size(self) -> int:
        if self.left is None:
            return self._page_size
        return min(self._page_size, self.left) if self._page_size else self.left

    def cut(self, items: list[Item]) -> list[Item]:
        if self.left is None:
            return items
        wanted = items[: self.left]
        self.left -= len(wanted)
        return wanted


class Pages(Generic[Item]):
    """A list of the server. Nothing is fetched before it is read; each reading begins anew.

    Args:
        fetch: Returns the page after a token, of a size (0 for the server's default).
        page_size: Items asked for at once.
        limit: Items in all. None for no limit.
    """

    def __init__(
        self, fetch: Callable[[str, int], Page[Item]], *, page_size: int = 0, limit: int | None = None
    ) -> None:
        self._fetch = fetch
        self._page_size = page_size
        self._limit = limit
        _Window(page_size, limit)

    def __iter__(self) -> Iterator[Item]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[list[Item]]:
        """The items page by page, as the server cuts them."""
        window = _Window(self._page_size, self._limit)
        token = ""
        while window.left != 0:
            items, token = self._fetch(token, window.size())
            yield window.cut(items)
            if not token:
                return

    def first(self) -> Item | None:
        """The first item; None when there is none. Fetches no more than that."""
        return next(
            iter(Pages(self._fetch, page_size=1, limit=1 if self._limit is None else min(1, self._limit))), None
        )


class AsyncPages(Generic[Item]):
    """`Pages` for `async for`."""

    def __init__(
        self, fetch: Callable[[str, int], Awaitable[Page[Item]]], *, page_size: int = 0, limit: int | None = None
    ) -> None:
        self._fetch = fetch
        self._page_size = page_size
        self._limit = limit
        _Window(page_size, limit)

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in page:
                yield item

    async def pages(self) -> AsyncIterator[list[Item]]:
        """The items page by page, as the server cuts them."""
        window = _Window(self._page_size, self._limit)
        token = ""
        while window.left != 0:
            items, token = await self._fetch(token, window.size())
            yield window.cut(items)
            if not token:
                return

    async def first(self) -> Item | None:
        """The first item; None when there is none. Fetches no more than that."""
        limit = 1 if self._limit is None else min(1, self._limit)
        async for item in AsyncPages(self._fetch, page_size=1, limit=limit):
            return item
        return None

    async def to_list(self) -> list[Item]:
        """All items."""
        return [item async for item in self]
