"""`milepost runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli._complete import run_ids as run_ids_completed
from milepost.cli._output import note, print_json, print_resources
from milepost.cli._session import (
    AlsoDeleted,
    AsJson,
    DryRun,
    Filter,
    Limit,
    OfExperiments,
    OnlyDeleted,
    OrderBy,
    RunId,
    RunIds,
    Yes,
    confirm,
    connect,
    experiment_ids,
    group,
    view_of,
)
from milepost.cli._text import printable

if TYPE_CHECKING:
    from milepost.client import Client, Run

app = group("Find, compare, export and remove runs.")


@app.command("list")
@app.command()
def search(
    ctx: typer.Context,
    experiment: OfExperiments = None,
    filter: Filter = "",
    order_by: OrderBy = "",
    limit: Limit = 50,
    columns: Annotated[
        str,
        typer.Option("--columns", "-c", metavar="COLUMNS", help="Such as run_id,metrics.loss.min,params.lr,tags.team."),
    ] = "",
    deleted: OnlyDeleted = False,
    all: AlsoDeleted = False,
    as_json: AsJson = False,
) -> None:
    """Find runs, the latest first unless ordered otherwise."""
    from milepost.cli._run_table import checked_columns, print_runs

    chosen = checked_columns(columns)
    client = connect(ctx)
    found = list(
        client.runs.list(
            experiment_ids(client, experiment),
            filter=filter,
            order_by=order_by,
            view=view_of(deleted, all),
            limit=limit + 1 if limit else None,
        )
    )
    shown = found[: limit or None]
    if as_json:
        print_resources("runs", (run.proto for run in shown))
    else:
        print_runs(client, shown, chosen, query=f"{filter} {order_by}")
    if len(found) > len(shown):
        note(f"There are more than these {limit}. Show all with --limit 0.")


@app.command("group")
def group_(
    ctx: typer.Context,
    by: Annotated[
        list[str], typer.Option("--by", metavar="NAME", help="Param, tag or attribute to group by. Repeatable.")
    ],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", metavar="METRIC", help="Metric to aggregate. Repeatable.")
    ] = None,
    experiment: OfExperiments = None,
    filter: Filter = "",
    order_by: Annotated[
        str, typer.Option("--order-by", help="runs, or an aggregate such as 'mean(metrics.acc) DESC'.")
    ] = "",
    limit: Limit = 50,
    deleted: OnlyDeleted = False,
    all: AlsoDeleted = False,
    as_json: AsJson = False,
) -> None:
    """Group runs, and aggregate metrics over each group.

    For example: --by params.lr --metric metrics.acc.max.
    """
    from milepost.cli._group_table import print_groups

    client = connect(ctx)
    found = client.runs.group(
        by,
        experiment_ids(client, experiment),
        metrics=metric or (),
        filter=filter,
        order_by=order_by,
        view=view_of(deleted, all),
        limit=limit or None,
    )
    if as_json:
        print_resources("groups", found)
    else:
        print_groups(list(found), by, metric or [])


@app.command()
def show(ctx: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """Show one run.

    Prints attributes, params, metrics, tags, inputs, and the first level of artifacts.
    """
    from milepost.cli._run_page import print_run

    client = connect(ctx)
    run = client.runs.get(run_id)
    if as_json:
        print_json(run.proto)
    else:
        print_run(client, run)


@app.command()
def watch(ctx: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """Follow a run until it ends.

    Prints a line with its state and the latest values of metrics each time that they change. With --json, each line is
    a JSON document.
    """
    from milepost.cli._watch import follow_run

    follow_run(connect(ctx), run_id, as_json=as_json)


@app.command()
def compare(
    ctx: typer.Context,
    run_ids: RunIds,
    diff: Annotated[bool, typer.Option("--diff", help="Only what differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put runs side by side.

    Prints attributes, params and the last values of metrics. What differs is marked with `*`.
    """
    from milepost.cli._compare import print_comparison

    if len(run_ids) < 2:
        raise typer.BadParameter("give two or more runs to compare.", param_hint="RUN")
    client = connect(ctx)
    print_comparison(client, _found(client, run_ids), only_different=diff, as_json=as_json)


@app.command()
def export(
    ctx: typer.Context,
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="File to write; - for standard output.")],
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="csv, json or parquet. Default: by the suffix of OUTPUT."),
    ] = None,
    experiment: OfExperiments = None,
    filter: Filter = "",
    order_by: OrderBy = "",
    limit: Limit = 0,
    deleted: OnlyDeleted = False,
    all: AlsoDeleted = False,
    as_json: AsJson = False,
) -> None:
    """Write runs to a file.

    One row for each run: attributes, metrics.KEY (last value), params.KEY and tags.KEY. Times are in UTC.
    """
    from milepost.cli._export import check_packages, format_of, write

    kind = format_of(output, format)
    check_packages(kind)
    if as_json and output == "-":
        raise typer.BadParameter("--json says on standard output what was written; with OUTPUT - give --format json.")
    client = connect(ctx)
    found = client.runs.list(
        experiment_ids(client, experiment),
        filter=filter,
        order_by=order_by,
        view=view_of(deleted, all),
        page_size=1000,
        limit=limit or None,
    )
    rows = write(found, output, kind)
    if as_json:
        print_json({"path": output, "format": kind, "runs": rows})
    elif output != "-":
        typer.echo(f"Wrote {rows:,} runs to {printable(output)}.")


@app.command()
def delete(ctx: typer.Context, run_ids: RunIds, yes: Yes = False, as_json: AsJson = False) -> None:
    """Mark runs as deleted. `restore` takes it back."""
    client = connect(ctx)
    found = _found(client, run_ids)
    if len(found) > 1:
        confirm("Delete", [_titled(run) for run in found], yes=yes)
    for run in found:
        run.delete()
    _say(found, "Deleted", as_json)


@app.command()
def restore(ctx: typer.Context, run_ids: RunIds, as_json: AsJson = False) -> None:
    """Take `delete` back."""
    found = _found(connect(ctx), run_ids)
    for run in found:
        run.restore()
    _say(found, "Restored", as_json)


@app.command()
def purge(
    ctx: typer.Context,
    run_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids of runs.", autocompletion=run_ids_completed)
    ] = None,
    experiment: OfExperiments = None,
    filter: Filter = "",
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only runs deleted longer ago: 90m, 12h, 30d, 8w.")
    ] = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove deleted runs for good.

    Their metrics and artifacts go too. Give ids, or choose by --experiment, --filter and --older-than.
    """
    from milepost.cli._purge import purge_each, purge_matching

    if bool(run_ids) == bool(experiment or filter or older_than):
        raise typer.BadParameter("give ids of runs, or --experiment, --filter or --older-than to choose them.")
    client = connect(ctx)
    if not run_ids:
        purge_matching(client, experiment_ids(client, experiment), filter, older_than, dry_run, yes, as_json)
        return
    found = _found(client, run_ids)
    ids = [run.run_id for run in found]
    purge_each("run", ids, [_titled(run) for run in found], client.runs.purge, dry_run, yes, as_json)


def _found(client: Client, run_ids: list[str]) -> list[Run]:
    """The runs, each once. Raises `RunNotFound` when one does not exist, before anything is done to the others."""
    return client.runs.batch_get(list(dict.fromkeys(run_ids)))


def _titled(run: Run) -> str:
    return f"run {run.run_id} ({run.name!r})"


def _say(runs: list[Run], done: str, as_json: bool) -> None:
    if as_json:
        print_resources("runs", (run.proto for run in runs))
        return
    for run in runs:
        typer.echo(f"{done} {printable(_titled(run))}.")
