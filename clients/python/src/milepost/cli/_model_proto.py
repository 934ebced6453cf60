"""`milepost models proto`: the typed contract of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from milepost.cli._model_options import Model
from milepost.cli._output import note, print_json
from milepost.cli._session import AsJson
from milepost.cli._text import printable


def proto(
    ctx: typer.Context,
    model: Model,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The .proto to write. Default: print it.")
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="NAME", help="What the model is served as. Default: as milepost serve names it."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write a model's typed contract: a .proto with its own messages, which model servers answer.

    Made from the signature; a version with another signature has another contract.
    """
    made = contract(ctx, model, name)
    if output is not None:
        output.write_text(made["proto"], encoding="utf-8")
    if as_json:
        print_json({**made, "path": None if output is None else str(output)})
    elif output is None:
        typer.echo(made["proto"], nl=False)
    else:
        note(f"Wrote the contract of {made['service']} to {printable(str(output))}.")


def contract(ctx: typer.Context, model: str, name: str) -> dict[str, Any]:
    """The contract, with the full name of its service.

    Raises:
        ModelFormatError: The model has none.
        MilepostError: There is no such model.
    """
    from milepost.cli._model_sources import folder_of
    from milepost.models.contracts import contract_file, render
    from milepost.models.format.descriptor import ModelDescriptor
    from milepost.models.registry.uri import default_name, parse_uri

    name = name or default_name(parse_uri(model))
    if not name:
        raise typer.BadParameter("the model has no name of its own; say what it is served as", param_hint="--name")
    file = contract_file(name, ModelDescriptor.read(folder_of(ctx, model)).signature)
    return {"service": f"{file.package}.{file.service[0].name}", "proto": render(file)}
