"""Where served models come from: the registry of a tracking server, or for what is of none, its folder or URL."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from milepost import AsyncClient, Client, ModelStatus
from milepost import v1 as pb
from milepost.aio import AsyncWatch
from milepost.errors import MilepostError
from milepost.models.registry.cache import release
from milepost.models.registry.sources import fetch
from milepost.models.registry.uri import AliasUri, LocalUri, LoggedModelUri, ModelUri, VersionUri
from milepost.models.registry.uri import default_name as uri_name
from milepost_server.errors import required_field
from milepost_server.serving.models.refusals import not_loadable, to_refusal


@dataclass(frozen=True)
class Resolved:
    """What a URI means now.

    Args:
        uri: Of the files; names a version by its number.
        number: Of the version; 0 for a model that is of no registry.
        sha256: Digest of the files; empty when the registry does not know it.
    """

    uri: ModelUri
    number: int = 0
    sha256: str = ""


class RegistrySource:
    """Asks one tracking server.

    Args:
        tracking_uri: Its address; empty for the one that the environment names.

    Raises:
        ValueError: The address cannot be read.
    """

    def __init__(self, tracking_uri: str = "") -> None:
        self._client = AsyncClient(tracking_uri or None)
        self._files = Client(tracking_uri or None)  # files are fetched on threads

    async def resolve(self, uri: ModelUri) -> Resolved:
        """Finds out what a URI means now.

        Raises:
            NotFound: The registry has no such model, version or alias.
            FailedPrecondition: `MODEL_NOT_LOADABLE`: its files are not all there yet, or never will be.
            Unavailable: `REGISTRY_UNAVAILABLE`.
        """
        try:
            if isinstance(uri, AliasUri):
                version = await self._client.model_versions.get_by_alias(uri.name, uri.alias)
            elif isinstance(uri, VersionUri):
                version = await self._client.model_versions.get(uri.name, uri.version)
            elif isinstance(uri, LoggedModelUri):
                model = await self._client.logged_models.get(uri.model_id)
                return Resolved(uri, sha256=model.sha256)
            else:
                return Resolved(uri)
        except MilepostError as error:
            raise to_refusal(error) from error
        if version.status is ModelStatus.PENDING:
            raise not_loadable(f"The files of {version.uri} are still being uploaded.")
        return Resolved(VersionUri(version.name, version.version), version.version, version.sha256)

    async def fetch(self, uri: ModelUri, *, anew: bool = False) -> Path:
        """The files of a model. They stay until `milepost.models.registry.cache.release`.

        Args:
            uri: As `resolve` gave it.
            anew: Whether to fetch what turned out to be damaged.

        Raises:
            DomainError: As `resolve`.
        """
        source = uri.path if isinstance(uri, LocalUri) else str(uri)
        fetching = asyncio.ensure_future(asyncio.to_thread(partial(fetch, source, client=self._files, anew=anew)))
        try:
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            fetching.add_done_callback(_give_back)  # a thread cannot be stopped
            raise
        except MilepostError as error:
            raise to_refusal(error) from error

    def watch(self, name: str) -> AsyncWatch[pb.RegistryEvent]:
        """What happens to a registered model from now on."""
        return self._client.registry.watch(name)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()
        self._files.close()


def default_name(uri: ModelUri) -> str:
    """What a model is served as when nobody says: the registered model's name, else that of its folder.

    Raises:
        InvalidArgument: It has to be said.
    """
    name = uri_name(uri)
    if not name:
        raise required_field("name")
    return name


def registered_name(uri: ModelUri) -> str:
    """The registered model that a URI is about; empty for none."""
    return uri.name if isinstance(uri, VersionUri | AliasUri) else ""


def _give_back(fetching: asyncio.Future[Path]) -> None:
    if not fetching.cancelled() and fetching.exception() is None:
        release(fetching.result())
