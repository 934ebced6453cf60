"""Runs handlers through the interceptors, alike for both transports."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import Any, Protocol, cast

from google.protobuf.message import Message

from milepost_server.calls.answers import Answers
from milepost_server.calls.call import Call
from milepost_server.errors import Cancelled, DeadlineExceeded, DomainError, Internal

_log = logging.getLogger(__name__)


class Interceptor(Protocol):
    """Sees every call of every method. Each hook may raise a `DomainError` to refuse the call, except `end`."""

    async def begin(self, call: Call) -> None:
        """Runs before the handler."""

    def check(self, call: Call, request: Message) -> None:
        """Runs for each request message before the handler sees it. Must not change it."""

    def end(self, call: Call, error: DomainError | None) -> None:
        """Runs once after each call for which `begin` returned, with what it failed with, if it did."""


class Dispatcher:
    """Runs handlers. Interceptors begin in the order given and end in the opposite one.

    Args:
        interceptors: See every call, also one whose answer is at hand.
        answers: Keeps answers of methods that allow it. None to keep none.
    """

    def __init__(self, interceptors: Sequence[Interceptor], answers: Answers | None = None) -> None:
        self._interceptors = tuple(interceptors)
        self._answers = answers or Answers(lambda: None)

    async def unary(self, call: Call, request: Message | AsyncIterator[Message]) -> Message:
        """Answers a call of a method with one response message.

        Raises:
            DomainError: The only kind of exception that leaves, besides `CancelledError`.
        """
        begun: list[Interceptor] = []
        error: DomainError | None = None
        try:
            checked = await self._begin(call, request, begun)

            def work() -> Awaitable[Message]:
                return cast(Awaitable[Message], call.method.handler(checked, call))

            if call.method.client_streaming:
                return await work()
            if call.deadline is None:
                return await self._answers.give(call, checked, work)
            return await _in_time(self._answers.give(call, checked, work), call.deadline)
        except BaseException as raised:
            error = to_domain_error(raised, call)
            if error is None:
                error = Cancelled("The caller went away.")
                raise
            raise error from raised
        finally:
            self._end(call, begun, error)

    async def stream(self, call: Call, request: Message | AsyncIterator[Message]) -> AsyncGenerator[Message, None]:
        """Answers a call of a method with a stream of response messages. Raises as `unary` does."""
        begun: list[Interceptor] = []
        error: DomainError | None = None
        try:
            checked = await self._begin(call, request, begun)
            handler = cast(AsyncGenerator[Message, None], call.method.handler(checked, call))
            # A reader that goes away must end the handler now, not when its memory is collected.
            async with aclosing(handler) as messages:
                async for message in messages:
                    yield message
        except BaseException as raised:
            error = to_domain_error(raised, call)
            if error is None:
                error = Cancelled("The caller went away.")
                raise
            raise error from raised
        finally:
            self._end(call, begun, error)

    async def _begin(self, call: Call, request: Any, begun: list[Interceptor]) -> Any:
        for interceptor in self._interceptors:
            await interceptor.begin(call)
            begun.append(interceptor)
        if call.method.client_streaming:
            return self._checked(call, request)
        for interceptor in self._interceptors:
            interceptor.check(call, request)
        return request

    async def _checked(self, call: Call, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        async for request in requests:
            for interceptor in self._interceptors:
                interceptor.check(call, request)
            yield request

    @staticmethod
    def _end(call: Call, begun: list[Interceptor], error: DomainError | None) -> None:
        for interceptor in reversed(begun):
            interceptor.end(call, error)


async def _in_time(answer: Awaitable[Message], deadline: float) -> Message:
    limit = asyncio.timeout(deadline - time.monotonic())
    try:
        async with limit:
            return await answer
    except TimeoutError as raised:
        if not limit.expired():
            raise
        raise DeadlineExceeded("The deadline of the call passed before it was done. Allow more time.") from raised


def to_domain_error(raised: BaseException, call: Call) -> DomainError | None:
    """What the caller is told of `raised`: an unexpected one is logged under an id and named by it only.

    Returns:
        None for what is no failure of the call and must go on as it is: cancellation and the end of the process.
    """
    if isinstance(raised, DomainError):
        return raised
    if not isinstance(raised, Exception):
        return None
    error_id = secrets.token_hex(8)
    _log.error(
        "call failed unexpectedly",
        exc_info=raised,
        extra={"error_id": error_id, "method": call.method.name, "call_id": call.call_id},
    )
    return Internal(error_id)
