"""Streams of changes that go on where they stopped when a connection breaks or a server shuts down."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from milepost import v1 as pb
from milepost._channel import AsyncExchange, AsyncTransport, Exchange, Transport, backoff_s
from milepost._methods import Method
from milepost.errors import CancelledError, MilepostError, NotFoundError, UnavailableError

Item = TypeVar("Item")

_LONGEST_DELAY_S = 5.0


@dataclass
class MetricUpdate:
    """New points of one metric of one run, as columns of equal length, in the order in which they were stored.

    Args:
        run_id: The run.
        key: The metric.
        steps: Step of each point.
        timestamps_ms: Time of each point, in milliseconds since the Unix epoch.
        values: Value of each point, bit for bit as logged.
        restarted: Whether the metric was rewound or removed: what came before of it is void.
        skipped: Number of new points that were left out because there are more than the watch takes at once.
    """

    run_id: str
    key: str
    steps: list[int]
    timestamps_ms: list[int]
    values: list[float]
    restarted: bool
    skipped: int


@dataclass
class RunChanges(Generic[Item]):
    """What is new among the runs of an experiment.

    Args:
        runs: Those that are new or changed, whole; a deleted one says so.
        purged_run_ids: Ids of those that were removed for good.
    """

    runs: list[Item]
    purged_run_ids: list[str]


class Course(Generic[Item]):
    """How far a watch has come, and whether it goes on.

    Args:
        method: The method.
        request: Its request. The resume token in it is kept up to date.
        read: What to give the reader of a response.
        timeout_s: Seconds without a connection after which it gives up.

    `begun` says whether the server has answered yet.
    """

    def __init__(
        self, method: Method[Any, Any], request: Any, read: Callable[[Any], Iterable[Item]], timeout_s: float
    ) -> None:
        self.method = method
        self.request = request
        self._read = read
        self._timeout_s = timeout_s
        self.begun = False
        self._failures = 0
        self._failing_since = 0.0

    @property
    def token(self) -> str:
        """Goes on behind the last response."""
        return str(self.request.resume_token)

    def take(self, response: Any) -> Iterable[Item]:
        """What a response gives the reader."""
        self.begun, self._failures = True, 0
        self.request.resume_token = response.resume_token
        return self._read(response)

    def delay_s(self, error: MilepostError | None) -> float | None:
        """When to open another stream, after one ended with an error or well; None when there is no more to watch.

        Raises:
            MilepostError: It failed for good.
        """
        if error is None:
            error = UnavailableError("The server ended the watch: it shuts down.")
        if isinstance(error, NotFoundError) and self.begun:
            return None
        if not (error.retriable or isinstance(error, CancelledError)):
            raise error
        if not self._failures:
            self._failing_since = time.monotonic()
        self._failures += 1
        delay = backoff_s(self._failures, error, _LONGEST_DELAY_S)
        if time.monotonic() + delay - self._failing_since > self._timeout_s:
            raise error
        return delay


class Watch(Generic[Item]):
    """An iterator over changes. Goes on over broken connections and restarts of servers, and loses nothing.

    It ends when the run or the experiment is purged (for metric points: never), or when it is closed; leaving it as a
    context manager closes it. Waiting for the next change raises `MilepostError` when there was no connection for as
    long as the watch's timeout.
    """

    def __init__(self, transport: Transport, course: Course[Item]) -> None:
        self._transport = transport
        self._course = course
        self._items: deque[Item] = deque()
        self._call: Exchange | None = None
        self._responses: Iterator[Any] = iter(())
        self._closed = threading.Event()
        self._token = course.token

    @property
    def resume_token(self) -> str:
        """Goes on behind what was read so far, in another watch of the same. Empty before the first change."""
        if not self._items:
            self._token = self._course.token
        return self._token

    def start(self) -> Watch[Item]:
        """Waits until the server watches: what happens from then on is not missed. Returns this watch."""
        while not self._course.begun and not self._closed.is_set():
            self._receive()
        return self

    def __iter__(self) -> Watch[Item]:
        return self

    def __next__(self) -> Item:
        while not self._items:
            if self._closed.is_set():
                raise StopIteration
            self._token = self._course.token
            self._receive()
        return self._items.popleft()

    def _receive(self) -> None:
        """Waits for a response, or a while before the next attempt to get one."""
        error = None
        if self._call is None:
            self._call = self._transport.follow(self._course.method, self._course.request)
            self._responses = iter(self._call)
        try:
            response = next(self._responses, None)
        except MilepostError as raised:
            error = raised
        else:
            if response is not None:
                self._items.extend(self._course.take(response))
                return
        self._call = None
        if self._closed.is_set():
            return
        delay = self._course.delay_s(error)
        if delay is None:
            self._closed.set()
        self._closed.wait(delay)

    def __enter__(self) -> Watch[Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, also from another thread."""
        self._closed.set()
        call = self._call
        if call is not None:
            call.cancel()


class AsyncWatch(Generic[Item]):
    """`Watch` for `async for`."""

    def __init__(self, transport: AsyncTransport, course: Course[Item]) -> None:
        self._transport = transport
        self._course = course
        self._items: deque[Item] = deque()
        self._call: AsyncExchange | None = None
        self._responses: AsyncIterator[Any] | None = None
        self._closed = False
        self._token = course.token

    @property
    def resume_token(self) -> str:
        """See `Watch.resume_token`."""
        if not self._items:
            self._token = self._course.token
        return self._token

    async def start(self) -> AsyncWatch[Item]:
        """See `Watch.start`."""
        while not self._course.begun and not self._closed:
            await self._receive()
        return self

    def __aiter__(self) -> AsyncWatch[Item]:
        return self

    async def __anext__(self) -> Item:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._token = self._course.token
            await self._receive()
        return self._items.popleft()

    async def _receive(self) -> None:
        error = None
        if self._call is None or self._responses is None:
            self._call = self._transport.follow(self._course.method, self._course.request)
            self._responses = aiter(self._call)
        try:
            response = await anext(self._responses, None)
        except MilepostError as raised:
            error = raised
        else:
            if response is not None:
                self._items.extend(self._course.take(response))
                return
        self._call = None
        if self._closed:
            return
        delay = self._course.delay_s(error)
        if delay is None:
            self._closed = True
        else:
            await asyncio.sleep(delay)

    async def __aenter__(self) -> AsyncWatch[Item]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()


class RunReader:
    """Puts the messages of a watched run together."""

    def __init__(self) -> None:
        self._run = pb.Run()

    def __call__(self, response: pb.WatchRunResponse) -> list[pb.Run]:
        """The whole run after a message; nothing when it is as it was."""
        if not response.HasField("run"):
            return []
        if response.whole:
            self._run = response.run
            return [response.run]
        before = self._run
        run = pb.Run(params=before.params, tags=before.tags, metrics=before.metrics)
        run.MergeFrom(response.run)
        for key in response.removed_tags:
            del run.tags[key]
        for key in response.removed_metrics:
            del run.metrics[key]
        inputs = {_input_key(use): use for use in (*before.inputs, *response.run.inputs)}
        del run.inputs[:]
        run.inputs.extend(inputs.values())
        _join_models(run, before, response.run)
        self._run = run
        return [run]


def read_metrics(response: pb.WatchMetricsResponse) -> list[MetricUpdate]:
    """The updates of a message."""
    return [
        MetricUpdate(
            run_id=told.run_id,
            key=told.points.key,
            steps=list(told.points.steps),
            timestamps_ms=list(told.points.timestamps_ms),
            values=list(told.points.values),
            restarted=told.restarted,
            skipped=told.skipped,
        )
        for told in response.series
    ]


def _join_models(run: pb.Run, before: pb.Run, news: pb.Run) -> None:
    """Gives a run the logged models that it had and those that are new, in the server's order."""
    used = {model.model_id for model in (*before.model_inputs, *news.model_inputs)}
    made = {model.model_id: model.step for model in (*before.model_outputs, *news.model_outputs)}
    del run.model_inputs[:]
    run.model_inputs.extend(pb.ModelInput(model_id=model_id) for model_id in sorted(used))
    del run.model_outputs[:]
    for model_id, step in sorted(made.items(), key=lambda one: (one[1], one[0])):
        run.model_outputs.add(model_id=model_id, step=step)


def _input_key(use: pb.DatasetInput) -> tuple[str, str, str]:
    return use.dataset.name, use.dataset.digest, use.context
