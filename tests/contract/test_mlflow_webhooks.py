"""Webhooks through MLflow's REST API. What is sent to them is in `test_webhooks_mlflow`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.receiver import Receiver
from support.values import unique

# Databases make no difference.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

EVENTS = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}, {"entity": "PROMPT", "action": "CREATED"}]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """What a webhook sends to."""
    made = Receiver()
    yield made
    made.close()


async def _create(mlflow: MlflowHttp, to: str, **fields: Any) -> Any:
    given = {"name": "hook", "url": to, "events": EVENTS, **fields}
    return (await mlflow.post("/webhooks", **given))["webhook"]


async def test_a_webhook_is_created_changed_and_removed(mlflow: MlflowHttp, receiver: Receiver) -> None:
    made = await _create(mlflow, receiver.url, description="d", secret="key")
    path = f"/webhooks/{made['webhook_id']}"
    assert made == {
        "webhook_id": made["webhook_id"],
        "name": "hook",
        "description": "d",
        "url": receiver.url,
        "events": EVENTS,
        "status": "ACTIVE",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
    }
    assert (await mlflow.get(path))["webhook"] == made
    assert made in (await mlflow.get("/webhooks", max_results=1000))["webhooks"]
    changed = (await mlflow.patch(path, status="DISABLED", events=EVENTS[:1]))["webhook"]
    assert (changed["status"], changed["events"], changed["description"]) == ("DISABLED", EVENTS[:1], "d")
    assert (await mlflow.patch(path))["webhook"] == changed
    assert await mlflow.delete(path) == {}
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get(path)


async def test_webhooks_that_mlflow_would_refuse_are_refused(mlflow: MlflowHttp, receiver: Receiver) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"name": "-x"},
        {"name": ""},
        {"url": "http://example.com/x"},
        {"events": []},
        {"events": [{"entity": "REGISTERED_MODEL", "action": "DELETED"}]},
        {"events": [{"entity": "REGISTERED_MODEL"}]},
        {"events": [{"entity": "RUN", "action": "CREATED"}]},
        {"status": "ASLEEP"},
    )
    for fields in wrong:
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await _create(mlflow, receiver.url, **fields)


async def test_a_test_sends_the_event_asked_for_and_says_what_came_back(mlflow: MlflowHttp, receiver: Receiver) -> None:
    made = await _create(mlflow, receiver.url)
    event = {"entity": "MODEL_VERSION", "action": "CREATED"}
    answer = await mlflow.post(f"/webhooks/{made['webhook_id']}/test", event=event)
    assert answer == {"result": {"success": True, "response_status": 204}}
    (sent,) = await asyncio.to_thread(receiver.first, 1)
    assert (sent.json["entity"], sent.json["action"]) == ("model_version", "created")


async def test_webhooks_of_milepost_are_not_seen(mlflow: MlflowHttp, grpc_api: GrpcApi, receiver: Receiver) -> None:
    native = await grpc_api.create_webhook(receiver.url, name=unique())
    listed = (await mlflow.get("/webhooks", max_results=1000)).get("webhooks", [])
    assert native.webhook_id not in {webhook["webhook_id"] for webhook in listed}
    for verb in ("GET", "PATCH", "DELETE"):
        with refused(404, "RESOURCE_DOES_NOT_EXIST"):
            await mlflow.send(verb, f"/webhooks/{native.webhook_id}", **({"json": {}} if verb == "PATCH" else {}))
