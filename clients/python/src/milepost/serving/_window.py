"""The requests of a prediction stream that are not answered: what goes into the next message, and what is repeated."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from milepost import v1 as pb
from milepost._channel import backoff_s, max_attempts
from milepost.errors import DeadlineExceededError, MilepostError, from_status
from milepost.serving._values import Encoded

MAX_IN_FLIGHT = 1024
"""Requests without an answer beyond which the server reads no further."""

_MESSAGE_INPUTS = 256
_MESSAGE_BYTES = 1024 * 1024
_MAX_BYTES = 64 * 1024 * 1024
_LONGEST_PAUSE_S = 5.0


@dataclass(slots=True, eq=False)
class Pending:
    """A request that waits for its answer.

    Args:
        encoded: The request, with its params.
        future: Gets the answer or the error; of `concurrent.futures` or asyncio.
        size: Bytes of the request.
        failures: Attempts that failed.
    """

    encoded: Encoded
    future: Any
    size: int
    failures: int = 0


Settle = Callable[[], None]
"""Hands a request its answer. Not to be called under a lock, since those who wait for it are called back at once."""


class Window:
    """Requests of one stream. Knows neither calls nor locks; those who use it do.

    Args:
        model: Name of the served model.
        version: The version that is asked; 0 for the live one.
        most: Most requests without an answer.
    """

    def __init__(self, model: str, version: int, most: int) -> None:
        if not 1 <= most <= MAX_IN_FLIGHT:
            raise ValueError(f"max_in_flight: {most} is not between 1 and {MAX_IN_FLIGHT}.")
        self.most = most
        self._model = model
        self._version = version
        self._unsent: deque[Pending] = deque()
        self._sent: dict[str, Pending] = {}
        self._bytes = 0
        self._last_id = 0
        self._paused_until = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether all is answered."""
        return not self._unsent and not self._sent

    @property
    def has_room(self) -> bool:
        """Whether one more may be added."""
        return len(self._unsent) + len(self._sent) < self.most and self._bytes < _MAX_BYTES

    @property
    def wait_s(self) -> float | None:
        """Seconds until there is something to send; None when there is nothing."""
        return max(self._paused_until - time.monotonic(), 0.0) if self._unsent else None

    def add(self, pending: Pending) -> None:
        """Takes a request."""
        self._last_id += 1
        pending.encoded.input.id = str(self._last_id)
        self._bytes += pending.size
        self._unsent.append(pending)

    def message(self, *, first: bool) -> pb.StreamPredictRequest:
        """What waits, as far as it goes into one message."""
        inputs: list[pb.PredictInput] = []
        size = 0
        while self._unsent and len(inputs) < _MESSAGE_INPUTS:
            pending = self._unsent[0]
            size += pending.size
            if inputs and size > _MESSAGE_BYTES:
                break
            self._unsent.popleft()
            inputs.append(pending.encoded.input)
            self._sent[pending.encoded.input.id] = pending
        if first:
            return pb.StreamPredictRequest(model=self._model, version=self._version, inputs=inputs)
        return pb.StreamPredictRequest(inputs=inputs)

    def answered(self, response: pb.StreamPredictResponse) -> list[Settle]:
        """Takes answers. What failed and may succeed is sent again."""
        settled = []
        for output in response.outputs:
            pending = self._sent.pop(output.id, None)
            if pending is None:
                continue
            if output.HasField("error"):
                settled += self._failed([pending], from_status(output.error))
            else:
                settled.append(self._done(pending, output))
        return settled

    def broken(self, error: MilepostError) -> list[Settle]:
        """Takes note that the call has ended. What was sent is sent again where that may help."""
        sent = list(self._sent.values())
        self._sent.clear()
        return self._failed(sent, error)

    def given_up(self, error: MilepostError) -> list[Settle]:
        """Ends all with an error."""
        left = [*self._sent.values(), *self._unsent]
        self._sent.clear()
        self._unsent.clear()
        return [self._refused(pending, error) for pending in left]

    def _failed(self, failed: Iterable[Pending], error: MilepostError) -> list[Settle]:
        repeatable = error.retriable and not isinstance(error, DeadlineExceededError)
        settled, again = [], []
        for pending in failed:
            pending.failures += 1
            if repeatable and pending.failures < max_attempts(error):
                again.append(pending)
            else:
                settled.append(self._refused(pending, error))
        if again:
            pause_s = backoff_s(max(pending.failures for pending in again), error, _LONGEST_PAUSE_S)
            self._paused_until = max(self._paused_until, time.monotonic() + pause_s)
            self._unsent.extendleft(reversed(again))
        return settled

    def _done(self, pending: Pending, output: pb.PredictOutput) -> Settle:
        self._bytes -= pending.size

        def settle() -> None:
            if pending.future.done():  # nobody waits any more
                return
            try:
                answer = pending.encoded.read(output)
            except Exception as error:
                pending.future.set_exception(error)
            else:
                pending.future.set_result(answer)

        return settle

    def _refused(self, pending: Pending, error: MilepostError) -> Settle:
        self._bytes -= pending.size

        def settle() -> None:
            if not pending.future.done():
                pending.future.set_exception(error)

        return settle
