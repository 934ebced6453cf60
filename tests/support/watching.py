"""Watches, read message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any

MESSAGE_TIMEOUT_S = 60.0


class Watch:
    """A stream of changes, to be used as a context manager; leaving it ends the stream.

    Args:
        messages: The messages as they come. Raises `ApiError` when the server refuses.
    """

    def __init__(self, messages: AsyncGenerator[Any, None]) -> None:
        self._messages = messages

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._messages.aclose()

    async def next(self) -> Any:
        """The next message, waited for; None when the server has ended the stream well."""
        async with asyncio.timeout(MESSAGE_TIMEOUT_S):
            return await anext(self._messages, None)

    async def until(self, enough: Callable[[Any], bool]) -> list[Any]:
        """Messages up to the first with which it is enough."""
        read: list[Any] = []
        while not read or not enough(read[-1]):
            message = await self.next()
            assert message is not None, f"the stream ended after {read}"
            read.append(message)
        return read
