"""`milepost registry models`."""

from __future__ import annotations

from typing import Annotated

import typer

from milepost.cli._output import add_row, print_json, print_resources, print_table, table
from milepost.cli._registry_options import Description, Filter, Name, OrderBy, Tags, Untag, tell_more
from milepost.cli._session import AsJson, Limit, Yes, confirm, connect, group, tags_of
from milepost.cli._text import count, first_line, pairs, printable, when

app = group("Registered models.")


@app.command("list")
def list_(
    ctx: typer.Context, filter: Filter = "", order_by: OrderBy = "", limit: Limit = 50, as_json: AsJson = False
) -> None:
    """List registered models, the newest first."""
    wanted = limit + 1 if limit else None
    found = list(connect(ctx).registered_models.list(filter=filter, order_by=order_by, limit=wanted))
    shown = found[: limit or None]
    if as_json:
        print_resources("registeredModels", (one.proto for one in shown))
    else:
        rows = table("NAME", "LATEST", "VERSIONS", "ALIASES", "CHANGED", "TAGS", right=("LATEST", "VERSIONS"))
        for one in shown:
            aliases = ", ".join(f"{alias}={version}" for alias, version in sorted(one.aliases.items()))
            latest = str(one.latest_version or "")
            add_row(rows, (one.name, latest, str(one.version_count), aliases, when(one.update_time), pairs(one.tags)))
        print_table(rows, "No registered models.")
    tell_more(len(found), limit)


@app.command()
def show(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one registered model with its latest versions."""
    client = connect(ctx)
    found = client.registered_models.get(name)
    if as_json:
        print_json(found.proto)
        return
    fields = {
        "name": found.name,
        "created": when(found.create_time),
        "changed": when(found.update_time),
        "versions": str(found.version_count),
        "aliases": ", ".join(f"{alias}={version}" for alias, version in sorted(found.aliases.items())),
        "protected": ", ".join(f"{alias} ({', '.join(names)})" for alias, names in found.protected_aliases.items()),
        "tags": pairs(found.tags),
    }
    typer.echo("\n".join(f"{field:<9}  {printable(value)}" for field, value in fields.items() if value))
    if found.description:
        typer.echo("\n" + "\n".join(map(printable, found.description.splitlines())))
    rows = table("VERSION", "STAGE", "ALIASES", "CREATED", "USER", "DESCRIPTION", right=("VERSION",))
    for one in found.versions(limit=10):
        cells = (str(one.version), one.stage.value.lower(), ", ".join(one.aliases), when(one.create_time), one.user)
        add_row(rows, (*cells, first_line(one.description)))
    if rows.row_count:
        typer.echo("")
        print_table(rows, "")


@app.command()
def create(
    ctx: typer.Context, name: Name, description: Description = None, tag: Tags = None, as_json: AsJson = False
) -> None:
    """Create a registered model without versions."""
    made = connect(ctx).registered_models.create(name, description=description or "", tags=tags_of(tag))
    print_json(made.proto) if as_json else typer.echo(f"Created registered model {printable(repr(name))}.")


@app.command()
def update(
    ctx: typer.Context,
    name: Name,
    description: Description = None,
    tag: Tags = None,
    untag: Untag = None,
    as_json: AsJson = False,
) -> None:
    """Change description or tags of a registered model. What is not given stays."""
    tags = tags_of(tag)
    if description is None and not tags and not untag:
        raise typer.BadParameter("give what to change: --description, --tag or --untag.")
    found = connect(ctx).registered_models.get(name)
    if description is not None:
        found.update(description=description)
    if tags or untag:
        found = connect(ctx).registered_models.update_tags(name, set=tags, delete=untag or ())
    print_json(found.proto) if as_json else typer.echo(f"Changed registered model {printable(repr(name))}.")


@app.command()
def rename(
    ctx: typer.Context,
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its new name.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Rename a registered model. Whoever refers to it by the old name finds nothing."""
    client = connect(ctx)
    found = client.registered_models.get(name)
    confirm("Rename", [f"registered model {name!r}, with {count(found.version_count, 'version')}"], yes=yes)
    found.rename(new_name)
    said = f"Renamed registered model {printable(repr(name))} to {printable(repr(new_name))}."
    print_json(found.proto) if as_json else typer.echo(said)


@app.command()
def delete(ctx: typer.Context, name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a registered model for good, with its versions and aliases. The files stay with their runs."""
    client = connect(ctx)
    found = client.registered_models.get(name)
    aliases = f" and the aliases {', '.join(sorted(found.aliases))}" if found.aliases else ""
    versions = count(found.version_count, "version")
    confirm("Delete for good", [f"registered model {name!r}, with {versions}{aliases}"], yes=yes)
    found.delete()
    print_json(found.proto) if as_json else typer.echo(f"Deleted registered model {printable(repr(name))}.")
