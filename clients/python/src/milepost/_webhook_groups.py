"""The verbs of the synchronous client on webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import _webhook_requests as req
from milepost import v1 as pb
from milepost._groups import _Group
from milepost._pages import Pages


class Webhooks(_Group):
    """Verbs on webhooks: HTTP addresses that are sent the events of the registry."""

    def create(
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
        """Creates a webhook, which is sent the events from now on.

        Args:
            name: For people; need not be unique.
            url: Where events go: `https` and public, unless the server allows the host.
            description: Free text.
            kinds: Kinds of events to send, such as `ALIAS_SET`. Empty for all.
            model_name: Only events of this registered model. Empty for all.
            secret: Key that requests are signed with, 16-250 characters, or 1-250 in MLflow's form. Empty: unsigned.
            active: Whether events are sent.
            format: Form of the requests: `STANDARD`, or `MLFLOW` for receivers that were written for it.
            mlflow_events: In its form, MLflow's names of the events to send, such as `prompt.created`. Empty for all.
            request_id: Makes a repeat by another process safe. Empty: the client makes one for its own repeats.
            timeout: Seconds.

        Raises:
            BadWebhookUrl: The server does not send there.
        """
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
        return self._transport.call(op, timeout)

    def get(self, webhook_id: str, *, timeout: float | None = None) -> pb.Webhook:
        """Reads one, without its secret. Raises `WebhookNotFound`."""
        return self._transport.call(req.get_webhook(webhook_id), timeout)

    def list(self, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None) -> Pages[pb.Webhook]:
        """Lists webhooks in order of creation; `page_size`, `limit` and `timeout` as of `Client.runs.list`."""
        op = req.list_webhooks()
        return Pages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )

    def update(
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
        """Changes what is not None; an empty `secret` ends the signatures.

        Raises:
            WebhookNotFound: There is none of this id.
            BadWebhookUrl: The server does not send there.
        """
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
        return self._transport.call(op, timeout)

    def delete(self, webhook_id: str, *, timeout: float | None = None) -> None:
        """Removes it. Raises `WebhookNotFound`."""
        self._transport.call(req.delete_webhook(webhook_id), timeout)

    def test(self, webhook_id: str, *, mlflow_event: str = "", timeout: float | None = None) -> pb.WebhookDelivery:
        """Sends a made-up event once and says what came back; a refusal is an answer, no error.

        `mlflow_event` chooses the event in MLflow's form, by its name there.
        """
        return self._transport.call(req.test_webhook(webhook_id, mlflow_event), timeout)

    def deliveries(
        self, webhook_id: str, *, page_size: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> Pages[pb.WebhookDelivery]:
        """Lists attempts of the last 30 days, latest first; arguments as of `list`. Raises `WebhookNotFound`."""
        op = req.list_webhook_deliveries(webhook_id)
        return Pages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )
