"""Predictions by a stream, for threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from milepost import v1 as pb
from milepost._channel import Exchange, Transport
from milepost.errors import CancelledError, MilepostError, UnavailableError
from milepost.serving import _methods as rpc
from milepost.serving import _requests as req
from milepost.serving._values import Prediction, encode
from milepost.serving._window import Pending, Settle, Window


class PredictionStream:
    """Asks one model many times, and does not wait for one answer before it asks again; made by `ModelServer.stream`.

    Leaving its `with` block waits for all answers, and cancels them when an exception leaves it. What a lost connection
    or a lost process of the model left unanswered is asked again. May be used from several threads.
    """

    def __init__(self, transport: Transport, window: Window) -> None:
        self._transport = transport
        self._window = window
        # Guards all below and the window; told of whatever changes there.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._call: Exchange | None = None
        self._calls = 0
        self._closing = False
        self._cancelled = False

    def __enter__(self) -> PredictionStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.cancel()

    def submit(self, data: Any, params: Mapping[str, Any] | None = None) -> Future[Prediction]:
        """Asks for a prediction. Waits as long as too many are unanswered; not to be called by a future's callback.

        Args:
            data: The batch, as for `ModelServer.predict`.
            params: Params of the model, by name.

        Returns:
            The answer to come, which cannot be cancelled alone. Its error is a `MilepostError`.

        Raises:
            BadModelInput: The batch cannot be sent.
            RuntimeError: The stream is closed.
        """
        encoded = encode(data)
        future: Future[Prediction] = Future()
        future.set_running_or_notify_cancel()
        pending = Pending(encoded, future, req.given(encoded, params).ByteSize())
        with self._changed:
            while not self._closing and not self._window.has_room:
                self._changed.wait()
            if self._closing:
                raise RuntimeError("The prediction stream is closed; open another one.")
            self._window.add(pending)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="milepost-predictions", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return future

    def predict_many(self, batches: Iterable[Any], params: Mapping[str, Any] | None = None) -> Iterator[Prediction]:
        """The answers to many batches, in their order; asks ahead of what is read. Raises as `ModelServer.predict`."""
        waiting: deque[Future[Prediction]] = deque()
        for batch in batches:
            waiting.append(self.submit(batch, params))
            while waiting and (waiting[0].done() or len(waiting) >= self._window.most):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        """Takes no more, and waits for all answers."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def cancel(self) -> None:
        """Ends at once; what is unanswered gets a `CancelledError`."""
        with self._changed:
            self._cancelled = True
            if self._call is not None:
                self._call.cancel()
        self.close()

    # The thread

    def _run(self) -> None:
        try:
            while self._has_work():
                error = self._follow_call()
                with self._changed:
                    self._call = None
                    self._calls += 1
                    settled = self._window.broken(error)
                    self._changed.notify_all()
                _settle(settled)
        finally:
            with self._changed:
                self._closing = True
                self._calls += 1
                settled = self._window.given_up(CancelledError("The prediction stream was cancelled."))
                self._changed.notify_all()
            _settle(settled)

    def _has_work(self) -> bool:
        """Waits for something to send. False when the stream has ended."""
        with self._changed:
            while not self._cancelled and not (self._closing and self._window.is_empty):
                wait_s = self._window.wait_s
                if wait_s == 0:
                    self._call = self._transport.exchange(rpc.STREAM_PREDICT, self._requests(self._calls))
                    return True
                self._changed.wait(wait_s)
        return False

    def _follow_call(self) -> MilepostError:
        assert self._call is not None
        try:
            for response in self._call:
                with self._changed:
                    settled = self._window.answered(response)
                    self._changed.notify_all()
                _settle(settled)
        except MilepostError as error:
            return error
        return UnavailableError("The server ended the stream.")

    def _requests(self, call: int) -> Iterator[bytes]:
        """The messages of a call; grpcio takes them in a thread of its own."""
        message = self._next_message(call, first=True)
        while message is not None:
            yield message.SerializeToString()
            message = self._next_message(call, first=False)

    def _next_message(self, call: int, *, first: bool) -> pb.StreamPredictRequest | None:
        """Waits for something to send by this call. None when the call is to end."""
        with self._changed:
            while self._calls == call and not (self._closing and self._window.is_empty):
                wait_s = self._window.wait_s
                if wait_s == 0:
                    return self._window.message(first=first)
                self._changed.wait(wait_s)
        return None


def _settle(settled: Iterable[Settle]) -> None:
    for settle in settled:
        settle()
