"""Arguments that commands about models share."""

from __future__ import annotations

from typing import Annotated

import typer

from milepost.cli import _complete as complete

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model's folder, or a URI such as models:/name@champion.",
        autocompletion=complete.model_uris,
    ),
]
