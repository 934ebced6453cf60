"""`milepost serving`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from milepost.cli._output import note, print_json, print_resources
from milepost.cli._serving_session import Name, ServingGroup, Version, address_option, connect
from milepost.cli._session import AsJson, Limit
from milepost.cli._text import count, printable

app = typer.Typer(
    cls=ServingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Look after a model server, and ask it.",
)

Percent = Annotated[float, typer.Argument(metavar="PERCENT", min=0, max=100, help="Share of the traffic.")]
VersionOrNone = Annotated[int, typer.Argument(metavar="VERSION", min=0, help="Number of the version; 0 to end it.")]


@app.callback()
def options(
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            "-s",
            metavar="ADDRESS",
            callback=address_option,
            help="gRPC address of the model server. Default: MILEPOST_SERVING_URI, else 127.0.0.1:8081.",
        ),
    ] = None,
) -> None:
    """Look after a model server, and ask it."""


@app.command("list")
def list_(ctx: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the served models."""
    from milepost.cli._registry_options import tell_more
    from milepost.cli._serving_tables import print_models

    found = list(connect(ctx).list(limit=limit + 1 if limit else None))
    shown = found[: limit or None]
    print_resources("servedModels", shown) if as_json else print_models(shown)
    tell_more(len(found), limit)


@app.command()
def get(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one served model with its versions."""
    from milepost.cli._serving_tables import print_model

    found = connect(ctx).get(name)
    print_json(found) if as_json else print_model(found)


@app.command()
def load(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="models:/NAME@ALIAS, models:/NAME/NUMBER or models:/m-ID.")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What callers call it. Default: the registered model's name.")
    ] = "",
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", min=1, help="Number of processes.")] = None,
    max_batch_rows: Annotated[
        int | None,
        typer.Option("--max-batch-rows", metavar="N", min=1, help="Most rows predicted together; 1 to join none."),
    ] = None,
    where: Annotated[
        str, typer.Option("--env", metavar="WHERE", help="local (the server's environment), uv or virtualenv.")
    ] = "",
    device: Annotated[int | None, typer.Option("--device", metavar="INDEX", min=0, help="GPU that it sees.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a model of the registry; one that is served is loaded anew. What is not given is as the server has it."""
    from milepost.cli._serving_tables import say_live

    if where not in ("", "local", "uv", "virtualenv"):
        raise typer.BadParameter(f"{where!r} is none of local, uv and virtualenv.", param_hint="--env")
    server = connect(ctx)
    loaded = server.load(
        source,
        name=name,
        workers=workers,
        max_batch_rows=max_batch_rows,
        environment=where,  # type: ignore[arg-type]  # compared above
        device=device,
    )
    say_live(loaded, as_json=as_json)


@app.command()
def unload(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """End serving of a model. What was asked before is answered."""
    connect(ctx).unload(name)
    print_json({"unloaded": name}) if as_json else typer.echo(f"Unloaded {printable(repr(name))}.")


@app.command("set-live")
def set_live(ctx: typer.Context, name: Name, version: Version, as_json: AsJson = False) -> None:
    """Give a version the traffic, and leave the alias alone until `follow`."""
    from milepost.cli._serving_tables import say_live

    say_live(connect(ctx).set_live(name, version), as_json=as_json)


@app.command("roll-back")
def roll_back(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Give the version the traffic that had it before, and leave the alias alone until `follow`."""
    from milepost.cli._serving_tables import say_live

    say_live(connect(ctx).roll_back(name), as_json=as_json)


@app.command()
def follow(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Follow the alias of the model's source again."""
    from milepost.cli._serving_tables import say_live

    say_live(connect(ctx).follow(name), as_json=as_json)


@app.command()
def canary(
    ctx: typer.Context, name: Name, version: VersionOrNone, percent: Percent = 0.0, as_json: AsJson = False
) -> None:
    """Send a share of the traffic to a version; version 0 ends that."""
    if version and not percent:
        raise typer.BadParameter("say which share of the traffic, such as 5.", param_hint="PERCENT")
    changed = connect(ctx).set_canary(name, version, percent)
    if as_json:
        print_json(changed)
    elif version:
        typer.echo(f"Version {version} of {printable(repr(name))} gets {percent:g}% of the traffic.")
    else:
        typer.echo(f"{printable(repr(name))} has no canary.")


@app.command()
def shadow(
    ctx: typer.Context, name: Name, version: VersionOrNone, percent: Percent = 100.0, as_json: AsJson = False
) -> None:
    """Ask a version a copy of the traffic, and compare; version 0 ends that. `get` shows what came of it."""
    changed = connect(ctx).set_shadow(name, version, percent)
    if as_json:
        print_json(changed)
    elif version:
        typer.echo(f"Version {version} of {printable(repr(name))} answers {percent:g}% of the traffic in the shadow.")
    else:
        typer.echo(f"{printable(repr(name))} has no shadow.")


@app.command()
def predict(
    ctx: typer.Context,
    name: Name,
    data: Annotated[
        Path, typer.Option("--input", "-i", metavar="FILE", help="The rows: a file .csv, .json, .jsonl or .parquet.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="For the answers, in one of these forms. Default: print JSON."
        ),
    ] = None,
    version: Annotated[
        int, typer.Option("--version", metavar="NUMBER", min=0, help="A version that is loaded. Default: the live one.")
    ] = 0,
    params: Annotated[str, typer.Option("--params", metavar="JSON", help="Params of the model, an object.")] = "{}",
    rows: Annotated[
        int, typer.Option("--batch-rows", metavar="ROWS", min=1, help="Most rows of one request.")
    ] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Ask a served model the rows of a file, which may be larger than the memory.

    A .json document, an object with one of dataframe_split, dataframe_records, instances or inputs and perhaps params,
    is asked at once; .jsonl has a row in each line.
    """
    from milepost.cli._serving_predict import predict_file

    if as_json and output is None:
        raise typer.BadParameter("--json says on standard output what was written; give --output.")
    asked = predict_file(connect(ctx), name, version, data, output, params, rows)
    if as_json:
        print_json({"path": str(output), "rows": asked})
    elif output is not None:
        note(f"Wrote the answers to {count(asked, 'row')} to {printable(str(output))}.")
