"""`milepost artifacts`."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from milepost.cli._failures import Refusal
from milepost.cli._output import add_row, print_json, print_resources, print_table, table
from milepost.cli._progress import transfer
from milepost.cli._session import AsJson, DryRun, RunId, Yes, confirm, connect, group
from milepost.cli._text import count, printable, size, when

app = group("List, get, put and remove the files of runs.")

OptionalPath = Annotated[str, typer.Argument(metavar="PATH", help="Artifact or directory. Default: all.")]


@app.command()
def ls(
    ctx: typer.Context,
    run_id: RunId,
    path: OptionalPath = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="All files below, and no directories.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the artifacts of a run."""
    found = list(connect(ctx).artifacts.list(run_id, path, recursive=recursive))
    if as_json:
        print_resources("artifacts", found)
        return
    rows = table("SIZE", "CHANGED", "PATH", right=("SIZE",), whole=("SIZE", "CHANGED"))
    for one in found:
        changed = when(one.update_time.ToDatetime().astimezone()) if one.HasField("update_time") else ""
        add_row(rows, (size(one.size), changed, one.path + ("/" if one.directory else "")))
    print_table(rows, "No artifacts.")


@app.command()
def get(
    ctx: typer.Context,
    run_id: RunId,
    path: OptionalPath = "",
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DESTINATION",
            help="File or directory; a directory gets what is in a directory. - for standard output.",
        ),
    ] = ".",
    as_json: AsJson = False,
) -> None:
    """Download an artifact, or all of a directory or run.

    A file appears when it is complete and its SHA-256 is right.
    """
    client = connect(ctx)
    artifacts = client.artifacts
    if destination == "-":
        if as_json:
            raise typer.BadParameter("--json and - both want standard output.")
        for data in artifacts.stream(run_id, path):
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with transfer(client, PurePosixPath(path).name or run_id) as progress:
        written = artifacts.download(run_id, path, destination, progress=progress)
    if as_json:
        print_json({"path": str(written), "directory": written.is_dir()})
    else:
        typer.echo(f"Wrote {printable(str(written))}.")


@app.command()
def put(
    ctx: typer.Context,
    run_id: RunId,
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="File or directory; - for standard input.", allow_dash=True)
    ],
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="Path of the artifact or its directory. Default: the name of SOURCE."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file, or all files below a directory. Each replaces what was at its path."""
    client = connect(ctx)
    artifacts = client.artifacts
    client.runs.get(run_id)  # also opens the one connection that all files share, and that Ctrl-C closes
    with transfer(client, source.name) as progress:
        if str(source) == "-":
            if not path:
                raise typer.BadParameter(
                    "standard input has no name. Give the path of the artifact.", param_hint="PATH"
                )
            stored = [artifacts.upload_bytes(run_id, sys.stdin.buffer.read(), path, progress=progress)]
        else:
            stored = artifacts.upload(run_id, source, path, progress=progress)
    if as_json:
        print_resources("artifacts", stored)
        return
    for one in stored:
        typer.echo(f"{one.sha256[:12]}  {size(one.size):>10}  {printable(one.path)}")


@app.command()
def rm(
    ctx: typer.Context,
    run_id: RunId,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Artifacts or directories.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove artifacts for good."""
    artifacts = connect(ctx).artifacts
    described = []
    for path in paths:
        files = list(artifacts.list(run_id, path, recursive=True))
        if not files:
            raise Refusal("ARTIFACT_NOT_FOUND", f"run {run_id} has no artifact {path!r}.")
        described.append(f"{path}: {count(len(files), 'file')}, {size(sum(file.size for file in files))}")
    confirm(f"Remove for good from run {run_id}", described, yes=yes)
    removed = sum(artifacts.delete(run_id, path) for path in paths)
    if as_json:
        print_json({"runId": run_id, "paths": paths, "deletedFiles": removed})
    else:
        typer.echo(f"Removed {count(removed, 'file')}.")


@app.command("purge-orphans")
def purge_orphans(ctx: typer.Context, yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Remove files that belong to no artifact of any run.

    Looks at all folders of runs below the artifact root, which must be Milepost's own, and leaves alone what is younger
    than a day.
    """
    from milepost.cli import _purge

    _purge.purge_orphans(connect(ctx), dry_run, yes, as_json)
