"""Predictions: what every transport does with a request, once it knows which model is meant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from milepost import v1 as pb
from milepost.errors import ModelError
from milepost.models.worker.payload import Payload, cut
from milepost_server.errors import Cancelled, DomainError, ResourceExhausted
from milepost_server.rest.off_loop import off_loop_if_large
from milepost_server.serving.engine import Timing
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.together import Read, read_together

# How long a request of a stream waits for room in the model's queue.
_LONGEST_WAIT_S = 60.0
# The queue may be empty long before the time that callers are advised to wait.
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks which model.

    Args:
        model: Name of the served model; empty for the only one.
        version: A version that is loaded; 0 for the one that traffic goes to.
        transport: `grpc` or `http`.
        interface: Which of the server's interfaces: `milepost`, `v2`, `invocations` or `typed`.
        call_id: Names the call in logs.
        deadline: When the caller stops waiting, on the clock of `time.monotonic`.
        traceparent: W3C trace context of the caller; empty without.
    """

    model: str
    version: int = 0
    transport: str = "grpc"
    interface: str = "milepost"
    call_id: str = ""
    deadline: float | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and who gave it."""

    version: LoadedVersion
    payload: Payload


@dataclass(frozen=True, slots=True)
class Record:
    """A request that ended, for those who count, log and sample.

    Args:
        asked: What was asked.
        version: What was to answer; None when there is no such model.
        given: The batch; None when it could not be read.
        answer: None when there is none.
        timing: None when no process answered.
        started: On the clock of `time.monotonic`.
        seconds: From there to the answer.
        error: Why there is no answer.
    """

    asked: Asked
    version: LoadedVersion | None
    given: Payload | None
    answer: Payload | None
    timing: Timing | None
    started: float
    seconds: float
    error: DomainError | None


# Hears of each request in the event loop, so it must be quick, and must not raise.
Observer = Callable[[Record], None]


class Router(Protocol):
    """Knows the served models. `models.repository` implements it."""

    def lease(self, model: str, version: int) -> AbstractContextManager[LoadedVersion]:
        """The version that a request goes to, which is not taken away as long as the context is open.

        Raises:
            NotFound: `SERVED_MODEL_NOT_FOUND`.
        """

    def compare(
        self, version: LoadedVersion, given: Payload, params: Mapping[str, Any] | None, answer: Payload
    ) -> None:
        """Lets a shadow, if there is one, answer the same in the background."""


class Predictions:
    """Answers requests.

    Args:
        router: Says which version a request goes to.
        observers: Hear of each request.
    """

    def __init__(self, router: Router, observers: Sequence[Observer]) -> None:
        self._router = router
        self._observers = observers

    async def predict(self, asked: Asked, read: Read, size: int = 0) -> Answered:
        """Predicts one batch.

        Args:
            asked: Who asks which model.
            read: Makes the batch.
            size: Bytes that `read` goes through; many are read in a thread.

        Raises:
            DomainError: As `milepost.v1.PredictionService` says.
        """
        started = time.monotonic()
        version = given = answer = timing = error = None
        try:
            with self._leased(asked) as version:
                given, params = await off_loop_if_large(size, partial(read, version.contract))
                prediction = await version.engine.predict(given, params, asked.deadline)
                answer, timing = prediction.payload, prediction.timing
                self._router.compare(version, given, params, answer)
                return Answered(version, answer)
        except DomainError as raised:
            error = raised
            raise
        except BaseException:
            error = Cancelled("The caller went away.")
            raise
        finally:
            self._tell(Record(asked, version, given, answer, timing, started, time.monotonic() - started, error))

    async def predict_patiently(self, asked: Asked, read: Read, size: int = 0) -> Answered:
        """As `predict`, and waits while the queue is full: for streams, whose flow control holds the caller."""
        give_up = time.monotonic() + _LONGEST_WAIT_S
        while True:
            try:
                return await self.predict(asked, read, size)
            except ResourceExhausted as error:
                if error.reason != pb.ERROR_REASON_TOO_MANY_REQUESTS or time.monotonic() > give_up:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def predict_together(self, asked: Asked, reads: Sequence[Read]) -> list[Answered] | None:
        """Predicts requests that came together in one go: what is spent on each request is spent once.

        Returns:
            None when they have to be asked one by one: one of them is bad or failed, they do not fit each other, or the
            model takes fewer rows. Nobody has heard of them then.

        Raises:
            NotFound: `SERVED_MODEL_NOT_FOUND`.
        """
        started = time.monotonic()
        with self._leased(asked, len(reads)) as version:
            together = read_together(reads, version.contract, version.engine.joinable_rows)
            if together is None:
                return None
            try:
                prediction = await version.engine.predict(together.joined, together.params, asked.deadline)
                answers = cut(prediction.payload, together.rows)
            except (DomainError, ModelError):
                return None
            seconds = time.monotonic() - started
            for given, answer in zip(together.given, answers, strict=True):
                self._router.compare(version, given, together.params, answer)
                self._tell(Record(asked, version, given, answer, prediction.timing, started, seconds, None))
            return [Answered(version, answer) for answer in answers]

    async def generate(self, asked: Asked, read: Read) -> AsyncGenerator[Answered, None]:
        """Predicts one batch, whose answer comes piece by piece. Raises as `predict` does."""
        started = time.monotonic()
        version = given = error = None
        try:
            with self._leased(asked) as version:
                given, params = read(version.contract)
                pieces: Any = version.engine.generate(given, params, asked.deadline)
                async with aclosing(pieces):
                    async for piece in pieces:
                        yield Answered(version, piece)
        except DomainError as raised:
            error = raised
            raise
        except BaseException:
            error = Cancelled("The caller went away.")
            raise
        finally:
            self._tell(Record(asked, version, given, None, None, started, time.monotonic() - started, error))

    @contextmanager
    def _leased(self, asked: Asked, requests: int = 1) -> Iterator[LoadedVersion]:
        with self._router.lease(asked.model, asked.version) as version:
            version.at_work += requests
            try:
                yield version
            finally:
                version.at_work -= requests

    def _tell(self, record: Record) -> None:
        version = record.version
        if version is not None:
            version.requests += 1
            version.failures += record.error is not None
        for observer in self._observers:
            observer(record)
