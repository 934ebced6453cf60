"""Webhooks: by `MlflowClient`, and as receivers that were written for MLflow see them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import RestException

from support.receiver import Receiver

SECRET = "a secret of more than 16 characters"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes what webhooks send."""
    listening = Receiver()
    yield listening
    listening.close()


@pytest.mark.covers("create, get, list, update and delete")
def test_a_webhook_comes_back_as_it_was_made(client: MlflowClient, name: str, receiver: Receiver) -> None:
    made = client.create_webhook(
        name[-60:], receiver.url, ["model_version.created"], description="About", secret=SECRET, status="DISABLED"
    )
    webhook = client.get_webhook(made.webhook_id)
    assert (webhook.name, webhook.url, webhook.description) == (name[-60:], receiver.url, "About")
    assert webhook.status == WebhookStatus.DISABLED
    assert [str(event) for event in webhook.events] == ["model_version.created"]
    assert made.webhook_id in {each.webhook_id for each in client.list_webhooks()}
    client.update_webhook(made.webhook_id, description="Other", events=["registered_model.created"])
    webhook = client.get_webhook(made.webhook_id)
    assert (webhook.description, [str(event) for event in webhook.events]) == ("Other", ["registered_model.created"])
    client.delete_webhook(made.webhook_id)
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_webhook(made.webhook_id)


@pytest.mark.covers("deliveries: MLflow's body, headers and signature")
def test_an_event_is_delivered_as_mlflow_does(client: MlflowClient, name: str, receiver: Receiver) -> None:
    events = ["registered_model.created", "model_version.created", "model_version_alias.created"]
    made = client.create_webhook(name[-60:], receiver.url, events, secret=SECRET)
    client.create_registered_model(name, description="About")
    client.create_model_version(name, "s3://bucket/model", tags={"a": "b"})
    client.set_registered_model_alias(name, "best", "1")
    received = receiver.first(3)
    client.delete_webhook(made.webhook_id)
    by_entity = {request.json["entity"]: request for request in received}
    assert by_entity["registered_model"].json["data"] == {"name": name, "tags": {}, "description": "About"}
    assert by_entity["model_version"].json["data"].items() >= {"name": name, "version": "1", "tags": {"a": "b"}}.items()
    assert by_entity["model_version_alias"].json["data"] == {"name": name, "alias": "best", "version": "1"}
    for request in received:
        assert request.json["action"] == "created"
        headers = request.headers
        signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + request.body
        digest = hmac.digest(SECRET.encode(), signed, "sha256")
        assert headers["x-mlflow-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.covers("a test call says what the receiver answered")
def test_a_webhook_is_tested(client: MlflowClient, name: str, receiver: Receiver) -> None:
    made = client.create_webhook(name[-60:], receiver.url, ["model_version.created"])
    result = client.test_webhook(made.webhook_id)
    client.delete_webhook(made.webhook_id)
    assert (result.success, result.response_status) == (True, 204)
    assert receiver.first(1)[0].json["entity"] == "model_version"


@pytest.mark.covers("addresses that are none, and those of other schemes, are refused")
@pytest.mark.parametrize("address", ["ftp://example.org", "nothing"])
def test_other_addresses_are_refused(client: MlflowClient, name: str, address: str) -> None:
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.create_webhook(name[-60:], address, ["model_version.created"])
