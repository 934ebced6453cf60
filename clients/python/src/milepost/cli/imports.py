"""`milepost import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli._failures import Refusal
from milepost.cli._session import AsJson, connect, group

if TYPE_CHECKING:
    from milepost.migration.source import Source

app = group("Bring in the history of another tracking system.")

Experiments = Annotated[
    list[str] | None,
    typer.Option(
        "--experiment",
        "-e",
        metavar="NAME",
        help="Only this experiment of the source, without the registry; may be given several times.",
    ),
]
Deleted = Annotated[
    bool, typer.Option("--include-deleted/--no-include-deleted", help="Whether to import what is deleted there.")
]
OnlyRead = Annotated[bool, typer.Option("--dry-run", help="Read everything, say what there is, and write nothing.")]
Verify = Annotated[
    str,
    typer.Option(
        "--verify",
        metavar="HOW",
        help="sample: read everything again and compare, but points only of some runs. full: all points and the "
        "content of all artifacts. none.",
    ),
]


@app.callback()
def _group() -> None:
    """Bring in the history of another tracking system."""


@app.command()
def mlflow(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A server (http://…), a database (sqlite:///mlflow.db, postgresql://…, mysql://…), a file of "
            "SQLite, or a folder mlruns.",
        ),
    ],
    experiments: Experiments = None,
    include_deleted: Deleted = True,
    artifacts: Annotated[
        str,
        typer.Option(
            "--artifacts",
            metavar="WHAT",
            help="auto: copy those on this machine or that a live server hands out, reference the others. copy: copy "
            "all. reference: copy none. skip.",
        ),
    ] = "auto",
    artifact_root: Annotated[
        str,
        typer.Option(
            "--artifact-root",
            metavar="PLACE",
            help="Path or URL of what MLflow's server hands out as mlflow-artifacts:/, such as ./mlartifacts.",
        ),
    ] = "",
    workspace: Annotated[
        str, typer.Option("--workspace", metavar="NAME", help="The workspace to import from a database that has them.")
    ] = "default",
    verify: Verify = "sample",
    dry_run: OnlyRead = False,
    as_json: AsJson = False,
) -> None:
    """Import from MLflow: experiments, runs with all points, datasets, models, the registry, webhooks and artifacts.

    Ids and times are kept. An import that broke off is simply begun again. Exits with 1 when something was left out or
    differs afterwards.
    """
    from milepost.migration.mlflow.locations import ArtifactMode, Locations

    check_choice("--artifacts", artifacts, [mode.value for mode in ArtifactMode])
    locations = Locations(ArtifactMode(artifacts), artifact_root)

    def open_source() -> Source:
        from milepost.migration.mlflow.opening import open_store
        from milepost.migration.mlflow.source import MlflowSource

        return MlflowSource(open_store(source, locations, workspace), locations.mode)

    from milepost.cli._migration import ImportOptions, run_import

    options = ImportOptions(experiments or (), include_deleted, verify, dry_run, as_json)
    run_import(lambda: connect(ctx), open_source, options)


@app.command()
def tensorboard(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The log directory, as TensorBoard is given it with --logdir.")
    ],
    experiment: Annotated[
        str,
        typer.Option(
            "--experiment",
            "-e",
            metavar="NAME",
            help="The experiment here that the runs go to, made if it is not there. Default: the name of DIR.",
        ),
    ] = "",
    verify: Verify = "sample",
    dry_run: OnlyRead = False,
    as_json: AsJson = False,
) -> None:
    """Import event files of TensorBoard: a run for each folder that has some, with scalars, texts and hyperparameters.

    Images, histograms and all else are counted and left out. An import that broke off is simply begun again. Exits with
    1 when something was left out or differs afterwards.
    """

    def open_source() -> Source:
        from milepost._frames import load

        load("tensorboardX", "import-tensorboard")
        load("google_crc32c", "import-tensorboard")
        from milepost.migration.tensorboard.source import TensorBoardSource

        return TensorBoardSource(directory, experiment)

    from milepost.cli._migration import ImportOptions, run_import

    run_import(lambda: connect(ctx), open_source, ImportOptions((), True, verify, dry_run, as_json))


def check_choice(option: str, given: str, allowed: list[str]) -> None:
    """Raises `Refusal` for a value that an option does not have."""
    if given not in allowed:
        raise Refusal("INVALID_VALUE", f"{option}: {given!r} is none of {', '.join(allowed)}.", exit_code=2)
