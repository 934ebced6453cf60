"""The observers that the settings ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from milepost import v1 as pb
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.operations.access_log import AccessLog
from milepost_server.serving.operations.metrics import ServingMetrics
from milepost_server.serving.predicting import Observer
from milepost_server.serving.settings import ServingSettings

if TYPE_CHECKING:
    from milepost_server.serving.operations.sampling import Sampling
    from milepost_server.serving.operations.tracing import Tracing


class Observers:
    """Makes them: metrics always, the others as the settings say. Their packages are imported only then.

    Args:
        settings: Which, and how much of them.
        registry: Where metrics are registered.
        versions: The versions that are loaded now.
        models: The served models.

    Raises:
        ValueError: A package is not installed.
        OSError: The folder for samples cannot be made.
    """

    def __init__(
        self,
        settings: ServingSettings,
        registry: CollectorRegistry,
        versions: Callable[[], Iterable[LoadedVersion]],
        models: Callable[[], Sequence[pb.ServedModel]],
    ) -> None:
        self._closing: list[Sampling | Tracing] = []
        self.all: list[Observer] = [ServingMetrics(registry, versions, models)]
        if settings.access_log != "off":
            self.all.append(AccessLog(successes=settings.access_log == "all"))
        if settings.sample_inputs:
            self._add(_sampling(settings, registry))
        if settings.otlp_endpoint:
            self._add(_tracing(settings))

    async def close(self, grace_s: float) -> None:
        """Writes and sends what they keep, for at most so many seconds. Call it when no request is left."""
        await asyncio.gather(*(each.close(grace_s) for each in self._closing))

    def _add(self, observer: Sampling | Tracing) -> None:
        self.all.append(observer)
        self._closing.append(observer)


def _sampling(settings: ServingSettings, registry: CollectorRegistry) -> Sampling:
    try:
        from milepost_server.serving.operations.sampling import Sampling
    except ModuleNotFoundError as missing:
        raise ValueError("sample_inputs needs pyarrow: install milepost[arrow]") from missing
    assert settings.sample_dir is not None
    return Sampling(
        settings.sample_dir,
        settings.sample_inputs,
        registry,
        max_file_bytes=settings.sample_file_mib * 1024 * 1024,
        max_file_age_s=settings.sample_file_age_s,
    )


def _tracing(settings: ServingSettings) -> Tracing:
    try:
        from milepost_server.serving.operations.tracing import Tracing
    except ModuleNotFoundError as missing:
        raise ValueError("otlp_endpoint needs OpenTelemetry: install milepost[tracing]") from missing
    return Tracing(settings.otlp_endpoint, settings.trace_share)
