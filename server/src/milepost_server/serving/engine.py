"""What a served version offers to those who hand it requests. `execution` implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from milepost.models.worker.payload import Payload


@dataclass(frozen=True, slots=True)
class Timing:
    """How a prediction went.

    Args:
        queued_s: Seconds until a process took it.
        predict_s: Seconds that the process needed, for all that was predicted together.
        batch_rows: Rows that were predicted together; 0 where rows cannot be counted.
    """

    queued_s: float
    predict_s: float
    batch_rows: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer and how it came about."""

    payload: Payload
    timing: Timing


class Engine(Protocol):
    """The processes of one version, with the queue before them. Belongs to one event loop.

    Errors are those of `milepost.v1.PredictionService`, as `milepost_server.errors.DomainError`.
    """

    async def predict(
        self, payload: Payload, params: Mapping[str, Any] | None = None, deadline: float | None = None
    ) -> Prediction:
        """Predicts one request, perhaps together with others that have the same params.

        Args:
            payload: The batch, checked against the signature.
            params: Params of the model, checked.
            deadline: When the caller stops waiting, on the clock of `time.monotonic`.

        Raises:
            DomainError: `TOO_MANY_REQUESTS`, `DEADLINE_EXCEEDED`, `WORKER_LOST`, `MODEL_FAILED` or `BAD_MODEL_INPUT`.
        """

    def generate(
        self, payload: Payload, params: Mapping[str, Any] | None = None, deadline: float | None = None
    ) -> AsyncIterator[Payload]:
        """The answer piece by piece. Closing the iterator ends the model's generator.

        Raises:
            DomainError: As `predict`, and `MODEL_CANNOT_STREAM`.
        """

    @property
    def flavor(self) -> str:
        """What answers, by the name of the flavor."""

    @property
    def joins(self) -> bool:
        """Whether requests may be predicted together."""

    @property
    def joinable_rows(self) -> int:
        """Most rows of different requests that are predicted together now; 1 where none are."""

    @property
    def queued(self) -> int:
        """Number of requests that wait for a process."""

    @property
    def ready_workers(self) -> int:
        """Number of processes that can answer now."""

    @property
    def restarts(self) -> int:
        """Number of processes that were replaced."""

    @property
    def resident_bytes(self) -> int:
        """Resident memory of all its processes, as they last told."""

    async def close(self, grace_s: float) -> None:
        """Answers what it has, for at most so many seconds, and ends the processes."""
