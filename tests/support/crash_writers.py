"""Clients that write until the server or its database is gone, remember what was acknowledged, and go on later."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from milepost import v1 as pb
from support.history_checker import Track
from support.metric_stream import MetricStream
from support.server_process import call
from support.values import unique

LOG_BATCH = "milepost.v1.TrackingService/LogBatch"
LOG_METRICS = "milepost.v1.MetricService/LogMetrics"
RETRIABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED)

# What grpcio says, under INTERNAL, to a message that it cannot send because the connection is just breaking.
BROKEN = "Internal error from Core"

Answered = Callable[[], None]


@dataclass(frozen=True)
class _Part:
    """Points of a track."""

    track: Track
    first: int
    count: int

    def points(self) -> pb.MetricPoints:
        return self.track.points(self.first, self.count)

    def acknowledge(self) -> None:
        self.track.acknowledged = max(self.track.acknowledged, self.first + self.count)


class _Source:
    """Takes points of tracks, as many as chance has it."""

    def __init__(self, tracks: Sequence[Track], most: int) -> None:
        self.tracks = tracks
        self._most = most
        self._random = random.Random(tracks[0].writer)
        self._taken = dict.fromkeys(range(len(tracks)), 0)

    def take(self) -> list[_Part]:
        parts = []
        for index in self._random.sample(range(len(self.tracks)), self._random.randint(1, len(self.tracks))):
            count = self._random.choice((1, 2, self._random.randint(1, self._most)))
            parts.append(_Part(self.tracks[index], self._taken[index], count))
            self._taken[index] += count
        return parts


class StreamWriter:
    """Writes to one run by `StreamMetrics`, without the Python client.

    Attributes:
        unheard: How often batches had been stored whose acknowledgement never came.

    Args:
        tracks: What it writes, all of one run.
        most: Most points of a batch and track.
        window: Most batches unacknowledged.
    """

    def __init__(self, tracks: Sequence[Track], most: int = 400, window: int = 24) -> None:
        self._source = _Source(tracks, most)
        self._run_id = tracks[0].run_id
        self._writer_id = f"stream-{tracks[0].writer}"
        self._window = window
        self._unacknowledged: deque[tuple[int, list[_Part]]] = deque()
        self._durable = 0
        self._room = asyncio.Event()
        self.unheard = 0

    async def write(self, channel: grpc.aio.Channel, answered: Answered) -> None:
        """Sends what is not acknowledged, then more, until the stream breaks. Raises what it broke with."""
        async with MetricStream(channel) as stream:
            await self._open(stream)
            sending = asyncio.create_task(self._send(stream))
            try:
                while (response := await stream.receive()) is not None:
                    self._acknowledge(response.ack.durable_sequence)
                    answered()
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def finish(self, channel: grpc.aio.Channel) -> None:
        """Sends what is not acknowledged, and waits until it is."""
        async with MetricStream(channel) as stream:
            await self._open(stream)
            for sequence, parts in self._unacknowledged:
                await stream.send(sequence, *(part.points() for part in parts))
            for response in await stream.finish():
                self._acknowledge(response.ack.durable_sequence)
        assert not self._unacknowledged

    async def _open(self, stream: MetricStream) -> None:
        durable = await stream.open(self._run_id, self._writer_id, self._durable)
        last = self._unacknowledged[-1][0] if self._unacknowledged else self._durable
        assert self._durable <= durable <= last, "the server forgot an acknowledged batch, or made one up"
        self.unheard += durable > self._durable
        self._acknowledge(durable)

    async def _send(self, stream: MetricStream) -> None:
        for sequence, parts in tuple(self._unacknowledged):
            await stream.send(sequence, *(part.points() for part in parts))
        sequence = self._unacknowledged[-1][0] if self._unacknowledged else self._durable
        while True:
            sequence += 1
            parts = self._source.take()
            self._unacknowledged.append((sequence, parts))
            await stream.send(sequence, *(part.points() for part in parts))
            while len(self._unacknowledged) >= self._window:
                self._room.clear()
                await self._room.wait()

    def _acknowledge(self, durable: int) -> None:
        self._durable = max(self._durable, durable)
        while self._unacknowledged and self._unacknowledged[0][0] <= durable:
            for part in self._unacknowledged.popleft()[1]:
                part.acknowledge()
        self._room.set()


class UnaryWriter:
    """Writes to one run by unary calls, one at a time, each with a `request_id` by which it is repeated.

    Args:
        tracks: What it writes, all of one run.
        most: Most points of a call and track.
    """

    def __init__(self, tracks: Sequence[Track], most: int = 20) -> None:
        self._source = _Source(tracks, most)
        self._run_id = tracks[0].run_id
        self._open: tuple[Any, list[_Part]] | None = None
        self._last: tuple[Any, Any] | None = None
        self._calls = 0

    async def write(self, channel: grpc.aio.Channel, answered: Answered) -> None:
        """Repeats what has no answer, then goes on, until a call fails. Raises what it failed with."""
        if self._last is not None:
            # Its answer came, and for all that the server knows it did not.
            assert await self._call(channel, self._last[0]) == self._last[1], "a repeat was answered otherwise"
        while True:
            await self._next(channel)
            answered()

    async def finish(self, channel: grpc.aio.Channel) -> None:
        """Repeats what has no answer."""
        if self._open is not None:
            await self._next(channel)

    async def _next(self, channel: grpc.aio.Channel) -> None:
        request, parts = self._open = self._open or self._request()
        self._last = (request, await self._call(channel, request))
        for part in parts:
            part.acknowledge()
        self._open = None

    def _request(self) -> tuple[Any, list[_Part]]:
        parts = self._source.take()
        metrics = [part.points() for part in parts]
        self._calls += 1
        if self._calls % 2:
            return pb.LogMetricsRequest(request_id=unique(), run_id=self._run_id, metrics=metrics), parts
        return pb.LogBatchRequest(request_id=unique(), run_id=self._run_id, metrics=metrics), parts

    @staticmethod
    async def _call(channel: grpc.aio.Channel, request: Any) -> Any:
        return await call(channel, LOG_METRICS if isinstance(request, pb.LogMetricsRequest) else LOG_BATCH, request)


class Writer(Protocol):
    """Something that writes."""

    async def write(self, channel: grpc.aio.Channel, answered: Answered) -> None:
        """Writes until that fails, and raises what it failed with."""

    async def finish(self, channel: grpc.aio.Channel) -> None:
        """Repeats what has no answer."""


async def write_until_refused(writer: Writer, channel: grpc.aio.Channel, answered: Answered) -> grpc.StatusCode:
    """Lets a writer write until it is refused, which must be in a way that allows to try again. Returns the code."""
    try:
        await writer.write(channel, answered)
    except grpc.aio.AioRpcError as error:
        if error.details() == BROKEN:
            return grpc.StatusCode.UNAVAILABLE
        assert error.code() in RETRIABLE, error  # noqa: PT017
        return error.code()
    # A stream that the server ended as it drains.
    return grpc.StatusCode.OK
