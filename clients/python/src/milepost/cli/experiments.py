"""`milepost experiments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli._output import add_row, note, print_json, print_resources, print_table, table
from milepost.cli._session import (
    AlsoDeleted,
    AsJson,
    DryRun,
    ExperimentRef,
    ExperimentRefs,
    Filter,
    Limit,
    OnlyDeleted,
    OrderBy,
    Yes,
    confirm,
    connect,
    find_experiment,
    find_experiments,
    group,
    tags_of,
    view_of,
)
from milepost.cli._text import first_line, pairs, printable, when

if TYPE_CHECKING:
    from milepost.client import Experiment

app = group("Create, find, change and remove experiments.")

Description = Annotated[str | None, typer.Option("--description", "-d", metavar="TEXT", help="Free text.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", metavar="KEY=VALUE", help="Set a tag; repeatable.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    filter: Filter = "",
    order_by: OrderBy = "",
    limit: Limit = 50,
    deleted: OnlyDeleted = False,
    all: AlsoDeleted = False,
    as_json: AsJson = False,
) -> None:
    """List experiments, the newest first."""
    wanted = limit + 1 if limit else None
    view = view_of(deleted, all)
    found = list(connect(ctx).experiments.list(filter=filter, order_by=order_by, view=view, limit=wanted))
    shown = found[: limit or None]
    if as_json:
        print_resources("experiments", (one.proto for one in shown))
    else:
        rows = table("ID", "NAME", "CREATED", "TAGS", "DESCRIPTION", right=("ID",), whole=("ID", "CREATED"))
        for one in shown:
            cells = (one.experiment_id, _marked(one), when(one.create_time), pairs(one.tags))
            add_row(rows, (*cells, first_line(one.description)), "dim" if one.deleted else "")
        print_table(rows, "No experiments.")
    if len(found) > len(shown):
        note(f"There are more than these {limit}. Show all with --limit 0.")


@app.command()
def show(ctx: typer.Context, experiment: ExperimentRef, as_json: AsJson = False) -> None:
    """Show one experiment."""
    client = connect(ctx)
    found = find_experiment(client, experiment)
    if as_json:
        print_json(found.proto)
        return
    latest = client.runs.list([found.experiment_id], fields=("start_time",), limit=1).first()
    fields = {
        "id": found.experiment_id,
        "name": _marked(found),
        "created": when(found.create_time),
        "changed": when(found.update_time),
        "latest run": when(latest.start_time) if latest else "none",
        "artifacts": found.artifact_root,
        "tags": pairs(found.tags),
    }
    width = max(map(len, fields))
    typer.echo("\n".join(f"{name:<{width}}  {printable(value)}".rstrip() for name, value in fields.items() if value))
    if found.description:
        typer.echo("\n" + "\n".join(map(printable, found.description.splitlines())))


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Unique name.")],
    description: Description = None,
    tag: Tags = None,
    as_json: AsJson = False,
) -> None:
    """Create an experiment."""
    tags = tags_of(tag)
    made = connect(ctx).experiments.create(name, description=description or "", tags=tags)
    _say(made, "Created", as_json)


@app.command()
def update(
    ctx: typer.Context,
    experiment: ExperimentRef,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="New name.")] = None,
    description: Description = None,
    tag: Tags = None,
    untag: Annotated[list[str] | None, typer.Option("--untag", metavar="KEY", help="Remove a tag; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change name, description or tags of an experiment. What is not given stays."""
    tags = tags_of(tag)
    if name is None and description is None and not tags and not untag:
        raise typer.BadParameter("give what to change: --name, --description, --tag or --untag.")
    client = connect(ctx)
    found = find_experiment(client, experiment)
    if name is not None or description is not None:
        found = client.experiments.update(found.experiment_id, name=name, description=description)
    if tags or untag:
        found = client.experiments.update_tags(found.experiment_id, set=tags, delete=untag or ())
    _say(found, "Changed", as_json)


@app.command()
def delete(ctx: typer.Context, experiments: ExperimentRefs, yes: Yes = False, as_json: AsJson = False) -> None:
    """Mark experiments and their runs as deleted. `restore` takes it back; the names stay taken."""
    client = connect(ctx)
    found = find_experiments(client, experiments)
    if len(found) > 1:
        confirm("Delete", [_titled(one) for one in found], yes=yes)
    for one in found:
        one.delete()
    _say_all(found, "Deleted", as_json)


@app.command()
def restore(ctx: typer.Context, experiments: ExperimentRefs, as_json: AsJson = False) -> None:
    """Take `delete` back, for the runs that it took too."""
    client = connect(ctx)
    found = find_experiments(client, experiments)
    for one in found:
        one.restore()
    _say_all(found, "Restored", as_json)


@app.command()
def purge(
    ctx: typer.Context, experiments: ExperimentRefs, yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Remove deleted experiments for good, with their runs, metrics and artifacts. Frees their names."""
    from milepost.cli._purge import purge_each

    client = connect(ctx)
    found = find_experiments(client, experiments)
    ids = [one.experiment_id for one in found]
    purge_each("experiment", ids, [_titled(one) for one in found], client.experiments.purge, dry_run, yes, as_json)


def _marked(one: Experiment) -> str:
    return f"{one.name} (deleted)" if one.deleted else one.name


def _titled(one: Experiment) -> str:
    return f"experiment {one.name!r} (id {one.experiment_id})"


def _say(one: Experiment, done: str, as_json: bool) -> None:
    if as_json:
        print_json(one.proto)
    else:
        typer.echo(f"{done} {printable(_titled(one))}.")


def _say_all(found: list[Experiment], done: str, as_json: bool) -> None:
    if as_json:
        print_resources("experiments", (one.proto for one in found))
        return
    for one in found:
        _say(one, done, as_json)
