"""MLflow's registry and webhooks as resources of Milepost."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from milepost import v1 as pb
from milepost.migration.mlflow import entities
from milepost.migration.mlflow.locations import PROXY_SCHEME, ArtifactMode, scheme_of
from milepost.migration.mlflow.mapping import Mapping
from milepost.migration.report import Problems

SOURCE_TAG = "milepost.model_source"
"""Of a version: its source as MLflow has it, where Milepost's own reads otherwise."""
RUN_LINK_TAG = "milepost.run_link"
TEXT_SCHEME = "text:"
"""Begins the `source_uri` of a version whose source is no place that Milepost can name, percent-encoded."""
PROMPT_TAG = "mlflow.prompt.is_prompt"

_STAGES = {
    "none": pb.ModelVersion.STAGE_NONE,
    "staging": pb.ModelVersion.STAGE_STAGING,
    "production": pb.ModelVersion.STAGE_PRODUCTION,
    "archived": pb.ModelVersion.STAGE_ARCHIVED,
}
_STATUS = {
    "READY": pb.ModelVersion.STATUS_READY,
    "PENDING_REGISTRATION": pb.ModelVersion.STATUS_PENDING,
    "FAILED_REGISTRATION": pb.ModelVersion.STATUS_FAILED,
}
_MODEL = re.compile(r"models:/(m-[0-9a-f]{32})/?|.*/models/(m-[0-9a-f]{32})/artifacts/?")
_OF_RUN = re.compile(r"runs:/+([^/]+)/(.+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+")
_OURS = frozenset({"file", "runs", "models", PROXY_SCHEME})


class RegistryMapping:
    """Makes resources of the registry.

    Args:
        problems: Where values go that have no place.
        mode: What was done with artifacts.
    """

    def __init__(self, problems: Problems, mode: ArtifactMode) -> None:
        self._problems = problems
        self._mapping = Mapping(problems)
        self._mode = mode

    def registered_model(self, given: entities.RegisteredModel) -> pb.ImportedRegisteredModel:
        """A registered model with its versions."""
        what = f"registered model {given.name}"
        numbers = {version.version for version in given.versions}
        aliases = {}
        for alias, number in given.aliases.items():
            if number in numbers:
                aliases[alias] = number
            else:
                self._problems.add(what, f"aliases.{alias}", f"points to version {number}, which is gone; left out.")
        model = pb.RegisteredModel(name=given.name, description=given.description, tags=given.tags, aliases=aliases)
        self._mapping.times(what, model, given.create_ms or 0, given.update_ms)
        versions = [self._version(version) for version in given.versions]
        return pb.ImportedRegisteredModel(
            registered_model=model, model_versions=versions, greatest_version=given.last_number
        )

    def webhook(self, given: entities.Webhook) -> pb.Webhook:
        """A webhook without its secret; one that had a secret, or may have had one, is disabled."""
        what = f"webhook {given.name}"
        active = given.active and given.signed is False
        if given.active and not active:
            self._problems.add(
                what,
                "secret",
                "MLflow keeps it encrypted: it is not imported, and the webhook is disabled. Give it a secret "
                "(`Client.webhooks.update`) and enable it (`milepost registry webhooks enable`).",
            )
        return pb.Webhook(
            name=given.name,
            url=given.url,
            description=given.description,
            mlflow_events=given.events,
            state=pb.Webhook.STATE_ACTIVE if active else pb.Webhook.STATE_DISABLED,
            format=pb.Webhook.FORMAT_MLFLOW,
        )

    def _version(self, given: entities.ModelVersion) -> pb.ModelVersion:
        what = f"version {given.version} of {given.name}"
        made = pb.ModelVersion(
            name=given.name,
            version=given.version,
            description=given.description,
            user=given.user,
            tags=given.tags,
            stage=self._stage(what, given.stage),
            status=_STATUS.get(given.status, pb.ModelVersion.STATUS_READY),
            status_message=given.status_message,
        )
        if given.run_link:
            made.tags[RUN_LINK_TAG] = given.run_link
        self._mapping.times(what, made, given.create_ms or 0, given.update_ms)
        self._set_source(what, made, given)
        return made

    def _stage(self, what: str, stage: str) -> pb.ModelVersion.Stage.ValueType:
        found = _STAGES.get(stage.lower())
        if found is None:
            self._problems.add(what, "stage", f"{stage!r} is none that is known; imported without.")
            return pb.ModelVersion.STAGE_NONE
        return found

    def _set_source(self, what: str, made: pb.ModelVersion, given: entities.ModelVersion) -> None:
        """Says what the version consists of: a logged model, artifacts of a run, or files elsewhere."""
        if given.tags.get(PROMPT_TAG, "").lower() == "true":
            made.source_uri, made.run_id = _as_text(given.source), given.run_id
            return
        places = [place for place in (given.source, given.storage_location) if place]
        made.model_id = given.model_id or next((found for found in map(_model_of, places) if found), "")
        of_run = next((found for found in (_of_run(place, given.run_id) for place in places) if found), None)
        elsewhere = next((place for place in reversed(places) if _is_elsewhere(place)), "")
        if elsewhere and not (self._mode is ArtifactMode.COPY and (made.model_id or of_run)):
            made.source_uri, made.run_id = elsewhere, given.run_id
        elif not made.model_id and of_run:
            made.run_id, made.path = of_run
        elif not made.model_id:
            self._set_text(what, made, given)
        if given.source != shown_source(made):
            made.tags[SOURCE_TAG] = given.source

    def _set_text(self, what: str, made: pb.ModelVersion, given: entities.ModelVersion) -> None:
        if given.source:
            self._problems.add(what, "source", f"{given.source!r} is no place that Milepost can read; kept as text.")
            made.source_uri, made.run_id = _as_text(given.source), given.run_id
        else:
            self._problems.add(what, "source", "MLflow has none; imported as failed.")
            made.status, made.status_message = pb.ModelVersion.STATUS_FAILED, "MLflow kept no source of it."


def _as_text(source: str) -> str:
    return TEXT_SCHEME + quote(source or "-", safe="/")


def shown_source(made: pb.ModelVersion) -> str:
    """What a server shows as the source to clients of MLflow."""
    if made.source_uri:
        return unquote(made.source_uri.removeprefix(TEXT_SCHEME))
    return f"models:/{made.model_id}" if made.model_id else f"runs:/{made.run_id}/{made.path}"


def _model_of(place: str) -> str:
    found = _MODEL.fullmatch(place)
    return (found[1] or found[2]) if found else ""


def _of_run(place: str, run_id: str) -> tuple[str, str] | None:
    found = _OF_RUN.fullmatch(place)
    if found:
        return found[1], found[2].strip("/")
    _, folder, path = place.partition(f"/{run_id}/artifacts/") if run_id else ("", "", "")
    return (run_id, path.strip("/")) if folder and path.strip("/") else None


def _is_elsewhere(place: str) -> bool:
    return scheme_of(place) not in _OURS and bool(_URL.fullmatch(place)) and bool(scheme_of(place))
