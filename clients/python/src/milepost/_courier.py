"""Brings the batches of a backlog to the server: points by streams, params and tags by unary calls."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from milepost._backlog import Backlog, Pending
from milepost._channel import Transport
from milepost._delivery import Refuse
from milepost._stream import MetricStream
from milepost._unary import UnaryLane


class Courier:
    """Delivers what is in a backlog. One thread calls `work` again and again, and waits on `changed` in between.

    Args:
        transport: The connection to the server.
        backlog: What to deliver.
        changed: Notified when something was heard, so that `work` has work.
        refuse: Takes note of what the server refused for good.
    """

    def __init__(self, transport: Transport, backlog: Backlog, changed: threading.Condition, refuse: Refuse) -> None:
        self._transport = transport
        self._backlog = backlog
        self._changed = changed
        self._refuse = refuse
        self._events: deque[Callable[[], None]] = deque()
        self._unary = UnaryLane(transport, self.post, done=backlog.done, refuse=refuse)
        self._streams: dict[tuple[str, str], MetricStream] = {}

    @property
    def has_news(self) -> bool:
        """Whether something was heard since `work` began."""
        return bool(self._events)

    def work(self, hurried: bool) -> float | None:
        """Sends and hears what can be, without waiting. Returns in how many seconds to call it again at the latest.

        Args:
            hurried: Whether somebody waits, so that delays between attempts are short.
        """
        taken = True
        while taken:
            while self._events:
                self._events.popleft()()
            taken = False
            for pending in self._backlog.take():
                self._put(pending)
                taken = True
            waits = [self._unary.work(hurried)]
            waits += [stream.work(hurried) for stream in self._streams.values()]
        for key in [key for key, stream in self._streams.items() if stream.is_idle]:
            del self._streams[key]
        return min((wait for wait in waits if wait is not None), default=None)

    def finish(self, run_id: str) -> None:
        """Ends the streams of a run once all is answered."""
        for key, stream in self._streams.items():
            if key[0] == run_id:
                stream.finish()

    def close(self) -> None:
        """Ends all streams. What was not answered stays in the backlog."""
        for stream in self._streams.values():
            stream.close()

    def _put(self, pending: Pending) -> None:
        batch = pending.batch
        if not batch.writer_id:
            self._unary.put(pending)
            return
        key = batch.run_id, batch.writer_id
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = MetricStream(
                *key,
                self._transport,
                self.post,
                done=self._backlog.done,
                rejected=self._unary.put_rejected,
                refuse=self._refuse,
            )
        stream.put(pending)

    def post(self, event: Callable[[], None]) -> None:
        """Has something done by the next `work`. For all threads."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()
