"""`milepost.mlflow.v1.WebhookService`."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import v1 as pb
from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call
from milepost_server.mlflow.native import checked, milliseconds
from milepost_server.services.webhooks import WebhookService, webhook_not_found

_STATES = {mlflow_pb.ACTIVE: pb.Webhook.STATE_ACTIVE, mlflow_pb.DISABLED: pb.Webhook.STATE_DISABLED}
_STATUSES = {state: status for status, state in _STATES.items()}


class MlflowWebhookServicer:
    """MLflow's calls about webhooks. What each method does is said in the proto."""

    def __init__(self, webhooks: WebhookService) -> None:
        self._webhooks = webhooks

    async def create_webhook(
        self, request: mlflow_pb.CreateWebhookRequest, call: Call
    ) -> mlflow_pb.CreateWebhookResponse:
        webhook = pb.Webhook(
            name=request.name,
            description=request.description,
            url=request.url,
            secret=request.secret,
            format=pb.Webhook.FORMAT_MLFLOW,
            mlflow_events=_event_names(request.events),
            state=_STATES[request.status],
        )
        created = await self._webhooks.create(checked(pb.CreateWebhookRequest(webhook=webhook)))
        return mlflow_pb.CreateWebhookResponse(webhook=_webhook(created))

    async def list_webhooks(self, request: mlflow_pb.ListWebhooksRequest, call: Call) -> mlflow_pb.ListWebhooksResponse:
        page = pb.ListWebhooksRequest(page_size=request.max_results, page_token=request.page_token)
        found = await self._webhooks.list(checked(page))
        own = [webhook for webhook in found.webhooks if webhook.format == pb.Webhook.FORMAT_MLFLOW]
        return mlflow_pb.ListWebhooksResponse(
            webhooks=[_webhook(webhook) for webhook in own], next_page_token=found.next_page_token or None
        )

    async def get_webhook(self, request: mlflow_pb.GetWebhookRequest, call: Call) -> mlflow_pb.GetWebhookResponse:
        return mlflow_pb.GetWebhookResponse(webhook=_webhook(await self._own(request.webhook_id)))

    async def update_webhook(
        self, request: mlflow_pb.UpdateWebhookRequest, call: Call
    ) -> mlflow_pb.UpdateWebhookResponse:
        stored = await self._own(request.webhook_id)
        update = pb.UpdateWebhookRequest(webhook=pb.Webhook(webhook_id=request.webhook_id))
        for field in ("name", "description", "url", "secret"):
            if request.HasField(field):
                setattr(update.webhook, field, getattr(request, field))
                update.update_mask.paths.append(field)
        if request.events:
            update.webhook.mlflow_events.extend(_event_names(request.events))
            update.update_mask.paths.append("mlflow_events")
        if request.HasField("status"):
            update.webhook.state = _STATES[request.status]
            update.update_mask.paths.append("state")
        updated = await self._webhooks.update(checked(update)) if update.update_mask.paths else stored
        return mlflow_pb.UpdateWebhookResponse(webhook=_webhook(updated))

    async def delete_webhook(
        self, request: mlflow_pb.DeleteWebhookRequest, call: Call
    ) -> mlflow_pb.DeleteWebhookResponse:
        await self._own(request.webhook_id)
        await self._webhooks.delete(checked(pb.DeleteWebhookRequest(webhook_id=request.webhook_id)))
        return mlflow_pb.DeleteWebhookResponse()

    async def test_webhook(self, request: mlflow_pb.TestWebhookRequest, call: Call) -> mlflow_pb.TestWebhookResponse:
        await self._own(request.webhook_id)
        test = pb.TestWebhookRequest(webhook_id=request.webhook_id)
        if request.HasField("event"):
            test.mlflow_event = _event_name(request.event)
        delivery = await self._webhooks.test(checked(test))
        return mlflow_pb.TestWebhookResponse(
            result=mlflow_pb.WebhookTestResult(
                success=not delivery.error,
                response_status=delivery.http_status or None,
                error_message=delivery.error or None,
            )
        )

    async def _own(self, webhook_id: str) -> pb.Webhook:
        found = await self._webhooks.get(webhook_id)
        if found.format != pb.Webhook.FORMAT_MLFLOW:
            raise webhook_not_found(webhook_id)
        return found


def _event_names(events: Iterable[mlflow_pb.WebhookEvent]) -> list[str]:
    return [_event_name(event) for event in events]


def _event_name(event: mlflow_pb.WebhookEvent) -> str:
    """`{REGISTERED_MODEL, CREATED}` as `registered_model.created`."""
    entity = mlflow_pb.WebhookEntity.Name(event.entity)
    return f"{entity}.{mlflow_pb.WebhookAction.Name(event.action)}".lower()


def _event(name: str) -> mlflow_pb.WebhookEvent:
    entity, _, action = name.upper().partition(".")
    return mlflow_pb.WebhookEvent(
        entity=mlflow_pb.WebhookEntity.Value(entity), action=mlflow_pb.WebhookAction.Value(action)
    )


def _webhook(native: pb.Webhook) -> mlflow_pb.Webhook:
    return mlflow_pb.Webhook(
        webhook_id=native.webhook_id,
        name=native.name,
        description=native.description or None,
        url=native.url,
        events=[_event(name) for name in native.mlflow_events],
        status=_STATUSES[native.state],
        creation_timestamp=milliseconds(native.create_time),
        last_updated_timestamp=milliseconds(native.update_time),
    )
