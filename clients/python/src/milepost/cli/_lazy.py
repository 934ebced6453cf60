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

from milepost.cli._failures import Refusal, reported

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
    "metrics": _own("metrics", "Print, plot and export the points of metrics."),
    "artifacts": _own("artifacts", "List, get, put and remove the files of runs."),
    "models": _own("models", "Look at saved models, check them, and ask them."),
    "registry": _own("registry", "Look after registered models: versions, aliases, events, webhooks."),
    "serving": _own("serving", "Look after a model server, and ask it."),
    "import": _own("imports", "Bring in the history of another tracking system."),
    "export": _own("exports", "Take everything to another tracking system."),
    "sync": _own("sync", "Send what was logged while its server was away.", "sync"),
    "doctor": _own("doctor", "Check this machine and the way to the server.", "doctor"),
}
# Of the distribution `milepost`, whose entry points say no more than their names.
_OF_THE_SERVER = {
    "server": "Run the server.",
    "db": "Look after the server's database.",
    "demo": "Train a few models, and look at what was tracked.",
}


def commands() -> dict[str, Lazy]:
    """All commands by name: our own, the server's, then any others. Nothing is imported."""
    added = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    names = [*filter(added.__contains__, _OF_THE_SERVER), *sorted(added.keys() - _OF_THE_SERVER.keys())]
    found = dict(_OWN)
    for name in names:
        found.setdefault(name, Lazy(added[name].load, _OF_THE_SERVER.get(name, f"Added by {added[name].value}.")))
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
        name = args[0]
        lazy = self._lazy.pop(name, None)
        if lazy is not None:
            self.add_command(_built(name, lazy.load()), name)
        elif name in _OF_THE_SERVER and name not in self.commands and not ctx.resilient_parsing:
            raise Refusal(
                "MISSING_PACKAGE", f"`milepost {name}` comes with the server. Install it with: pip install milepost"
            )
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
