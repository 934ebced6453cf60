"""One metric stream: the batches of one writer of one run, in order, over as many calls as it takes."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._backlog import Pending
from milepost._channel import Exchange, Transport
from milepost._delivery import Post, Refuse, Retry
from milepost._points import numbered
from milepost.errors import MilepostError, UnavailableError, from_status

WINDOW = 64
"""Most batches sent and not answered; the server reads no further."""

CLOSE_S = 1.0
"""How long a call may take to end."""

_log = logging.getLogger(__name__)

_Requests = SimpleQueue["bytes | tuple[bytes, int] | None"]


class MetricStream:
    """Sends batches and hears which are durable. All methods are for one thread; calls are received by others.

    Args:
        run_id: The run.
        writer_id: Whose batches these are.
        transport: The connection to the server.
        post: How the receiving threads come back to the one thread.
        done: Takes each batch that is durable.
        rejected: Takes each batch that was rejected, and why.
        refuse: Takes note of batches that were refused with the stream itself; `done` takes them too.
    """

    def __init__(
        self,
        run_id: str,
        writer_id: str,
        transport: Transport,
        post: Post,
        *,
        done: Callable[[Pending], None],
        rejected: Callable[[Pending, MilepostError], None],
        refuse: Refuse,
    ) -> None:
        self._run_id = run_id
        self._writer_id = writer_id
        self._transport = transport
        self._post = post
        self._done = done
        self._rejected = rejected
        self._refuse = refuse
        self._unsent: deque[Pending] = deque()
        self._sent: deque[Pending] = deque()
        # Rejections: of batches among those sent, and of batches that are still to come from the backlog.
        self._told: set[int] = set()
        self._early: dict[int, MilepostError] = {}
        self._durable = 0
        # What is subtracted from the numbers of batches on the wire, see `_renumber`.
        self._shift = 0
        self._call: Exchange | None = None
        self._requests: _Requests = SimpleQueue()
        self._receiver: threading.Thread | None = None
        self._is_open = False
        self._retry = Retry()
        self._finishing = False

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to send and no call."""
        return not self._unsent and not self._sent and self._call is None

    def put(self, pending: Pending) -> None:
        """Takes the next batch of the writer."""
        self._unsent.append(pending)

    def finish(self) -> None:
        """Ends the call once all is answered. A later batch opens another."""
        self._finishing = True

    def close(self) -> None:
        """Ends the call, at once if it waits for answers."""
        call, self._call = self._call, None
        if call is None:
            return
        self._requests.put(None)
        if self._sent or not self._is_open:
            call.cancel()
        if self._receiver is not None:
            self._receiver.join(CLOSE_S)

    def work(self, hurried: bool) -> float | None:
        """Sends what can be sent. Returns in how many seconds to try again; None: when something is heard."""
        if self._call is None:
            if not self._unsent:
                return None
            wait_s = self._retry.wait_s(hurried)
            if wait_s > 0:
                return wait_s
            self._open()
        if self._is_open:
            self._send()
        return None

    def _send(self) -> None:
        while self._unsent and len(self._sent) < WINDOW:
            pending = self._unsent.popleft()
            number = self._number(pending)
            if number in self._early:
                self._rejected(pending, self._early.pop(number))
            elif number <= self._durable:
                self._done(pending)
            else:
                self._sent.append(pending)
                self._requests.put((pending.batch.wire, number))
        if self._finishing and not self._sent:
            self._half_close()

    # Calls

    def _open(self) -> None:
        self._requests = SimpleQueue()
        first = self._number(self._unsent[0])
        self._requests.put(
            pb.StreamMetricsRequest(
                open=pb.StreamMetricsOpen(run_id=self._run_id, writer_id=self._writer_id, answered_sequence=first - 1)
            ).SerializeToString()
        )
        self._finishing = False
        call = self._call = self._transport.exchange(rpc.STREAM_METRICS, _serialized(self._requests))
        receive = partial(_receive, call, partial(self._post_event, call))
        self._receiver = threading.Thread(target=receive, name="milepost-acks", daemon=True)
        self._receiver.start()

    def _half_close(self) -> None:
        self._is_open = False
        self._requests.put(None)

    def _post_event(self, call: Exchange, event: pb.StreamMetricsResponse | MilepostError | None) -> None:
        self._post(partial(self._heard, call, event))

    def _heard(self, call: Exchange, event: pb.StreamMetricsResponse | MilepostError | None) -> None:
        if call is not self._call:
            return
        if not isinstance(event, pb.StreamMetricsResponse):
            self._ended(event)
        elif event.HasField("ack"):
            self._acknowledged(event.ack.durable_sequence)
        elif event.HasField("rejected"):
            self._was_rejected(event.rejected)
        elif event.HasField("opened"):
            self._was_opened(event.opened.durable_sequence)
        elif event.HasField("drain"):
            self._half_close()

    def _was_opened(self, durable: int) -> None:
        # What is durable already waits for the acknowledgement that follows: rejections are told again before it.
        while self._unsent and self._number(self._unsent[0]) <= durable:
            self._sent.append(self._unsent.popleft())
        if not self._sent and self._unsent and self._number(self._unsent[0]) > durable + 1:
            self._renumber(durable)
        else:
            self._is_open = True

    def _acknowledged(self, durable: int) -> None:
        self._durable = durable
        self._retry.succeeded()
        while self._sent and self._number(self._sent[0]) <= durable:
            pending = self._sent.popleft()
            if self._number(pending) in self._told:
                self._told.remove(self._number(pending))
            else:
                self._done(pending)

    def _was_rejected(self, rejection: pb.StreamMetricsRejected) -> None:
        error = from_status(rejection.error)
        for pending in self._sent:
            if self._number(pending) == rejection.sequence:
                if rejection.sequence not in self._told:
                    self._told.add(rejection.sequence)
                    self._rejected(pending, error)
                return
        self._early[rejection.sequence] = error

    def _ended(self, error: MilepostError | None) -> None:
        self._call = None
        self._is_open = False
        self._requests.put(None)
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()
        if self._retry.failed(error or UnavailableError("The server ended the stream.")) or error is None:
            return
        refused = [pending for pending in self._unsent if self._number(pending) not in self._told]
        self._unsent.clear()
        self._told.clear()
        self._retry.succeeded()
        for pending in refused:
            self._done(pending)
        values = sum(pending.batch.values for pending in refused)
        if values:
            self._refuse(f"{values} metric points of run {self._run_id}", values, error)

    # Numbers

    def _number(self, pending: Pending) -> int:
        return pending.batch.sequence - self._shift

    def _renumber(self, durable: int) -> None:
        """Goes on as a new writer, since the server lacks batches that are not here any more."""
        if durable:
            _log.warning(
                "The server has lost metric points of run %s that it had acknowledged; was it restored from a backup?",
                self._run_id,
            )
        self.close()
        self._shift = self._unsent[0].batch.sequence - 1
        self._durable = 0
        self._early.clear()
        self._writer_id = secrets.token_hex(16)


def _serialized(requests: _Requests) -> Iterator[bytes]:
    while (request := requests.get()) is not None:
        yield request if isinstance(request, bytes) else numbered(*request)


def _receive(call: Exchange, heard: Callable[[pb.StreamMetricsResponse | MilepostError | None], None]) -> None:
    try:
        for response in call:
            heard(response)
    except MilepostError as error:
        heard(error)
    else:
        heard(None)
