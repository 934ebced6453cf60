"""A group whose commands are imported when they are used: `milepost runs list` imports nothing of the server.

The listing of commands comes from a table of this file for our own, and from the entry points of the group
`milepost.commands` for those that other distributions add.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from milepost.cli._failures import reported

ENTRY_POINTS = "milepost.commands"


@dataclass(frozen=True)
class Lazy:
    """A command that is not imported yet.

    Args:
        load: Imports it: a `typer.Typer`, or a function to make a command of.
        help: One line for the listing.
    """

    load: Callable[[], Any]
    help: str


def _own(module: str, help: str, attribute: str = "app") -> Lazy:
    return Lazy(lambda: getattr(importlib.import_module(f"milepost.cli.{module}"), attribute), help)


_OWN = {
    "experiments": _own("experiments", "Create, find, change and remove experiments."),
    "runs": _own("runs", "Find, compare, export and remove runs."),
    "metrics": _own("metrics", "Print and plot the points of metrics."),
    "artifacts": _own("artifacts", "List, get, put and remove the files of runs."),
    "doctor": _own("doctor", "Check this machine and the way to the server.", "doctor"),
}
_KNOWN_HELP = {
    "server": "Run the server.",
    "db": "Look after the server's database.",
    "demo": "Train a few models, and look at what was tracked.",
}


def commands() -> dict[str, Lazy]:
    """All commands by name: our own, then the added ones. Nothing is imported."""
    found = dict(_OWN)
    for entry in sorted(
        entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name not in _KNOWN_HELP, entry.name)
    ):
        distribution = entry.dist.name if entry.dist else entry.value
        found.setdefault(entry.name, Lazy(entry.load, _KNOWN_HELP.get(entry.name, f"Added by {distribution}.")))
    return found


class LazyGroup(TyperGroup):
    """The top of the command: lists all, imports the one that is called, and turns its errors into one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._lazy = commands()
        for name, lazy in self._lazy.items():
            self.add_command(TyperCommand(name, help=lazy.help, rich_markup_mode=None), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Imports the command that is called, or whose words the shell completes."""
        lazy = self._lazy.pop(args[0], None)
        if lazy is not None:
            self.add_command(_built(args[0], lazy.load()), args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        with reported(ctx.params.get("server")):
            return super().invoke(ctx)


def _built(name: str, target: Any) -> Any:
    """The command of a Typer app or a function; all look alike, whoever wrote them."""
    if isinstance(target, typer.Typer):
        target.rich_markup_mode = None
        command: Any = get_group(target)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(target)
        command = get_command(single)
    command.name = name
    return command
