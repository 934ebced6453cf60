"""What webhooks in MLflow's form are told: the events that it has, and what it says of each.

MLflow describes the model or version beside the event. Here that is read when the event is sent, so it may have
changed since; of a model or version that is gone, only what the event itself knows is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from milepost import v1 as pb
from milepost_server.errors import invalid_field, quote
from milepost_server.filters.mlflow import PROMPT
from milepost_server.services.mlflow_sources import run_of, shown_source
from milepost_server.storage.base import Transaction

_TEMPLATE_TAG = "mlflow.prompt.text"
_PROMPT_TYPE_TAG = "_mlflow_prompt_type"
# Tags that this server keeps notes of its own in.
_OWN_TAGS = "milepost."
_CUT = "…"

_Kind = pb.RegistryEvent
_ACTIONS: Mapping[pb.RegistryEvent.Kind.ValueType, tuple[str, str]] = {
    _Kind.KIND_MODEL_CREATED: ("", "created"),
    _Kind.KIND_VERSION_CREATED: ("version", "created"),
    _Kind.KIND_TAG_SET: ("tag", "set"),
    _Kind.KIND_TAG_DELETED: ("tag", "deleted"),
    _Kind.KIND_ALIAS_SET: ("alias", "created"),
    _Kind.KIND_ALIAS_DELETED: ("alias", "deleted"),
}
# Entities by what an event is about, for models and for prompts. Tags of models have no event.
_ENTITIES = {
    "": ("registered_model", "prompt"),
    "version": ("model_version", "prompt_version"),
    "tag": ("", "prompt_tag"),
    "version_tag": ("model_version_tag", "prompt_version_tag"),
    "alias": ("model_version_alias", "prompt_alias"),
}


@dataclass(frozen=True)
class MlflowEvent:
    """An event as MLflow has it.

    Args:
        entity: What it is about, such as `model_version_tag`.
        action: What happened to it, such as `set`.
        data: What there is to say of it.
    """

    entity: str
    action: str
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in `Webhook.mlflow_events`."""
        return f"{self.entity}.{self.action}"

    def body(self, time_us: int) -> bytes:
        """The body of the request that tells of it, as JSON, with the time at which it happened."""
        timestamp = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat()
        return orjson.dumps({"entity": self.entity, "action": self.action, "timestamp": timestamp, "data": self.data})


async def mlflow_event(tx: Transaction, event: pb.RegistryEvent) -> MlflowEvent | None:
    """An event of the registry as MLflow has it; None when it has none such."""
    if event.kind not in _ACTIONS or event.field.startswith(_OWN_TAGS):
        return None
    about, action = _ACTIONS[event.kind]
    model = await tx.registered_models.get(event.name) or pb.RegisteredModel(name=event.name)
    version = pb.ModelVersion()
    if event.version and about != "alias":
        version = await tx.model_versions.get(event.name, event.version) or version
    is_prompt = any(tags.get(PROMPT, "").lower() == "true" for tags in (model.tags, version.tags))
    if about == "tag" and event.version:
        about = "version_tag"
    entity = _ENTITIES[about][is_prompt]
    if not entity:
        return None
    return MlflowEvent(entity, action, _data(entity, action, event, model, version))


def example(name: str) -> MlflowEvent:
    """A made-up event of a name.

    Raises:
        InvalidArgument: There is no event of that name.
    """
    entity, _, action = name.partition(".")
    known = {_ENTITIES[about][is_prompt]: about for about in _ENTITIES for is_prompt in (False, True)}
    if not entity or entity not in known or (known[entity].removeprefix("version_"), action) not in _ACTIONS.values():
        raise invalid_field(
            "mlflow_event", f"{quote(name)} is no event of MLflow's webhooks; use for example model_version.created"
        )
    tags = {"team": "vision"}
    model = pb.RegisteredModel(name="test", description="A test.", tags=tags)
    version = pb.ModelVersion(name="test", version=1, description="A test.", source_uri="https://example.com/test")
    version.tags.update(tags)
    event = pb.RegistryEvent(name="test", version=1, field="test", after="test")
    return MlflowEvent(entity, action, _data(entity, action, event, model, version))


def _data(
    entity: str, action: str, event: pb.RegistryEvent, model: pb.RegisteredModel, version: pb.ModelVersion
) -> dict[str, Any]:
    match entity, action:
        case "registered_model" | "prompt", _:
            tags = _shown(model.tags, is_prompt=entity == "prompt")
            return {"name": event.name, "tags": tags, "description": model.description}
        case "model_version" | "prompt_version", _:
            return _version_data(entity == "prompt_version", event, version)
        case "model_version_alias" | "prompt_alias", "created":
            return {"name": event.name, "alias": event.field, "version": str(event.version)}
        case "model_version_alias" | "prompt_alias", _:
            return {"name": event.name, "alias": event.field}
    data = {"name": event.name, "key": event.field}
    if entity != "prompt_tag":
        data["version"] = str(event.version)
    if action == "set":
        stored = (version.tags if event.version else model.tags).get(event.field, "")
        data["value"] = _whole(event.after, stored)
    return data


def _version_data(is_prompt: bool, event: pb.RegistryEvent, version: pb.ModelVersion) -> dict[str, Any]:
    data: dict[str, Any] = {"name": event.name, "version": str(event.version)}
    if is_prompt:
        data["template"] = version.tags.get(_TEMPLATE_TAG)
    else:
        data |= {"source": shown_source(version) if version.name else "", "run_id": run_of(version) or None}
    return data | {"tags": _shown(version.tags, is_prompt=is_prompt), "description": version.description or None}


def _shown(tags: Mapping[str, str], *, is_prompt: bool) -> dict[str, str]:
    hidden = (PROMPT, _PROMPT_TYPE_TAG, _TEMPLATE_TAG) if is_prompt else ()
    return {key: tags[key] for key in sorted(tags) if key not in hidden and not key.startswith(_OWN_TAGS)}


def _whole(value: str, stored: str) -> str:
    """A value that the event may have cut, whole where that is what is stored."""
    return stored if value.endswith(_CUT) and stored.startswith(value.removesuffix(_CUT)) else value
