"""What each verb on webhooks sends and how its answer is read; see `milepost._requests`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._requests import Op, PagedOp, op


def _webhook(response: Any) -> pb.Webhook:
    webhook: pb.Webhook = response.webhook
    return webhook


def create_webhook(
    name: str,
    url: str,
    *,
    description: str,
    kinds: Iterable[str],
    model_name: str,
    secret: str,
    active: bool,
    format: str,
    mlflow_events: Iterable[str],
    request_id: str,
) -> Op[pb.Webhook]:
    """See `Webhooks.create`."""
    webhook = pb.Webhook(
        name=name,
        url=url,
        description=description,
        kinds=[event_kind(kind) for kind in kinds],
        model_name=model_name,
        secret=secret,
        state=_state(active),
        format=webhook_format(format),
        mlflow_events=mlflow_events,
    )
    return op(rpc.CREATE_WEBHOOK, pb.CreateWebhookRequest(webhook=webhook, request_id=request_id), _webhook)


def get_webhook(webhook_id: str) -> Op[pb.Webhook]:
    """See `Webhooks.get`."""
    return op(rpc.GET_WEBHOOK, pb.GetWebhookRequest(webhook_id=webhook_id), _webhook)


def list_webhooks() -> PagedOp[pb.Webhook]:
    """See `Webhooks.list`."""
    return PagedOp(rpc.LIST_WEBHOOKS, pb.ListWebhooksRequest(), lambda response: response.webhooks)


def update_webhook(
    webhook_id: str,
    *,
    name: str | None,
    url: str | None,
    description: str | None,
    kinds: Iterable[str] | None,
    model_name: str | None,
    secret: str | None,
    active: bool | None,
    format: str | None,
    mlflow_events: Iterable[str] | None,
) -> Op[pb.Webhook]:
    """See `Webhooks.update`."""
    changes = {
        "name": name,
        "url": url,
        "description": description,
        "kinds": None if kinds is None else [event_kind(kind) for kind in kinds],
        "model_name": model_name,
        "secret": secret,
        "state": None if active is None else _state(active),
        "format": None if format is None else webhook_format(format),
        "mlflow_events": None if mlflow_events is None else list(mlflow_events),
    }
    given: dict[str, Any] = {field: value for field, value in changes.items() if value is not None}
    request = pb.UpdateWebhookRequest(
        webhook=pb.Webhook(webhook_id=webhook_id, **given), update_mask=FieldMask(paths=given)
    )
    return op(rpc.UPDATE_WEBHOOK, request, _webhook)


def delete_webhook(webhook_id: str) -> Op[None]:
    """See `Webhooks.delete`."""
    return op(rpc.DELETE_WEBHOOK, pb.DeleteWebhookRequest(webhook_id=webhook_id), lambda _: None)


def test_webhook(webhook_id: str, mlflow_event: str) -> Op[pb.WebhookDelivery]:
    """See `Webhooks.test`."""
    request = pb.TestWebhookRequest(webhook_id=webhook_id, mlflow_event=mlflow_event)
    return op(rpc.TEST_WEBHOOK, request, lambda response: response.delivery)


def list_webhook_deliveries(webhook_id: str) -> PagedOp[pb.WebhookDelivery]:
    """See `Webhooks.deliveries`."""
    request = pb.ListWebhookDeliveriesRequest(webhook_id=webhook_id)
    return PagedOp(rpc.LIST_WEBHOOK_DELIVERIES, request, lambda response: response.deliveries)


def event_kind(name: str) -> pb.RegistryEvent.Kind.ValueType:
    """The kind of event of a name such as `ALIAS_SET`, in any case. Raises `ValueError` that lists the names."""
    kinds = {text.removeprefix("KIND_"): value for text, value in pb.RegistryEvent.Kind.items() if value}
    try:
        return kinds[name.upper().removeprefix("KIND_")]
    except KeyError:
        raise ValueError(f"{name!r} is no kind of event. Give one of {', '.join(kinds)}.") from None


def webhook_format(name: str) -> pb.Webhook.Format.ValueType:
    """The form of requests of a name such as `MLFLOW`, in any case. Raises `ValueError` that lists the names."""
    formats = {text.removeprefix("FORMAT_"): value for text, value in pb.Webhook.Format.items() if value}
    try:
        return formats[name.upper()]
    except KeyError:
        raise ValueError(f"{name!r} is no form of requests. Give one of {', '.join(formats)}.") from None


def _state(active: bool) -> pb.Webhook.State.ValueType:
    return pb.Webhook.STATE_ACTIVE if active else pb.Webhook.STATE_DISABLED
