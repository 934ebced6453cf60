"""The entry point of the `milepost` command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from milepost._version import __version__
from milepost.cli._lazy import LazyGroup
from milepost.config import DEFAULT_ADDRESS, parse_address

app = typer.Typer(
    name="milepost",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Track machine-learning runs, and find them again.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 bad usage, 130 interrupted.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"milepost {__version__}")
        raise typer.Exit


def _address(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return parse_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.callback()
def options(
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            "-s",
            metavar="ADDRESS",
            envvar="MILEPOST_TRACKING_URI",
            callback=_address,
            help=f"gRPC address of the server, host:port. Default: {DEFAULT_ADDRESS}.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Track machine-learning runs, and find them again."""


def run() -> None:
    """Runs the command on `sys.argv` and exits."""
    try:
        app(prog_name="milepost")
    except KeyboardInterrupt:  # before the command began, or while it ended
        sys.exit(130)


if __name__ == "__main__":
    run()
