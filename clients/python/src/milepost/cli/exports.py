"""`milepost export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli._session import AsJson, OfExperiments, connect, group

if TYPE_CHECKING:
    from milepost.migration.mlflow.exporting import ExportTarget
    from milepost.migration.report import Problems

app = group("Take everything to another tracking system.")


@app.callback()
def _group() -> None:
    """Take everything to another tracking system."""


@app.command()
def mlflow(
    ctx: typer.Context,
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DEST",
            help="A server of MLflow (http://…), or a new folder, which gets MLflow's file format, ids and times.",
        ),
    ],
    experiments: OfExperiments = None,
    include_deleted: Annotated[
        bool, typer.Option("--include-deleted/--no-include-deleted", help="Whether to export what is deleted here.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Export to MLflow: experiments, runs with all points, datasets, models, the registry and artifacts.

    An export that broke off is simply begun again. Exits with 1 when MLflow has no place for something.
    """
    from milepost.cli._migration import export_bar, print_export
    from milepost.cli._session import find_experiments
    from milepost.migration.mlflow.exporting import Exporter
    from milepost.migration.report import Problems
    from milepost.migration.source import Choice

    problems = Problems()
    client = connect(ctx)
    names = tuple(one.name for one in find_experiments(client, experiments or ()))
    target = _target(destination, problems)
    with export_bar() as watcher:
        counts = Exporter(client, target, Choice(names, include_deleted), problems, watcher).run()
    print_export(target.location, counts, problems, as_json)


def _target(destination: str, problems: Problems) -> ExportTarget:
    from milepost._frames import load

    load("numpy", "import")
    load("yaml", "import")
    from milepost.migration.mlflow.locations import scheme_of

    if scheme_of(destination) in ("http", "https"):
        from milepost.migration.mlflow.server_target import ServerTarget

        return ServerTarget(destination, problems)
    from milepost.migration.mlflow.folder_target import FolderTarget

    return FolderTarget(Path(destination), problems)
