"""The registry and the webhooks of a live server of MLflow."""

from __future__ import annotations

from collections.abc import Iterator

from milepost.migration.mlflow._server_entities import pairs, text, time_ms
from milepost.migration.mlflow.entities import ModelVersion, RegisteredModel, Webhook
from milepost.migration.mlflow.rest import API, Json, MlflowRefused, Rest

_PAGE = 100
_VERSIONS = 10_000
_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
"""Names the tag of prompts, without which searches hide them."""


def version(rest: Rest) -> str:
    """The server's version; empty when it does not say."""
    try:
        return rest.text("/version")
    except MlflowRefused:
        return ""


def registered_models(rest: Rest) -> Iterator[RegisteredModel]:
    """All registered models and prompts with their versions."""
    for filter in ("", _PROMPTS):
        request = {"max_results": _PAGE, "filter": filter}
        for found in rest.pages(f"{API}/registered-models/search", request, "registered_models", post=False):
            yield _registered_model(rest, found, filter)


def webhooks(rest: Rest) -> Iterator[Webhook]:
    """All webhooks; none of a server that has no such call."""
    try:
        for found in rest.pages(f"{API}/webhooks", {"max_results": _PAGE}, "webhooks", post=False):
            yield _webhook(found)
    except MlflowRefused as error:
        if not error.missing:
            raise


def _registered_model(rest: Rest, given: Json, filter: str) -> RegisteredModel:
    name = text(given, "name")
    quoted = f'"{name}"' if "'" in name else f"'{name}'"
    request = {"max_results": _VERSIONS, "filter": f"name = {quoted}" + (f" AND {filter}" if filter else "")}
    versions = [
        _version(found) for found in rest.pages(f"{API}/model-versions/search", request, "model_versions", post=False)
    ]
    return RegisteredModel(
        name=name,
        create_ms=time_ms(given, "creation_timestamp"),
        update_ms=time_ms(given, "last_updated_timestamp"),
        description=text(given, "description"),
        tags=pairs(given.get("tags")),
        aliases={text(one, "alias"): int(one.get("version") or 0) for one in given.get("aliases") or ()},
        versions=sorted(versions, key=lambda one: one.version),
        last_number=max((one.version for one in versions), default=0),
    )


def _version(given: Json) -> ModelVersion:
    return ModelVersion(
        name=text(given, "name"),
        version=int(given.get("version") or 0),
        create_ms=time_ms(given, "creation_timestamp"),
        update_ms=time_ms(given, "last_updated_timestamp"),
        description=text(given, "description"),
        user=text(given, "user_id"),
        stage=text(given, "current_stage") or "None",
        source=text(given, "source"),
        run_id=text(given, "run_id"),
        run_link=text(given, "run_link"),
        model_id=text(given, "model_id"),
        status=text(given, "status") or "READY",
        status_message=text(given, "status_message"),
        tags=pairs(given.get("tags")),
    )


def _webhook(given: Json) -> Webhook:
    return Webhook(
        webhook_id=text(given, "webhook_id"),
        name=text(given, "name"),
        url=text(given, "url"),
        description=text(given, "description"),
        active=given.get("status") != "DISABLED",
        events=[f"{text(one, 'entity').lower()}.{text(one, 'action').lower()}" for one in given.get("events") or ()],
    )
