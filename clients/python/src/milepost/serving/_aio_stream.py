"""Predictions by a stream, for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any

from milepost import v1 as pb
from milepost._channel import AsyncTransport
from milepost.errors import CancelledError, MilepostError, UnavailableError
from milepost.serving import _methods as rpc
from milepost.serving import _requests as req
from milepost.serving._values import Prediction, encode
from milepost.serving._window import Pending, Window


class AsyncPredictionStream:
    """See `milepost.serving.PredictionStream`. Made by `AsyncModelServer.stream`, for one event loop."""

    def __init__(self, transport: AsyncTransport, window: Window) -> None:
        self._transport = transport
        self._window = window
        # Told of whatever changes here and in the window.
        self._changed = _Signal()
        self._task: asyncio.Task[None] | None = None
        self._calls = 0
        self._closing = False

    async def __aenter__(self) -> AsyncPredictionStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            await self.cancel()

    async def submit(self, data: Any, params: Mapping[str, Any] | None = None) -> asyncio.Future[Prediction]:
        """See `PredictionStream.submit`. What is returned can be awaited; who cancels it, only stops waiting."""
        encoded = encode(data)
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        pending = Pending(encoded, future, req.given(encoded, params).ByteSize())
        while not self._closing and not self._window.has_room:
            await self._changed.wait()
        if self._closing:
            raise RuntimeError("The prediction stream is closed; open another one.")
        self._window.add(pending)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._ended)
        self._changed.tell()
        return future

    async def predict_many(
        self, batches: Iterable[Any] | AsyncIterable[Any], params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Prediction]:
        """See `PredictionStream.predict_many`."""
        waiting: deque[asyncio.Future[Prediction]] = deque()
        async for batch in _iterate(batches):
            waiting.append(await self.submit(batch, params))
            while waiting and (waiting[0].done() or len(waiting) >= self._window.most):
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()

    async def close(self) -> None:
        """See `PredictionStream.close`."""
        self._closing = True
        self._changed.tell()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def cancel(self) -> None:
        """See `PredictionStream.cancel`."""
        if self._task is not None:
            self._task.cancel()
        await self.close()

    # The task

    async def _run(self) -> None:
        while await self._has_work():
            error = await self._follow_call()
            self._calls += 1
            for settle in self._window.broken(error):
                settle()
            self._changed.tell()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._closing = True
        self._calls += 1
        for settle in self._window.given_up(CancelledError("The prediction stream was cancelled.")):
            settle()
        self._changed.tell()

    async def _has_work(self) -> bool:
        """Waits for something to send. False when the stream has ended."""
        while not (self._closing and self._window.is_empty):
            wait_s = self._window.wait_s
            if wait_s == 0:
                return True
            await self._changed.wait(wait_s)
        return False

    async def _follow_call(self) -> MilepostError:
        responses: Any = self._transport.exchange(rpc.STREAM_PREDICT, self._requests(self._calls))
        try:
            async with aclosing(responses):
                async for response in responses:
                    for settle in self._window.answered(response):
                        settle()
                    self._changed.tell()
        except MilepostError as error:
            return error
        return UnavailableError("The server ended the stream.")

    async def _requests(self, call: int) -> AsyncIterator[pb.StreamPredictRequest]:
        """The messages of a call; grpcio takes them in a task of its own."""
        first = True
        while await self._can_send(call):
            yield self._window.message(first=first)
            first = False

    async def _can_send(self, call: int) -> bool:
        """Waits for something to send by this call. False when the call is to end."""
        while self._calls == call and not (self._closing and self._window.is_empty):
            wait_s = self._window.wait_s
            if wait_s == 0:
                return True
            await self._changed.wait(wait_s)
        return False


class _Signal:
    """Wakes all who wait. Unlike `asyncio.Condition` it has no lock: nothing changes between two awaits."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout_s: float | None = None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=timeout_s)
        finally:
            self._waiting.discard(waiter)


async def _iterate(batches: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(batches, AsyncIterable):
        async for batch in batches:
            yield batch
    else:
        for batch in batches:
            yield batch
