"""Webhooks in MLflow's form: its events, payloads, headers and signature."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.model_files import ready_model
from support.receiver import Receiver
from support.values import unique

MLFLOW = pb.Webhook.FORMAT_MLFLOW
PROMPT = {"mlflow.prompt.is_prompt": "true"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """What a webhook sends to."""
    made = Receiver()
    yield made
    made.close()


async def told(receiver: Receiver, number: int) -> list[tuple[str, Any]]:
    """Name and data of the first events that were sent, once there are so many."""
    received = await asyncio.to_thread(receiver.first, number)
    return [(f"{one.json['entity']}.{one.json['action']}", one.json["data"]) for one in received]


async def test_a_model_its_versions_tags_and_aliases_are_told_as_mlflow_does(
    api: Api, run: pb.Run, receiver: Receiver
) -> None:
    name = unique("model")
    await api.create_webhook(receiver.url, model_name=name, format=MLFLOW)
    await api.create_registered_model(name, tags={"b": "2", "a": "1", "milepost.own": "x"}, description="é")
    logged = await ready_model(api, run.run_id)
    await api.create_model_version(name, model_id=logged.model_id, tags={"t": "v"}, description="first")
    # What an event has no room for is read when it is sent.
    await told(receiver, 2)
    await api.update_model_tags(name, {"not": "told"})
    await api.update_model_tags(name, {"k": "x" * 3000}, version=1)
    await told(receiver, 3)
    await api.update_model_tags(name, delete=["k"], version=1)
    await api.set_model_alias(name, "champion", 1)
    await api.delete_model_alias(name, "champion")
    await api.update_registered_model(pb.RegisteredModel(name=name, description="not told"))
    await api.create_model_version(name, source_uri="s3://bucket/x")
    assert await told(receiver, 7) == [
        ("registered_model.created", {"name": name, "tags": {"a": "1", "b": "2"}, "description": "é"}),
        (
            "model_version.created",
            {
                "name": name,
                "version": "1",
                "source": f"models:/{logged.model_id}",
                "run_id": run.run_id,
                "tags": {"t": "v"},
                "description": "first",
            },
        ),
        ("model_version_tag.set", {"name": name, "version": "1", "key": "k", "value": "x" * 3000}),
        ("model_version_tag.deleted", {"name": name, "version": "1", "key": "k"}),
        ("model_version_alias.created", {"name": name, "alias": "champion", "version": "1"}),
        ("model_version_alias.deleted", {"name": name, "alias": "champion"}),
        (
            "model_version.created",
            {
                "name": name,
                "version": "2",
                "source": "s3://bucket/x",
                "run_id": None,
                "tags": {},
                "description": None,
            },
        ),
    ]


async def test_prompts_have_events_of_their_own(api: Api, receiver: Receiver) -> None:
    name = unique("prompt")
    await api.create_webhook(receiver.url, model_name=name, format=MLFLOW)
    await api.create_registered_model(name, tags={**PROMPT, "a": "1"})
    text = {**PROMPT, "mlflow.prompt.text": "Hello {{name}}", "_mlflow_prompt_type": "text", "t": "v"}
    await api.create_model_version(name, source_uri="https://example.com/prompt", tags=text)
    # What an event has no room for is read when it is sent.
    await told(receiver, 2)
    await api.update_model_tags(name, {"k": "v"})
    await api.update_model_tags(name, delete=["k"])
    await api.update_model_tags(name, {"k": "v"}, version=1)
    await api.set_model_alias(name, "champion", 1)
    assert await told(receiver, 6) == [
        ("prompt.created", {"name": name, "tags": {"a": "1"}, "description": ""}),
        (
            "prompt_version.created",
            {
                "name": name,
                "version": "1",
                "template": "Hello {{name}}",
                "tags": {"t": "v"},
                "description": None,
            },
        ),
        ("prompt_tag.set", {"name": name, "key": "k", "value": "v"}),
        ("prompt_tag.deleted", {"name": name, "key": "k"}),
        ("prompt_version_tag.set", {"name": name, "version": "1", "key": "k", "value": "v"}),
        ("prompt_alias.created", {"name": name, "alias": "champion", "version": "1"}),
    ]


async def test_kinds_and_mlflows_names_choose_the_events(api: Api, receiver: Receiver) -> None:
    name = unique("model")
    await api.create_webhook(
        receiver.url,
        model_name=name,
        format=MLFLOW,
        kinds=[pb.RegistryEvent.KIND_TAG_SET, pb.RegistryEvent.KIND_VERSION_CREATED],
        mlflow_events=["model_version_tag.set", "registered_model.created", "budget_policy.exceeded"],
    )
    await api.create_registered_model(name)
    await api.create_model_version(name, source_uri="s3://bucket/x")
    await api.update_model_tags(name, {"k": "v"}, version=1)
    ((event, _),) = await told(receiver, 1)
    assert event == "model_version_tag.set"


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", ""])
async def test_headers_are_mlflows_and_signed_with_the_secret_as_it_is(
    api: Api, receiver: Receiver, secret: str
) -> None:
    name = unique("model")
    await api.create_webhook(receiver.url, model_name=name, format=MLFLOW, secret=secret)
    await api.create_registered_model(name)
    (received,) = await asyncio.to_thread(receiver.first, 1)
    delivery_id, timestamp = received.headers["x-mlflow-delivery-id"], received.headers["x-mlflow-timestamp"]
    assert delivery_id.startswith("evt_")
    assert abs(int(timestamp) - time.time()) < 600
    assert datetime.fromisoformat(received.json["timestamp"]).tzinfo is not None
    signed = f"{delivery_id}.{timestamp}.".encode() + received.body
    expected = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()
    assert received.headers.get("x-mlflow-signature") == (f"v1,{expected}" if secret else None)
    assert not [header for header in received.headers if header.startswith("webhook-")]


@pytest.mark.parametrize(
    ("wanted", "asked", "event"),
    [
        ([], "", "registered_model.created"),
        (["prompt.created", "model_version_tag.set"], "", "prompt.created"),
        ([], "model_version.created", "model_version.created"),
        ([], "prompt_version_tag.deleted", "prompt_version_tag.deleted"),
        ([], "model_version_alias.created", "model_version_alias.created"),
    ],
)
async def test_a_test_makes_up_the_event_asked_for(
    api: Api, receiver: Receiver, wanted: list[str], asked: str, event: str
) -> None:
    made = await api.create_webhook(receiver.url, format=MLFLOW, mlflow_events=wanted, state=pb.Webhook.STATE_DISABLED)
    assert (await api.test_webhook(made.webhook_id, asked)).http_status == 204
    ((name, data),) = await told(receiver, 1)
    assert (name, data["name"]) == (event, "test")


@pytest.mark.parametrize("name", ["nothing", "registered_model.deleted", "model_version_tag.created", ".created", "x."])
async def test_an_event_that_mlflow_does_not_have_is_refused(api: Api, name: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_webhook("https://example.com/x", format=MLFLOW, mlflow_events=[name])
    assert refusal.error.fields == ["webhook.mlflow_events[0]"]
    made = await api.create_webhook("https://example.com/x", format=MLFLOW, state=pb.Webhook.STATE_DISABLED)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.test_webhook(made.webhook_id, name)
    assert refusal.error.fields == ["mlflow_event"]


async def test_the_form_decides_what_goes_with_it(api: Api) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as short:
        await api.create_webhook("https://example.com/x", secret="short")
    assert short.error.fields == ["webhook.secret"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as events:
        await api.create_webhook("https://example.com/x", mlflow_events=["prompt.created"])
    assert events.error.fields == ["webhook.mlflow_events"]
    made = await api.create_webhook(
        "https://example.com/x",
        secret="short",
        format=MLFLOW,
        mlflow_events=["prompt.created"],
        state=pb.Webhook.STATE_DISABLED,
    )
    assert await api.get_webhook(made.webhook_id) == made
    assert (made.format, list(made.mlflow_events)) == (MLFLOW, ["prompt.created"])
    standard = pb.Webhook(webhook_id=made.webhook_id, format=pb.Webhook.FORMAT_STANDARD)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        await api.update_webhook(standard, "format", "mlflow_events")
    standard.secret = "a secret of more than 16 characters"
    changed = await api.update_webhook(standard, "format", "mlflow_events", "secret")
    assert (changed.format, list(changed.mlflow_events)) == (pb.Webhook.FORMAT_STANDARD, [])
