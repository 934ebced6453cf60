"""`milepost models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from milepost.cli._model_cache import app as cache
from milepost.cli._model_images import build_docker, dockerfile
from milepost.cli._model_options import Model
from milepost.cli._model_proto import proto
from milepost.cli._output import note, print_json
from milepost.cli._session import AsJson, group
from milepost.cli._text import count, printable

app = group("Look at saved models, check them, and ask them.")
app.add_typer(cache, name="cache")
app.command()(dockerfile)
app.command("build-docker")(build_docker)
app.command()(proto)

Trust = Annotated[bool, typer.Option("--trust", help="Let code that comes with the model run.")]
Manager = Annotated[
    str, typer.Option("--env", metavar="WHERE", help="local (this environment), or one of its own: uv or virtualenv.")
]
Seconds = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Most that it may take.")]


@app.command()
def inspect(ctx: typer.Context, model: Model, as_json: AsJson = False) -> None:
    """Show what a model says about itself.

    Prints flavors, signature, size, digest, requirements, and what of it would run code. Loads nothing.
    """
    from milepost.cli._model_page import page, print_page
    from milepost.cli._model_sources import folder_of
    from milepost.models.format.descriptor import ModelDescriptor

    folder = folder_of(ctx, model)
    found = page(folder)
    if as_json:
        print_json(found)
    else:
        print_page(found, ModelDescriptor.read(folder).signature)


@app.command()
def validate(
    ctx: typer.Context,
    model: Model,
    predict: Annotated[bool, typer.Option("--predict", help="Also load it, and let it answer its example.")] = False,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Check a model. Exits with 1 when a check fails.

    Compares all files with the manifest and reads descriptor and environment; with --predict also loads the model.
    """
    from milepost.cli._model_checks import checks, print_check
    from milepost.cli._model_sources import folder_of

    found = []
    for check in checks(folder_of(ctx, model), predict=predict, trust=trust):
        found.append(check)
        if not as_json:
            print_check(check)
    valid = all(check.status != "fail" for check in found)
    if as_json:
        print_json({"valid": valid, "checks": [check.as_dict() for check in found]})
    if not valid:
        raise typer.Exit(1)


@app.command()
def predict(
    ctx: typer.Context,
    model: Model,
    data: Annotated[
        Path, typer.Option("--input", "-i", metavar="FILE", help="The rows: a file .csv, .json, .jsonl or .parquet.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="For the answers: .csv, .json, .jsonl or .parquet. Default: print JSON.",
        ),
    ] = None,
    where: Manager = "local",
    params: Annotated[str, typer.Option("--params", metavar="JSON", help="Params of the model, an object.")] = "{}",
    rows: Annotated[
        int, typer.Option("--batch-rows", metavar="ROWS", min=1, help="Most rows that the model is asked at once.")
    ] = 10_000,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="COLUMN", help="Write this column of the rows beside the answers; repeatable."),
    ] = None,
    trust: Trust = False,
    timeout_s: Seconds = 3600.0,
    as_json: AsJson = False,
) -> None:
    """Ask a model the rows of a file, which may be larger than the memory.

    With --env uv or virtualenv, in an environment built from the model's own requirements and kept for the next time.
    A .json document, an object with one of dataframe_split, dataframe_records, instances or inputs and perhaps params,
    is asked at once; .jsonl has a row in each line.
    """
    from milepost.cli._model_predict import params_of, predict_file
    from milepost.cli._model_sources import folder_of
    from milepost.models.batch.predicting import Asking

    if as_json and output is None:
        raise typer.BadParameter("--json says on standard output what was written; give --output.")
    asking = Asking(params_of(params), rows, tuple(keep or ()))
    written = predict_file(folder_of(ctx, model), data, output, where, asking, trust=trust, timeout_s=timeout_s)
    if as_json:
        print_json(written)
    elif output is not None:
        note(f"Wrote the answers to {count(written['rows'], 'row')} to {printable(str(output))}.")


@app.command()
def download(
    ctx: typer.Context,
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to make.")],
    as_json: AsJson = False,
) -> None:
    """Copy a model into a new folder, verified."""
    from milepost.cli._model_sources import copied, folder_of

    files = copied(folder_of(ctx, model), output)
    if as_json:
        print_json({"path": str(output), "files": files})
    else:
        typer.echo(f"Wrote {count(files, 'file')} to {printable(str(output))}.")


@app.command("update-requirements")
def update_requirements(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A model's folder.")],
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="LINE", help="Such as 'scipy==1.16.2'. Repeatable.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help="Distribution to leave out. Repeatable.")
    ] = None,
    infer: Annotated[
        bool, typer.Option("--infer", help="Begin with what loading and predicting import here, not what is there.")
    ] = False,
    lock: Annotated[bool, typer.Option("--lock", help="Also write requirements.lock. Needs uv and the index.")] = False,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Change what a model says it needs.

    Rewrites its environment files, descriptor and manifest: all or none. A line that is added takes the place of those
    of the same distribution. A lock that is not written anew is removed.
    """
    from milepost.cli._model_environment import print_environment, warnings_as_notes
    from milepost.models.environments import updating

    if not (add or remove or infer or lock):
        raise typer.BadParameter("say what to change by --add, --remove, --infer or --lock.")
    with warnings_as_notes():
        made = updating.update_requirements(
            folder, add=add or (), remove=remove or (), infer=infer, trust=trust, lock=lock
        )
    print_environment(made, as_json=as_json)


@app.command()
def env(
    ctx: typer.Context,
    model: Model,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Copy the environment files there.")
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Build the environment, and say how to activate it.")
    ] = False,
    where: Annotated[
        str | None, typer.Option("--env", metavar="TOOL", help="uv or virtualenv. Default: uv if it is installed.")
    ] = None,
    trust: Trust = False,
    timeout_s: Seconds = 1800.0,
    as_json: AsJson = False,
) -> None:
    """Show what a model needs to run, or make it.

    Without --trust, only wheels of your package index are installed.
    """
    from milepost.cli._model_environment import copy_files, create_environment, print_environment
    from milepost.cli._model_sources import folder_of
    from milepost.models.environments.environment import read_environment

    folder = folder_of(ctx, model)
    if create:
        create_environment(folder, where, trust=trust, timeout_s=timeout_s, as_json=as_json)
    elif output is not None:
        copy_files(folder, output, as_json=as_json)
    else:
        print_environment(read_environment(folder), as_json=as_json)


@app.command()
def flavors(as_json: AsJson = False) -> None:
    """List the libraries whose models can be saved."""
    from milepost.cli._model_flavors import known_flavors, print_flavors

    found = known_flavors()
    if as_json:
        print_json({"flavors": found})
    else:
        print_flavors(found)
