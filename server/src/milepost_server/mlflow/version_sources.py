"""What versions of registered models consist of: sources as MLflow's clients write them, as the native API has them."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote as percent_encode
from urllib.parse import unquote

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.errors import InvalidArgument, invalid_field, quote
from milepost_server.filters.mlflow import MODEL_SOURCE
from milepost_server.mlflow import places, tags
from milepost_server.mlflow.native import checked
from milepost_server.mlflow.places import Place
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.services.mlflow_sources import TEXT_SCHEME, run_of
from milepost_server.services.model_aliases import ModelAliasService
from milepost_server.services.model_versions import ModelVersionService
from milepost_server.services.runs import RunService

_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_OF_MODEL = re.compile(r"models/(m-[0-9a-f]{32})")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_LATEST = "latest"
# A letter and a colon are a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
# What a URI with a server of its own begins with.
_HOST = re.compile(r"[^/]+://[^/]")


class Services(NamedTuple):
    """What knows the things that sources name."""

    runs: RunService
    artifacts: ArtifactService
    logged_models: LoggedModelService
    versions: ModelVersionService
    aliases: ModelAliasService


class VersionSources:
    """Reads sources.

    Args:
        services: What knows the things that sources name.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def fill(self, version: pb.ModelVersion, request: mlflow_pb.CreateModelVersionRequest) -> None:
        """Sets what a new version consists of.

        Raises:
            InvalidArgument: `BAD_MODEL_SOURCE`: the source cannot be read, or is not of the request's run or model.
            NotFound: The source names what does not exist.
        """
        _match_owners(version, request, await self._fill(version, request.source))
        if version.source_uri != request.source:
            version.tags[MODEL_SOURCE] = request.source

    async def _fill(self, version: pb.ModelVersion, text: str) -> str:
        """Sets what a source says, and returns the run that made it; empty when that is not known."""
        match _scheme(text):
            case "models":
                return await self._fill_from_models(version, _tail(text))
            case "runs":
                return await self._fill_from_run(version, _tail(text))
            case "mlflow-artifacts" if not _HOST.match(text):
                place = await places.locate(self._services.artifacts, _tail(text), "source")
                return await self._fill_from_place(version, place)
        version.source_uri = _elsewhere(text)
        return ""

    async def _fill_from_models(self, version: pb.ModelVersion, name: str) -> str:
        """From `m-ID`, `NAME/VERSION`, `NAME/latest` or `NAME@ALIAS`."""
        if _MODEL_ID.fullmatch(name):
            return await self._fill_from_logged_model(version, name)
        found = await self._version(name)
        if found.source_uri.startswith(TEXT_SCHEME):
            raise _bad_source(f"{quote(name)} is a version of a prompt, which is no model")
        version.source_uri, version.model_id = found.source_uri, found.model_id
        if not found.source_uri and not found.model_id:
            version.run_id, version.path = found.run_id, found.path
        return run_of(found)

    async def _version(self, name: str) -> pb.ModelVersion:
        model, slash, number = name.partition("/")
        if slash and _NUMBER.fullmatch(number):
            return await self._services.versions.get(model, int(number))
        if slash and number.lower() == _LATEST:
            return await self._services.aliases.get(model, _LATEST)
        model, at, alias = name.partition("@")
        if slash or not at:
            raise _bad_source(f"{quote(name)} names no version; use models:/NAME/VERSION, NAME@ALIAS or a model's id")
        return await self._services.aliases.get(model, alias)

    async def _fill_from_logged_model(self, version: pb.ModelVersion, model_id: str) -> str:
        model = await self._services.logged_models.get(model_id)
        version.model_id = model_id
        place = model.tags.get(tags.ARTIFACT_URI)
        version.source_uri = _elsewhere(place) if place else ""
        return run_of(model)

    async def _fill_from_run(self, version: pb.ModelVersion, tail: str) -> str:
        """From `RUN/PATH`: artifacts, or the newest model of that name that the run logged."""
        run_id, _, path = tail.partition("/")
        run = await self._services.runs.get(run_id)
        root = run.tags.get(tags.ARTIFACT_URI)
        if root:
            version.source_uri = _elsewhere(f"{root}/{path}")
            return run_id
        place = Place(run_id, path)
        model_id = None if await self._has_artifacts(place) else await self._logged_as(place)
        if model_id is not None:
            return await self._fill_from_logged_model(version, model_id)
        return await self._fill_from_place(version, place)

    async def _fill_from_place(self, version: pb.ModelVersion, place: Place) -> str:
        model = _OF_MODEL.fullmatch(place.path)
        if model:
            return await self._fill_from_logged_model(version, model[1])
        if not place.path:
            raise _bad_source("is all of a run's artifacts; name the directory of the model")
        version.run_id, version.path = place
        return place.run_id

    async def _has_artifacts(self, place: Place) -> bool:
        listing = pb.ListArtifactsRequest(run_id=place.run_id, path=place.path, recursive=True, page_size=1)
        return bool((await self._services.artifacts.list(checked(listing))).artifacts)

    async def _logged_as(self, place: Place) -> str | None:
        if "'" in place.path:  # names of logged models have no quotes
            return None
        search = pb.ListLoggedModelsRequest(
            filter=f"run_id = '{place.run_id}' AND name = '{place.path}' AND status = 'ready'", page_size=1
        )
        found, _ = await self._services.logged_models.list(checked(search))
        return found[0].model_id if found else None


def fill_text(version: pb.ModelVersion, request: mlflow_pb.CreateModelVersionRequest) -> None:
    """Gives a version a source that is no place, but text to be shown as it is."""
    version.source_uri = TEXT_SCHEME + percent_encode(request.source, safe="/")
    version.run_id = request.run_id


def _tail(text: str) -> str:
    """What follows the scheme of a URI and its slashes."""
    return text.partition(":")[2].lstrip("/")


def _scheme(text: str) -> str:
    """The scheme of a URI in lower case; empty for a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def _elsewhere(text: str) -> str:
    """A URI of files that the server does not keep, which others can read."""
    if _scheme(text) in ("", "file"):
        raise _bad_source(
            f"{quote(text)} is a place on one machine, where others cannot read it; log the model to a run of an "
            "experiment without an artifact location of its own and register that, or give a URI such as s3://bucket/model"
        )
    if ".." in unquote(text).split("/"):
        raise _bad_source(f"{quote(text)} has the segment '..'; give the path without it")
    return text


def _match_owners(version: pb.ModelVersion, request: mlflow_pb.CreateModelVersionRequest, run_id: str) -> None:
    """Refuses a run or model that is not the source's; of files elsewhere, it is kept where none is known."""
    for field, found in (("run_id", run_id), ("model_id", version.model_id)):
        given = getattr(request, field) or found
        if given != found and (found or not version.source_uri):
            raise _bad_source(
                f"{quote(request.source)} is of {field} {quote(found)}, not {quote(given)}; leave that out"
            )
        if version.source_uri:
            setattr(version, field, given)


def _bad_source(problem: str) -> InvalidArgument:
    return invalid_field("source", problem, reason=pb.ERROR_REASON_BAD_MODEL_SOURCE)
