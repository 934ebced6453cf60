"""What a webhook is sent of an event, in its form."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.services.webhook_mlflow import example, mlflow_event
from milepost_server.services.webhook_requests import MLFLOW, STANDARD, Message, body_of
from milepost_server.storage.base import Storage


async def message_for(storage: Storage, webhook: pb.Webhook, event: pb.RegistryEvent) -> Message | None:
    """What to send a webhook of an event; None when it wants none such."""
    if (webhook.kinds and event.kind not in webhook.kinds) or webhook.model_name not in ("", event.name):
        return None
    message_id = f"evt_{event.sequence}"
    if webhook.format != pb.Webhook.FORMAT_MLFLOW:
        return Message(STANDARD, message_id, body_of(event))
    told = await storage.scan(lambda tx: mlflow_event(tx, event))
    if told is None or (webhook.mlflow_events and told.name not in webhook.mlflow_events):
        return None
    return Message(MLFLOW, message_id, told.body(event.time.ToMicroseconds()))


def made_up_message(webhook: pb.Webhook, event: pb.RegistryEvent, message_id: str, name: str) -> Message:
    """What to send a webhook for a test.

    Args:
        webhook: The webhook.
        event: A made-up event of the registry.
        message_id: The id of the request.
        name: MLflow's name of the event to make up; empty for one that the webhook wants.

    Raises:
        InvalidArgument: There is no event of that name.
    """
    if webhook.format != pb.Webhook.FORMAT_MLFLOW:
        return Message(STANDARD, message_id, body_of(event))
    told = example(name or next(iter(webhook.mlflow_events), "registered_model.created"))
    return Message(MLFLOW, message_id, told.body(event.time.ToMicroseconds()))
