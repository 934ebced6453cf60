"""Answers that are given again while the database is as it was.

Dashboards ask the same questions over and over. Asking the database whether anything was committed since costs a few
microseconds; reading and building the answer anew costs a hundred and more. An answer is kept with the version that the
database had before it was read, so that one that is given again is never older than the newest commit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from google.protobuf.message import Message

from milepost_server.calls.call import Call

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MAX_ENTRIES = 256
MAX_ENTRY_BYTES = 32 * 1024


class Recent(Generic[Key, Value]):
    """The values that were used last, `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value of a key, which then counts as used."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keeps a value, in place of the one that was not used for longest."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)


class Answers:
    """Keeps small answers of the methods that `(milepost.v1.cacheable)` marks.

    Args:
        version: A number that differs after every commit to the database; None when that is not known at hand, and
            then nothing is kept.
    """

    def __init__(self, version: Callable[[], int | None]) -> None:
        self._version = version
        self._kept: Recent[tuple[str, bytes], tuple[int, Message]] = Recent(MAX_ENTRIES)

    async def give(self, call: Call, request: Message, work: Callable[[], Awaitable[Message]]) -> Message:
        """The answer to a request, by `work` when it is not at hand. It is shared, and must not be changed."""
        version = self._version() if call.method.cacheable else None
        if version is None:
            return await work()
        key = call.method.name, request.SerializeToString(deterministic=True)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            return kept[1]
        answer = await work()
        if answer.ByteSize() <= MAX_ENTRY_BYTES:
            self._kept.put(key, (version, answer))
        return answer
