"""Runs handlers through the interceptors, alike for both transports."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import Any, cast

from google.protobuf.message import Message

from milepost_server.calls.answers import Answer, Answers
from milepost_server.calls.call import Call
from milepost_server.errors import Cancelled, DeadlineExceeded, DomainError, Internal

_log = logging.getLogger(__name__)


class Interceptor:
    """Sees every call of every method. A hook may raise a `DomainError` to refuse the call, except `end`."""

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
        # Most interceptors have one hook only. Each is called with the number of interceptors before its own.
        hooks = list(enumerate(interceptors))
        self._begins = [(number, each.begin) for number, each in hooks if type(each).begin is not Interceptor.begin]
        self._checks = [each.check for each in interceptors if type(each).check is not Interceptor.check]
        self._ends = [(number, each.end) for number, each in hooks if type(each).end is not Interceptor.end][::-1]
        self._answers = answers or Answers(lambda: None)

    async def unary(self, call: Call, request: Message | AsyncIterator[Message]) -> Answer:
        """Answers a call of a method with one response message.

        Raises:
            DomainError: The only kind of exception that leaves, besides `CancelledError`.
        """
        error: DomainError | None = None
        begun = _Begun()
        try:
            checked = await self._begin(call, request, begun)

            def work() -> Awaitable[Message]:
                return cast(Awaitable[Message], call.method.handler(checked, call))

            if call.method.client_streaming:
                return Answer(await work())
            if call.deadline is None or call.transport == "grpc":  # gRPC itself ends calls whose time is up
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
        error: DomainError | None = None
        begun = _Begun()
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

    async def _begin(self, call: Call, request: Any, begun: _Begun) -> Any:
        for number, begin in self._begins:
            begun.before = number
            await begin(call)
        begun.before = _ALL
        if call.method.client_streaming:
            return self._checked(call, request)
        for check in self._checks:
            check(call, request)
        return request

    async def _checked(self, call: Call, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        async for request in requests:
            for check in self._checks:
                check(call, request)
            yield request

    def _end(self, call: Call, begun: _Begun, error: DomainError | None) -> None:
        for number, end in self._ends:
            if number < begun.before:
                end(call, error)


_ALL = 1 << 30


class _Begun:
    """How many interceptors began a call."""

    __slots__ = ("before",)

    def __init__(self) -> None:
        self.before = 0


async def _in_time(answer: Awaitable[Answer], deadline: float) -> Answer:
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
    return unexpected(raised, call.method.name, call.call_id)


def unexpected(raised: Exception, method: str, call_id: str) -> Internal:
    """What the caller is told of a defect, which is logged under an id."""
    error_id = secrets.token_hex(8)
    _log.error(
        "call failed unexpectedly",
        exc_info=raised,
        extra={"error_id": error_id, "method": method, "call_id": call_id},
    )
    return Internal(error_id)
