"""Answers to a stream of requests, in their order, while several are at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


async def in_order(
    requests: AsyncIterator[Request], answer: Callable[[Request], Awaitable[Response]], most: int
) -> AsyncGenerator[Response, None]:
    """The answers to all requests. What a request or an answer raises comes in its turn and ends the rest.

    Args:
        requests: Read as long as there is room.
        answer: Answers one.
        most: Most requests that are at work, or answered and not yet taken.
    """
    room = asyncio.Semaphore(most)
    tasks: asyncio.Queue[asyncio.Future[Response] | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async for request in requests:
                await room.acquire()
                tasks.put_nowait(asyncio.ensure_future(answer(request)))
        finally:
            tasks.put_nowait(None)

    reader = asyncio.create_task(read())
    task: asyncio.Future[Response] | None = None
    try:
        while (task := await tasks.get()) is not None:
            yield await task
            room.release()
        await reader
    finally:
        left: list[asyncio.Future[Any]] = [reader] if task is None else [reader, task]
        while not tasks.empty():
            if (waiting := tasks.get_nowait()) is not None:
                left.append(waiting)
        for waiting in left:
            waiting.cancel()
        await asyncio.gather(*left, return_exceptions=True)
