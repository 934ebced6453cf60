"""The limit of requests at work, and the drain, for requests that are no calls of a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from milepost.models.worker.payload import Payload
from milepost_server.calls.interceptors.admission import Admission
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.predicting import Router


class AdmittingRouter:
    """A `Router` that also counts each request as a call, so that there is one limit and one drain for all transports.

    Args:
        router: Knows the served models.
        admission: Counts, and refuses.
    """

    def __init__(self, router: Router, admission: Admission) -> None:
        self._router = router
        self._admission = admission

    @contextmanager
    def lease(self, model: str, version: int) -> Iterator[LoadedVersion]:
        """See `predicting.Router`.

        Raises:
            ResourceExhausted: `TOO_MANY_REQUESTS`.
            Unavailable: `SHUTTING_DOWN`.
        """
        with self._admission.admit(), self._router.lease(model, version) as leased:
            yield leased

    def compare(
        self, version: LoadedVersion, given: Payload, params: Mapping[str, Any] | None, answer: Payload
    ) -> None:
        """See `predicting.Router`."""
        self._router.compare(version, given, params, answer)
