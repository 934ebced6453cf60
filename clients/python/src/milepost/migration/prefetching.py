"""Reading ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")

_LOOK_S = 0.1
_END_S = 10.0
"""How long to wait for what is being read; a server that does not answer is not waited for."""


class _Ahead(Generic[Item]):
    def __init__(self, items: Iterator[Item], most: int) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(most)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="milepost-read-ahead", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for item in self._items:
                self._put((True, item))
                if self._stopped.is_set():
                    return
        except BaseException as error:
            self._put((False, error))
        else:
            self._put((False, None))

    def _put(self, entry: tuple[bool, Item | BaseException | None]) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(entry, timeout=_LOOK_S)
            except queue.Full:
                continue
            return

    def __iter__(self) -> Iterator[Item]:
        while True:
            more, item = self._queue.get()
            if more:
                yield item  # type: ignore[misc]
            elif item is None:
                return
            else:
                raise item  # type: ignore[misc]

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(_END_S)


@contextmanager
def prefetched(items: Iterator[Item], most: int) -> Iterator[Iterator[Item]]:
    """The same items, read by a thread that is at most `most` ahead. It ends with the block."""
    ahead = _Ahead(items, most)
    try:
        yield iter(ahead)
    finally:
        ahead.stop()
