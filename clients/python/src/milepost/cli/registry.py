"""`milepost registry`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli import _registry_aliases, _registry_models, _registry_versions, _registry_webhooks
from milepost.cli._output import add_row, message_dict, print_json, print_resources, print_table, table
from milepost.cli._registry_options import Name, OptionalName, Version, find_version, tell_more, titled
from milepost.cli._registry_webhooks import kind_name
from milepost.cli._session import AsJson, Limit, connect, find_experiment, group
from milepost.cli._text import first_line, printable, when

if TYPE_CHECKING:
    from milepost import v1 as pb

app = group("Look after registered models: versions, aliases, events, webhooks.")
app.add_typer(_registry_models.app, name="models")
app.add_typer(_registry_versions.app, name="versions")
app.add_typer(_registry_aliases.app, name="alias")
app.add_typer(_registry_webhooks.app, name="webhooks")


@app.command()
def tags(
    ctx: typer.Context,
    name: Name,
    version: Annotated[
        int | None, typer.Option("--version", metavar="NUMBER", min=1, help="Those of this version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tags of a registered model, or of a version."""
    client = connect(ctx)
    found = client.model_versions.get(name, version) if version is not None else client.registered_models.get(name)
    if as_json:
        print_json({"tags": found.tags})
        return
    rows = table("KEY", "VALUE")
    for key, value in sorted(found.tags.items()):
        add_row(rows, (key, value))
    print_table(rows, "No tags.")


@app.command()
def events(ctx: typer.Context, name: OptionalName = "", limit: Limit = 50, as_json: AsJson = False) -> None:
    """List what happened, the latest first: who did what, when, from what to what."""
    found = list(connect(ctx).registry.events(name, limit=limit + 1 if limit else None))
    shown = found[: limit or None]
    if as_json:
        print_resources("events", shown)
    else:
        rows = table("EVENT", "TIME", "USER", "WHAT", "MODEL", "FIELD", "BEFORE", "AFTER", right=("EVENT",))
        for one in shown:
            add_row(rows, _cells(one))
        print_table(rows, "No events.")
    tell_more(len(found), limit)


@app.command()
def watch(
    ctx: typer.Context,
    name: OptionalName = "",
    resume: Annotated[
        str, typer.Option("--resume", metavar="TOKEN", help="Go on behind a line of --json: its resumeToken.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Follow what happens, until it is interrupted.

    Prints a line for each event. With --json, each line is a JSON document of the event and a resumeToken.
    """
    with connect(ctx).registry.watch(name, resume_token=resume) as watched:
        for event in watched:
            if as_json:
                line = json.dumps({"event": message_dict(event), "resumeToken": watched.resume_token})
            else:
                line = "  ".join(cell for cell in map(printable, _cells(event)) if cell)
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


@app.command()
def copy(
    ctx: typer.Context,
    version: Version,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The registered model that gets the copy.")],
    to_url: Annotated[
        str | None, typer.Option("--to-url", metavar="ADDRESS", help="gRPC address of another server, host:port.")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", "-e", metavar="EXPERIMENT", help="Of the run there that gets the files."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the next version of another registered model from the files of a version.

    On one server the files stay where they are. To another server they are copied, into a run of their own; the version
    there says where it comes from. The registered model is created when it does not exist.
    """
    client = connect(ctx)
    found = find_version(client, version)
    if to_url is None:
        if experiment is not None:
            raise typer.BadParameter(
                "goes with --to-url: on one server no files are copied.", param_hint="--experiment"
            )
        made = found.copy(name, create_model=True)
    else:
        from milepost.client import Client
        from milepost.models.registry.copying import copy_version

        with Client(to_url) as other:
            chosen = find_experiment(other, experiment).experiment_id if experiment is not None else "0"
            made = copy_version(found, other, name, experiment_id=chosen)
    print_json(made.proto) if as_json else typer.echo(
        f"Copied {printable(titled(found))} to {printable(titled(made))}."
    )


def _cells(event: pb.RegistryEvent) -> tuple[str, ...]:
    from milepost._values import from_timestamp

    model = f"{event.name}/{event.version}" if event.version else event.name
    what = kind_name(event.kind).replace("_", " ")
    happened = (str(event.sequence), when(from_timestamp(event.time)), event.user, what)
    return (*happened, model, event.field, first_line(event.before), first_line(event.after))
