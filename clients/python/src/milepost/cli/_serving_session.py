"""What the commands of `milepost serving` share: the connection, arguments, and how a server that is away is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from milepost.cli._failures import Refusal
from milepost.config import get_serving_uri, parse_address

if TYPE_CHECKING:
    from milepost.serving import ModelServer


def _names(ctx: typer.Context, incomplete: str) -> list[str]:
    from milepost.cli._complete import TIMEOUT_S
    from milepost.errors import MilepostError
    from milepost.serving import ModelServer

    try:
        with ModelServer(_chosen(ctx)) as server:
            return [one.name for one in server.list(limit=100, timeout=TIMEOUT_S) if one.name.startswith(incomplete)]
    except (MilepostError, ValueError):  # a shell that completes is no place for errors
        return []


Name = Annotated[str, typer.Argument(metavar="NAME", help="A served model.", autocompletion=_names)]
Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Number of the version.")]


class ServingGroup(TyperGroup):
    """The group `serving`: says how to start a model server when none answers."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        from milepost.errors import UnavailableError

        source = ctx.find_root().get_parameter_source("server")
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter("names the tracking server. Put it behind `serving`.", param_hint="--server")
        try:
            return super().invoke(ctx)
        except UnavailableError as error:
            if error.reason:
                raise
            raise Refusal(
                "UNAVAILABLE",
                f"no model server answers at {_address(ctx)}. Start one with `milepost serve`, or name another with "
                f"`milepost serving --server` or MILEPOST_SERVING_URI. ({error})",
            ) from None


def address_option(text: str | None) -> str | None:
    """The address that was given. Raises `typer.BadParameter`."""
    try:
        return parse_address(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def connect(ctx: typer.Context) -> ModelServer:
    """A client of the model server that was asked for; it is closed when the command ends."""
    from milepost.serving import ModelServer

    server = ModelServer(_chosen(ctx))
    ctx.call_on_close(server.close)
    return server


def _address(ctx: Any) -> str:
    return ctx.params.get("server") or get_serving_uri()


def _chosen(ctx: typer.Context) -> str | None:
    group = ctx.parent
    return group.params.get("server") if group is not None else None
