"""`milepost doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from milepost.cli._output import console, print_json
from milepost.cli._session import AsJson, connect
from milepost.cli._text import printable

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    ctx: typer.Context,
    http_url: Annotated[
        str | None,
        typer.Option(
            "--http-url",
            metavar="URL",
            envvar="MILEPOST_HTTP_URL",
            help="The server's HTTP address. Default: the port that the server says it has.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine, the server, and the way between them. Exits with 1 when a check fails."""
    from milepost.cli._checks import checks

    found = []
    for check in checks(connect(ctx), http_url):
        found.append(check)
        if not as_json:
            _print(check.name, check.status, check.detail)
    healthy = all(check.status != "fail" for check in found)
    if as_json:
        print_json({"healthy": healthy, "checks": [asdict(check) for check in found]})
    if not healthy:
        raise typer.Exit(1)


def _print(name: str, status: str, detail: str) -> None:
    from rich.text import Text

    line = Text.assemble((f"{status:<4}", _STYLES[status]), f"  {name:<8}  {printable(detail)}")
    console().print(line, soft_wrap=True)
