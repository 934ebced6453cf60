"""Fetches models: finds out where the files of a URI are, and brings them into the cache of this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from milepost._registry_views import ModelStatus
from milepost.errors import ArtifactNotFound, LoggedModelNotFound, ModelError
from milepost.models.registry._remote import RemoteFile, RemoteFolder
from milepost.models.registry._url_files import url_folder
from milepost.models.registry.cache import Cache
from milepost.models.registry.uri import (
    AliasUri,
    LocalUri,
    LoggedModelUri,
    ModelUri,
    RunUri,
    UrlUri,
    VersionUri,
    parse_uri,
)

if TYPE_CHECKING:
    from milepost._registry_handles import LoggedModel, ModelVersion
    from milepost.client import Client

_LOGGED_PATH = re.compile(r"models/(m-[0-9a-f]{32})")


@dataclass(frozen=True)
class Found:
    """Where the files of a model are.

    Args:
        remote: Asks for the list of the files; with it, under which key to keep a model of unknown digest.
        sha256: Digest of the files. Empty when it is not known without the list.
    """

    remote: Callable[[], tuple[RemoteFolder, str]]
    sha256: str = ""


def fetch(source: str | os.PathLike[str], *, client: Client | None = None, anew: bool = False) -> Path:
    """The files of a model as a folder of this machine, which is not to be changed.

    Whatever is not on this machine comes into the cache (`registry.cache`), once for all processes; an attempt that
    broke off is continued. Every file that comes is checked against the digests of the server.

    Args:
        source: A folder, or a URI: see `milepost.models.registry.uri`.
        client: Of the server that knows it. None: that of `milepost.set_tracking_uri`, else of the environment.
        anew: Whether to fetch what turned out to be damaged in the cache.

    Raises:
        BadModelUri: The URI cannot be read.
        NotFoundError: The server has no such version, alias, logged model, run or artifact.
        ModelError: The model is not ready, its store cannot be read, or there is no room for it.
        ModelCorrupt: Its files are not those that were logged.
    """
    uri = parse_uri(source)
    if isinstance(uri, LocalUri):
        return uri.path
    cache = Cache.configured()
    found = locate(uri, client or _own_client())
    if found.sha256 and not anew and (folder := cache.find(found.sha256)) is not None:
        return folder
    remote, key = found.remote()
    return cache.obtain(remote.digest() or key, remote.size, remote.download, anew=anew)


def locate(uri: ModelUri, client: Client) -> Found:
    """Asks the server where the files of a URI are. Raises as `fetch`."""
    if isinstance(uri, VersionUri):
        return _of_version(client, client.model_versions.get(uri.name, uri.version))
    if isinstance(uri, AliasUri):
        return _of_version(client, client.model_versions.get_by_alias(uri.name, uri.alias))
    if isinstance(uri, LoggedModelUri):
        return _of_logged_model(client, client.logged_models.get(uri.model_id))
    if isinstance(uri, RunUri):
        return _of_run(client, uri)
    if isinstance(uri, UrlUri):
        return Found(partial(url_folder, uri.url))
    raise TypeError(f"{uri} is on this machine.")


def _own_client() -> Client:
    from milepost import _context

    return _context.session().client


def _of_version(client: Client, version: ModelVersion) -> Found:
    if version.status is not ModelStatus.READY:
        raise ModelError(f"{version.uri} cannot be loaded: {_why(version.status, version.proto.status_message)}.")
    if version.source_uri:
        listing = partial(url_folder, version.source_uri, version.sha256)
    elif version.model_id:
        listing = partial(_logged_files, client, version.model_id)
    else:
        listing = partial(_artifact_files, client, version.run_id, version.path, version.sha256)
    return Found(listing, version.sha256)


def _of_logged_model(client: Client, model: LoggedModel) -> Found:
    if model.deleted:
        raise ModelError(f"{model.uri} is deleted. Restore it first.")
    if model.status is not ModelStatus.READY:
        raise ModelError(f"{model.uri} cannot be loaded: {_why(model.status, model.status_message)}.")
    return Found(partial(_logged_files, client, model.model_id), model.sha256)


def _of_run(client: Client, uri: RunUri) -> Found:
    logged = logged_at(client, uri)
    if logged is not None:
        return _of_logged_model(client, logged)
    return Found(partial(_artifact_files, client, uri.run_id, uri.path, ""))


def logged_at(client: Client, uri: RunUri) -> LoggedModel | None:
    """The newest ready model that the run logged under this name, or the one at this path. None for other artifacts."""
    lies_at = _LOGGED_PATH.fullmatch(uri.path)
    if lies_at is not None:
        try:
            logged = client.logged_models.get(lies_at[1])
        except LoggedModelNotFound:
            return None
        return logged if logged.run_id == uri.run_id else None
    if "'" in uri.path:  # names of logged models have no quotes
        return None
    condition = f"run_id = '{uri.run_id}' AND name = '{uri.path}' AND status = 'ready'"
    return client.logged_models.list(filter=condition, limit=1).first()


def _logged_files(client: Client, model_id: str) -> tuple[RemoteFolder, str]:
    model = client.logged_models.get(model_id)
    files = [RemoteFile(file.path, file.size, file.sha256) for file in model.files]
    read = partial(_read, client, model.run_id, model.path)
    return RemoteFolder(model.uri, files, read, model.sha256), model.sha256


def _artifact_files(client: Client, run_id: str, path: str, sha256: str) -> tuple[RemoteFolder, str]:
    name = f"runs:/{run_id}/{path}"
    found = client.artifacts.list(run_id, path, recursive=True, page_size=1000)
    files = [RemoteFile(one.path[len(path) + 1 :], one.size, one.sha256) for one in found if one.path != path]
    if not files:
        raise ArtifactNotFound(
            f"{name} is no directory: the run has no model of this name, and no file below this path.",
            reason="ARTIFACT_NOT_FOUND",
            metadata={"runId": run_id, "path": path},
        )
    folder = RemoteFolder(name, files, partial(_read, client, run_id, path), sha256)
    return folder, folder.digest()


def _read(client: Client, run_id: str, folder: str, path: str, offset: int) -> Iterator[bytes]:
    return client.artifacts.stream(run_id, f"{folder}/{path}", offset=offset)


def _why(status: ModelStatus, message: str) -> str:
    what = "its files are still being uploaded" if status is ModelStatus.PENDING else "its upload was given up"
    return f"{what} ({message})" if message else what
