"""Webhooks are sent the events of the registry: signed, in order, and again until they are answered."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.receiver import Received, Receiver
from support.values import unique

SECRET = "a secret of more than 16 characters"


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    """Makes receivers, by the statuses of their first answers."""
    made: list[Receiver] = []

    def make(*statuses: int) -> Receiver:
        made.append(Receiver(*statuses))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


async def first(receiver: Receiver, number: int) -> list[Received]:
    """The first requests, once there are so many."""
    return await asyncio.to_thread(receiver.first, number)


async def change(api: Api, name: str, values: list[str]) -> None:
    """Changes a registered model once for each value."""
    for value in values:
        await api.update_registered_model(pb.RegisteredModel(name=name, description=value))


async def test_a_webhook_is_stored_without_its_secret(api: Api) -> None:
    given: dict[str, Any] = {"description": "é", "kinds": [pb.RegistryEvent.KIND_ALIAS_SET], "model_name": unique("m")}
    created = await api.create_webhook("https://example.com/x", "deploy", secret=SECRET, **given)
    assert (created.name, created.url, created.secret) == ("deploy", "https://example.com/x", "")
    assert (created.description, list(created.kinds), created.model_name) == tuple(given.values())
    assert created.state == pb.Webhook.STATE_ACTIVE
    assert await api.get_webhook(created.webhook_id) == created
    assert created in (await api.list_webhooks(page_size=1000)).webhooks


async def test_an_update_changes_what_the_mask_names(api: Api) -> None:
    created = await api.create_webhook("https://example.com/x", kinds=[pb.RegistryEvent.KIND_ALIAS_SET])
    given = pb.Webhook(webhook_id=created.webhook_id, name="other", state=pb.Webhook.STATE_DISABLED)
    changed = await api.update_webhook(given, "name", "kinds", "state")
    assert (changed.name, list(changed.kinds), changed.url) == ("other", [], "https://example.com/x")
    assert changed.state == pb.Webhook.STATE_DISABLED
    await api.delete_webhook(created.webhook_id)
    with refused("NOT_FOUND", "WEBHOOK_NOT_FOUND"):
        await api.get_webhook(created.webhook_id)


@pytest.mark.parametrize(
    "url",
    [
        "example.com/x",
        "ftp://example.com/x",
        "http://example.com/x",
        "https://user:word@example.com/",
        "https://localhost/x",
        "https://127.0.0.2/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://example.com:99999/x",
        "https://exa mple.com/",
        "https:///x",
    ],
)
async def test_a_url_that_may_lead_into_the_servers_network_is_refused(api: Api, url: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_WEBHOOK_URL"):
        await api.create_webhook(url)


async def test_requests_tell_of_events_in_order_and_are_signed(api: Api, receivers: Callable[..., Receiver]) -> None:
    receiver = receivers()
    name = unique("model")
    await api.create_webhook(receiver.url, model_name=name, secret=SECRET)
    await api.create_registered_model(unique("other"))
    await api.create_registered_model(name)
    await change(api, name, ["1", "2", "3"])
    received = await first(receiver, 4)
    assert [one.json["type"] for one in received] == ["registry.model_created", *["registry.model_updated"] * 3]
    events = (await api.list_registry_events(name)).events
    assert [one.json["data"]["sequence"] for one in received] == [str(event.sequence) for event in reversed(events)]
    assert [one.json["data"].get("after", "") for one in received[1:]] == ["1", "2", "3"]
    for one in received:
        message_id, timestamp = one.headers["webhook-id"], one.headers["webhook-timestamp"]
        assert message_id == f"evt_{one.json['data']['sequence']}"
        assert abs(int(timestamp) - time.time()) < 600
        expected = hmac.digest(SECRET.encode(), f"{message_id}.{timestamp}.".encode() + one.body, "sha256")
        assert one.headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"


async def test_an_event_is_sent_again_until_it_is_answered_and_holds_up_the_next(
    api: Api, receivers: Callable[..., Receiver]
) -> None:
    receiver = receivers(500, 302)
    name = unique("model")
    created = await api.create_webhook(receiver.url, model_name=name)
    await api.create_registered_model(name)
    await change(api, name, ["1"])
    received = await first(receiver, 4)
    sequences = [one.json["data"]["sequence"] for one in received]
    assert sequences[0] == sequences[1] == sequences[2] < sequences[3]
    assert len({one.headers["webhook-id"] for one in received}) == 2
    while len(attempts := (await api.list_webhook_deliveries(created.webhook_id)).deliveries) < 4:
        pass
    assert [(one.attempt, one.http_status) for one in reversed(attempts)] == [(1, 500), (2, 302), (3, 204), (1, 204)]
    assert attempts[-1].error
    assert not attempts[0].error
    pages = await api.list_webhook_deliveries(created.webhook_id, page_size=3)
    rest = await api.list_webhook_deliveries(created.webhook_id, page_size=3, page_token=pages.next_page_token)
    assert [*pages.deliveries, *rest.deliveries] == list(attempts)


async def test_one_that_does_not_answer_holds_up_no_other(api: Api, receivers: Callable[..., Receiver]) -> None:
    gone, receiver = receivers(), receivers()
    gone.close()
    name = unique("model")
    failing = await api.create_webhook(gone.url, model_name=name)
    await api.create_webhook(receiver.url, model_name=name)
    await api.create_registered_model(name)
    await first(receiver, 1)
    while not (await api.get_webhook(failing.webhook_id)).attempts:
        pass
    await api.delete_webhook(failing.webhook_id)


async def test_a_disabled_webhook_misses_events_and_an_active_one_kinds_that_it_does_not_want(
    api: Api, receivers: Callable[..., Receiver]
) -> None:
    receiver = receivers()
    name = unique("model")
    created = await api.create_webhook(
        receiver.url, model_name=name, kinds=[pb.RegistryEvent.KIND_MODEL_UPDATED], state=pb.Webhook.STATE_DISABLED
    )
    await api.create_registered_model(name)
    await change(api, name, ["missed"])
    await api.update_webhook(pb.Webhook(webhook_id=created.webhook_id, state=pb.Webhook.STATE_ACTIVE))
    await api.update_model_tags(name, {"not": "wanted"})
    await change(api, name, ["wanted"])
    (received,) = await first(receiver, 1)
    assert received.json["data"]["after"] == "wanted"


async def test_a_test_says_what_came_back(api: Api, receivers: Callable[..., Receiver]) -> None:
    receiver = receivers(503)
    created = await api.create_webhook(receiver.url, state=pb.Webhook.STATE_DISABLED)
    assert (await api.test_webhook(created.webhook_id)).http_status == 503
    delivery = await api.test_webhook(created.webhook_id)
    assert (delivery.http_status, delivery.error) == (204, "")
    assert (await first(receiver, 1))[0].headers["webhook-id"].startswith("test_")


async def test_a_name_that_leads_to_a_private_address_is_not_connected_to(api: Api) -> None:
    created = await api.create_webhook("https://localhost.localdomain./x", state=pb.Webhook.STATE_DISABLED)
    delivery = await api.test_webhook(created.webhook_id)
    assert delivery.http_status == 0
    assert delivery.error
