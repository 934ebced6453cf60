"""Answers that are given again while the database is as it was.

Dashboards ask the same questions over and over. Asking the database whether anything was committed since costs a few
microseconds; reading and building the answer anew costs a hundred and more. An answer is kept with the version that the
database had before it was read, so that one that is given again is never older than the newest commit.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from milepost_server.calls.call import Call

MAX_ENTRIES = 256
MAX_ENTRY_BYTES = 1024 * 1024
"""A chart of one metric has 76 KB, a page of points 170."""
MAX_BYTES = 8 * 1024 * 1024
"""Of all answers, serialized. Their messages take about as much again."""
_MAX_TEXT_BYTES = 64 * 1024
_SLOW_S = 0.005


class Answer:
    """A response message, and what transports made of it: kept with the message, so that it is made once.

    Args:
        message: The response. It may be given to several calls and must not be changed.
    """

    __slots__ = ("_raw", "_text", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._raw: bytes | None = None
        self._text: bytes | None = None

    def serialized(self) -> bytes:
        """The message as protobuf bytes."""
        if self._raw is None:
            self._raw = self.message.SerializeToString()
        return self._raw

    def written(self, write: Callable[[Message], bytes]) -> bytes:
        """The message as text; `write` makes it, and is the same for all calls of a method."""
        if self._text is not None:
            return self._text
        text = write(self.message)
        if len(text) <= _MAX_TEXT_BYTES:
            self._text = text
        return text


class Answers:
    """Keeps small answers of the methods that `(milepost.v1.cacheable)` marks.

    Args:
        version: A number that differs after every commit to the database; None when that is not known at hand, and
            then nothing is kept.
    """

    def __init__(self, version: Callable[[], int | None]) -> None:
        self._version = version
        # By method and request, the least recently asked first. None for a question that was asked once: most are never
        # asked again, and so not worth the look at the version.
        self._kept: OrderedDict[tuple[str, bytes], tuple[int, Answer] | None] = OrderedDict()
        self._bytes = 0
        # Methods whose last answer took long: theirs are worth that look.
        self._slow: set[str] = set()

    async def give(self, call: Call, request: Message, work: Callable[[], Awaitable[Message]]) -> Answer:
        """The answer to a request, by `work` when it is not at hand."""
        if not call.method.cacheable:
            return Answer(await work())
        name = call.method.name
        key = name, request.SerializeToString(deterministic=True)
        if key not in self._kept and name not in self._slow:
            self._keep(key, None)
            return await self._made(name, work)
        version = self._version()
        if version is None:
            return await self._made(name, work)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            self._kept.move_to_end(key)
            return kept[1]
        answer = await self._made(name, work)
        if len(answer.serialized()) <= MAX_ENTRY_BYTES:
            self._keep(key, (version, answer))
        return answer

    async def _made(self, method: str, work: Callable[[], Awaitable[Message]]) -> Answer:
        began = time.monotonic()
        answer = Answer(await work())
        if time.monotonic() - began > _SLOW_S:
            self._slow.add(method)
        else:
            self._slow.discard(method)
        return answer

    def _keep(self, key: tuple[str, bytes], value: tuple[int, Answer] | None) -> None:
        self._bytes += _size(value) - _size(self._kept.get(key))
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(kept: tuple[int, Answer] | None) -> int:
    return 0 if kept is None else len(kept[1].serialized())
