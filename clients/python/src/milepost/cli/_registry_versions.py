"""`milepost registry versions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli._output import add_row, print_json, print_resources, print_table, table
from milepost.cli._registry_options import (
    Description,
    Filter,
    Name,
    OptionalName,
    OrderBy,
    Tags,
    Untag,
    Version,
    find_version,
    tell_more,
    titled,
)
from milepost.cli._session import AsJson, Limit, Yes, confirm, connect, group, tags_of
from milepost.cli._text import pairs, printable, size, when

if TYPE_CHECKING:
    from milepost.client import ModelVersion

app = group("Versions of registered models.")

Alias = Annotated[list[str] | None, typer.Option("--alias", metavar="ALIAS", help="Point an alias to it; repeatable.")]
Card = Annotated[
    Path | None,
    typer.Option("--model-card", metavar="FILE", exists=True, dir_okay=False, help="Model card, in Markdown."),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    name: OptionalName = "",
    filter: Filter = "",
    order_by: OrderBy = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List versions, the newest first."""
    wanted = limit + 1 if limit else None
    found = list(connect(ctx).model_versions.list(name, filter=filter, order_by=order_by, limit=wanted))
    shown = found[: limit or None]
    if as_json:
        print_resources("modelVersions", (one.proto for one in shown))
    else:
        headings = ("NAME", "VERSION", "STATUS", "STAGE", "ALIASES", "SIZE", "CREATED", "USER", "TAGS")
        rows = table(*headings, right=("VERSION", "SIZE"), whole=("CREATED",))
        for one in shown:
            state = (one.status.value.lower(), one.stage.value.lower(), ", ".join(one.aliases))
            made = (size(one.size) if one.size else "", when(one.create_time), one.user, pairs(one.tags))
            add_row(rows, (one.name, str(one.version), *state, *made))
        print_table(rows, "No versions.")
    tell_more(len(found), limit)


@app.command()
def show(ctx: typer.Context, version: Version, as_json: AsJson = False) -> None:
    """Show one version: where it comes from, its tags, and its model card."""
    found = find_version(connect(ctx), version)
    if as_json:
        print_json(found.proto)
    else:
        _print_version(found)


@app.command()
def register(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="models:/m-ID, runs:/RUN/PATH, models:/NAME/NUMBER, or the URL of files elsewhere."
        ),
    ],
    name: Name,
    description: Description = None,
    model_card: Card = None,
    tag: Tags = None,
    alias: Alias = None,
    as_json: AsJson = False,
) -> None:
    """Make a model the next version of a registered model, which is created when it does not exist."""
    from milepost.models.registry.publishing import register_model

    client = connect(ctx)
    made = register_model(
        source,
        name,
        description=description or "",
        model_card=_text(model_card) or "",
        tags=tags_of(tag),
        aliases=alias or (),
        client=client,
    )
    _say(made, "Created", as_json)


@app.command()
def update(
    ctx: typer.Context,
    version: Version,
    description: Description = None,
    model_card: Card = None,
    tag: Tags = None,
    untag: Untag = None,
    as_json: AsJson = False,
) -> None:
    """Change description, model card or tags of a version. What is not given stays."""
    tags = tags_of(tag)
    if description is None and model_card is None and not tags and not untag:
        raise typer.BadParameter("give what to change: --description, --model-card, --tag or --untag.")
    client = connect(ctx)
    found = find_version(client, version)
    if description is not None or model_card is not None:
        found.update(description=description, model_card=_text(model_card))
    if tags or untag:
        found = client.model_versions.update_tags(found.name, found.version, set=tags, delete=untag or ())
    _say(found, "Changed", as_json)


@app.command()
def transition(
    ctx: typer.Context,
    version: Version,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="none, staging, production or archived.")],
    archive: Annotated[bool, typer.Option("--archive-existing", help="Archive the others of that stage.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move a version to a stage. Aliases do the same with names of your own."""
    found = find_version(connect(ctx), version)
    archived = found.transition(stage, archive_existing=archive)
    _say(found, f"Moved to {found.stage.value.lower()}:", as_json)
    if archived and not as_json:
        typer.echo(f"Archived {', '.join(f'version {number}' for number in archived)}.")


@app.command()
def delete(ctx: typer.Context, version: Version, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a version and its aliases for good. Its files stay with its run; its number is not given out again."""
    found = find_version(connect(ctx), version)
    aliases = f", to which {', '.join(found.aliases)} point" if found.aliases else ""
    confirm("Delete for good", [f"{titled(found)}{aliases}"], yes=yes)
    found.delete()
    _say(found, "Deleted", as_json)


def _print_version(version: ModelVersion) -> None:
    origin = version.proto.copied_from
    copied = f"{origin.name}/{origin.version}" + (f" at {origin.server}" if origin.server else "")
    fields = {
        "name": version.name,
        "version": str(version.version),
        "status": " ".join((version.status.value.lower(), version.proto.status_message)).strip(),
        "stage": version.stage.value.lower(),
        "aliases": ", ".join(version.aliases),
        "model": version.model_id,
        "run": version.run_id,
        "path": version.path,
        "source": version.source_uri,
        "copy of": copied if origin.name else "",
        "size": size(version.size) if version.size else "",
        "sha256": version.sha256,
        "created": f"{when(version.create_time)} by {version.user}" if version.user else when(version.create_time),
        "changed": when(version.update_time),
        "inputs": ", ".join(f"{used.dataset.name} ({used.context or 'data'})" for used in version.inputs),
        "tags": pairs(version.tags),
    }
    typer.echo("\n".join(f"{field:<7}  {printable(value)}" for field, value in fields.items() if value))
    for text in filter(None, (version.description, version.model_card)):
        typer.echo("\n" + "\n".join(map(printable, text.splitlines())))


def _text(file: Path | None) -> str | None:
    return None if file is None else file.read_text(encoding="utf-8")


def _say(version: ModelVersion, done: str, as_json: bool) -> None:
    if as_json:
        print_json(version.proto)
    else:
        typer.echo(f"{done} {printable(titled(version))}.")
