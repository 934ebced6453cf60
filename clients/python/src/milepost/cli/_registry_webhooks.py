"""`milepost registry webhooks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli import _complete as complete
from milepost.cli._output import add_row, print_json, print_resources, print_table, table
from milepost.cli._registry_options import tell_more
from milepost.cli._session import AsJson, Limit, Yes, confirm, connect, group
from milepost.cli._text import printable, when

if TYPE_CHECKING:
    from milepost import v1 as pb

app = group("Webhooks: addresses that are sent the events of the registry.")

WebhookId = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="Id of the webhook.", autocompletion=complete.webhook_ids)
]


@app.command("list")
def list_(ctx: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List webhooks in order of creation."""
    found = list(connect(ctx).webhooks.list(limit=limit + 1 if limit else None))
    shown = found[: limit or None]
    if as_json:
        print_resources("webhooks", shown)
    else:
        rows = table("ID", "NAME", "URL", "MODEL", "KINDS", "STATE", "EVENT", right=("EVENT",), whole=("ID",))
        for one in shown:
            kinds = ", ".join(kind_name(kind) for kind in one.kinds) or "all"
            about = (one.model_name or "all", kinds, _state(one))
            add_row(rows, (one.webhook_id, one.name, one.url, *about, str(one.sequence)))
        print_table(rows, "No webhooks.")
    tell_more(len(found), limit)


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events go.")],
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only such events, for example alias_set; repeatable."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME", help="Only of this registered model.", autocompletion=complete.model_names
        ),
    ] = "",
    description: Annotated[str, typer.Option("--description", "-d", metavar="TEXT", help="Free text.")] = "",
    secret: Annotated[
        str,
        typer.Option(
            envvar="MILEPOST_WEBHOOK_SECRET",
            metavar="TEXT",
            help="Key that requests are signed with, 16 characters up.",
        ),
    ] = "",
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Send requests in MLflow's form.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a webhook, which is sent the events from now on.

    Give the secret by the environment: command lines can be read by others.
    """
    made = connect(ctx).webhooks.create(
        name,
        url,
        description=description,
        kinds=kind or (),
        model_name=model,
        secret=secret,
        format="MLFLOW" if mlflow else "STANDARD",
    )
    print_json(made) if as_json else typer.echo(f"Created webhook {made.webhook_id} ({printable(repr(name))}).")


@app.command()
def enable(ctx: typer.Context, webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """Send events again, those from now on."""
    changed = connect(ctx).webhooks.update(webhook_id, active=True)
    print_json(changed) if as_json else typer.echo(f"Enabled webhook {printable(_titled(changed))}.")


@app.command()
def disable(ctx: typer.Context, webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """Send no more events. They are not kept for later."""
    changed = connect(ctx).webhooks.update(webhook_id, active=False)
    print_json(changed) if as_json else typer.echo(f"Disabled webhook {printable(_titled(changed))}.")


@app.command()
def delete(ctx: typer.Context, webhook_id: WebhookId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a webhook for good."""
    client = connect(ctx)
    found = client.webhooks.get(webhook_id)
    confirm("Delete for good", [f"webhook {_titled(found)}"], yes=yes)
    client.webhooks.delete(webhook_id)
    print_json(found) if as_json else typer.echo(f"Deleted webhook {printable(_titled(found))}.")


@app.command("test")
def send_test(ctx: typer.Context, webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """Send a made-up event once. Exits with 1 when it is not taken."""
    delivery = connect(ctx).webhooks.test(webhook_id)
    if as_json:
        print_json(delivery)
    else:
        typer.echo(f"{_answer(delivery)} after {delivery.duration_ms} ms.")
    if delivery.error:
        raise typer.Exit(1)


@app.command()
def deliveries(ctx: typer.Context, webhook_id: WebhookId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List attempts to send events, the latest first."""
    from milepost._values import from_timestamp

    found = list(connect(ctx).webhooks.deliveries(webhook_id, limit=limit + 1 if limit else None))
    shown = found[: limit or None]
    if as_json:
        print_resources("deliveries", shown)
    else:
        rows = table("TIME", "EVENT", "ATTEMPT", "ANSWER", "MS", right=("EVENT", "ATTEMPT", "MS"), whole=("TIME",))
        for one in shown:
            moment = when(from_timestamp(one.time))
            add_row(rows, (moment, str(one.sequence), str(one.attempt), _answer(one), str(one.duration_ms)))
        print_table(rows, "No attempts.")
    tell_more(len(found), limit)


def kind_name(kind: pb.RegistryEvent.Kind.ValueType) -> str:
    """A kind of event as people write it, such as `alias set`; its number when this client does not know it."""
    from milepost import v1 as pb

    known = pb.RegistryEvent.Kind.DESCRIPTOR.values_by_number.get(kind)
    return str(kind) if known is None else known.name.removeprefix("KIND_").lower()


def _state(webhook: pb.Webhook) -> str:
    from milepost import v1 as pb

    if webhook.state == pb.Webhook.STATE_DISABLED:
        return "disabled"
    return f"failing ({webhook.attempts} attempts)" if webhook.attempts else "active"


def _titled(webhook: pb.Webhook) -> str:
    return f"{webhook.webhook_id} ({webhook.name!r})"


def _answer(delivery: pb.WebhookDelivery) -> str:
    if delivery.error:
        return f"{delivery.http_status or 'no answer'}: {delivery.error}"
    return str(delivery.http_status)
