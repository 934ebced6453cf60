"""Loads a version: its files, its processes, and the trial by its input example."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from milepost.errors import MilepostError, ModelCorrupt
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.format.manifest import manifest_digest, verify_manifest
from milepost.models.registry.cache import release
from milepost.models.registry.uri import LocalUri
from milepost_server.errors import FailedPrecondition
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.engine import Engine
from milepost_server.serving.loaded_version import LoadedVersion
from milepost_server.serving.models.refusals import not_loadable, to_refusal, without_paths
from milepost_server.serving.models.registry_source import RegistrySource, Resolved
from milepost_server.serving.models.trial import NOT_TRIED, Trial, read_request
from milepost_server.serving.models.version import Version
from milepost_server.serving.options import Options

_log = logging.getLogger(__name__)


class StartEngine(Protocol):
    """Starts the processes of a version: `execution.start_engine`."""

    def __call__(
        self, folder: Path, descriptor: ModelDescriptor, options: Options, *, name: str = ""
    ) -> Awaitable[Engine]:
        """See `execution.start_engine`."""


@dataclass(frozen=True)
class _Files:
    folder: Path
    descriptor: ModelDescriptor
    sha256: str
    request: bytes | None


class Loader:
    """Loads versions.

    Args:
        registry: Where their files come from.
        start_engine: Starts their processes.
    """

    def __init__(self, registry: RegistrySource, start_engine: StartEngine) -> None:
        self._registry = registry
        self._start_engine = start_engine

    async def load(self, model: str, version: Version) -> None:
        """Loads a version and tries it out; then it is ready. Otherwise nothing of it is left.

        Args:
            model: Name that it is served under.
            version: Which.

        Raises:
            DomainError: `MODEL_NOT_LOADABLE`, or what `RegistrySource.fetch` raises.
        """
        try:
            await self._load(model, version)
        except MilepostError as error:
            raise to_refusal(error) from error

    async def _load(self, model: str, version: Version) -> None:
        files = await self._files(version.resolved)
        with _giving_back(files.folder):
            contract = Contract(files.descriptor.signature)
            trial = None
            if files.request is not None:  # examples may be large
                trial = await asyncio.to_thread(Trial, files.request, contract, version.options)
            engine = await self._tried(model, version, files, trial)
        loaded = LoadedVersion(
            model=model,
            number=version.number,
            uri=str(version.resolved.uri),
            sha256=files.sha256,
            descriptor=files.descriptor,
            flavor=engine.flavor,
            contract=contract,
            engine=engine,
        )
        version.became_ready(loaded, files.folder, NOT_TRIED if trial is None else "")

    async def _files(self, resolved: Resolved) -> _Files:
        """The files on this machine. A copy that was damaged here is fetched once more."""
        folder = await self._registry.fetch(resolved.uri)
        try:
            with _giving_back(folder):
                return await asyncio.to_thread(_read, folder)
        except ModelCorrupt:
            if isinstance(resolved.uri, LocalUri):
                raise
        folder = await self._registry.fetch(resolved.uri, anew=True)
        with _giving_back(folder):
            return await asyncio.to_thread(_read, folder)

    async def _tried(self, model: str, version: Version, files: _Files, trial: Trial | None) -> Engine:
        """The processes, after they answered the example."""
        name = f"{model}/{version.number}"
        engine = await self._started(name, files, version.options)
        if trial is None:
            return engine
        try:
            alone = await trial.answer(engine)
            if engine.joins and not await trial.joins(engine, alone):
                _log.warning(
                    "model answers rows differently when they are together; its requests are predicted one by one",
                    extra={"model": name},
                )
                await engine.close(0)
                engine = await self._started(name, files, dataclasses.replace(version.options, max_batch_rows=1))
            await trial.warm_up(engine)
        except BaseException:
            await engine.close(0)
            raise
        return engine

    async def _started(self, name: str, files: _Files, options: Options) -> Engine:
        try:
            return await self._start_engine(files.folder, files.descriptor, options, name=name)
        except FailedPrecondition as error:
            raise not_loadable(without_paths(str(error))) from error


def _read(folder: Path) -> _Files:
    digests = verify_manifest(folder)
    descriptor = ModelDescriptor.read(folder)
    if digests is None:
        verify_manifest(folder, required=bool(descriptor.milepost_version))  # one that was taken away hides changes
    sha256 = "" if digests is None else manifest_digest(digests)
    return _Files(folder, descriptor, sha256, read_request(folder, descriptor))


@contextmanager
def _giving_back(folder: Path) -> Iterator[None]:
    """Gives the files back if that for which they were taken fails."""
    try:
        yield
    except BaseException:
        release(folder)
        raise
