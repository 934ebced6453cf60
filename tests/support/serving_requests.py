"""Requests to a version whose model is a function of this process: for what hears of requests, whoever answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from milepost import v1 as pb
from milepost.models import ModelSignature
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError, NotFound
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.engine import Prediction, Timing
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.predicting import Answered, Asked, Observer, Predictions

TIMING = Timing(queued_s=0.003, predict_s=0.02, batch_rows=7)

Model = Callable[[Payload], Payload]


class FunctionEngine:
    """Answers at once, and says that it took as long as `TIMING`."""

    queued, ready_workers, restarts, resident_bytes = 2, 1, 4, 1024
    flavor, joins, joinable_rows = "sklearn", False, 1

    def __init__(self, model: Model) -> None:
        self._model = model

    async def predict(
        self, payload: Payload, params: Mapping[str, Any] | None = None, deadline: float | None = None
    ) -> Prediction:
        return Prediction(self._model(payload), TIMING)

    async def generate(
        self, payload: Payload, params: Mapping[str, Any] | None = None, deadline: float | None = None
    ) -> AsyncIterator[Payload]:
        yield self._model(payload)

    async def close(self, grace_s: float) -> None:
        pass


def echo(payload: Payload) -> Payload:
    """A model that answers what it is given."""
    return payload


def loaded(
    model: str = "digits", number: int = 3, *, signature: ModelSignature | None = None, answer: Model = echo
) -> LoadedVersion:
    """A version that is answered by a function."""
    descriptor = ModelDescriptor({}, signature)
    return LoadedVersion(
        model, number, "models:/x", "", descriptor, "sklearn", Contract(signature), FunctionEngine(answer)
    )


class _Only:
    """Knows one version."""

    def __init__(self, version: LoadedVersion) -> None:
        self._version = version

    @contextmanager
    def lease(self, model: str, version: int) -> Iterator[LoadedVersion]:
        if model != self._version.model:
            raise NotFound("No such model.", reason=pb.ERROR_REASON_SERVED_MODEL_NOT_FOUND)
        yield self._version

    def compare(self, *_: object) -> None:
        pass


async def ask(
    observers: Sequence[Observer], version: LoadedVersion, payload: Payload, asked: Asked | None = None
) -> Answered:
    """Asks a version, and lets the observers know.

    Args:
        observers: Hear of it.
        version: Whom to ask.
        payload: What.
        asked: By whom; None for somebody.
    """
    predictions = Predictions(_Only(version), observers)
    return await predictions.predict(asked or Asked(version.model), lambda _: (payload, None))


def failing(error: DomainError) -> Model:
    """A model that cannot answer."""

    def fail(_: Payload) -> Payload:
        raise error

    return fail
