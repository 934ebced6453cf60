"""The verbs of the asynchronous client on webhooks: those of `milepost.client`, to be awaited."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import _webhook_requests as req
from milepost import v1 as pb
from milepost._aio_groups import _Group
from milepost._pages import AsyncPages


class AsyncWebhooks(_Group):
    """Verbs on webhooks: HTTP addresses that are sent the events of the registry."""

    async def create(
        self,
        name: str,
        url: str,
        *,
        description: str = "",
        kinds: Iterable[str] = (),
        model_name: str = "",
        secret: str = "",
        active: bool = True,
        format: str = "STANDARD",
        mlflow_events: Iterable[str] = (),
        request_id: str = "",
        timeout: float | None = None,
    ) -> pb.Webhook:
        """See `Webhooks.create`."""
        op = req.create_webhook(
            name,
            url,
            description=description,
            kinds=kinds,
            model_name=model_name,
            secret=secret,
            active=active,
            format=format,
            mlflow_events=mlflow_events,
            request_id=request_id,
        )
        return await self._transport.call(op, timeout)

    async def get(self, webhook_id: str, *, timeout: float | None = None) -> pb.Webhook:
        """See `Webhooks.get`."""
        return await self._transport.call(req.get_webhook(webhook_id), timeout)

    def list(
        self, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> AsyncPages[pb.Webhook]:
        """See `Webhooks.list`."""
        op = req.list_webhooks()
        return AsyncPages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )

    async def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        description: str | None = None,
        kinds: Iterable[str] | None = None,
        model_name: str | None = None,
        secret: str | None = None,
        active: bool | None = None,
        format: str | None = None,
        mlflow_events: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> pb.Webhook:
        """See `Webhooks.update`."""
        op = req.update_webhook(
            webhook_id,
            name=name,
            url=url,
            description=description,
            kinds=kinds,
            model_name=model_name,
            secret=secret,
            active=active,
            format=format,
            mlflow_events=mlflow_events,
        )
        return await self._transport.call(op, timeout)

    async def delete(self, webhook_id: str, *, timeout: float | None = None) -> None:
        """See `Webhooks.delete`."""
        await self._transport.call(req.delete_webhook(webhook_id), timeout)

    async def test(
        self, webhook_id: str, *, mlflow_event: str = "", timeout: float | None = None
    ) -> pb.WebhookDelivery:
        """See `Webhooks.test`."""
        return await self._transport.call(req.test_webhook(webhook_id, mlflow_event), timeout)

    def deliveries(
        self, webhook_id: str, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> AsyncPages[pb.WebhookDelivery]:
        """See `Webhooks.deliveries`."""
        op = req.list_webhook_deliveries(webhook_id)
        return AsyncPages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )
