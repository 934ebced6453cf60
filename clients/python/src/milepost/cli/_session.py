"""What the commands share: the connection, the options that many take, and the question before something is deleted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli import _complete as complete
from milepost.cli._failures import Refusal

if TYPE_CHECKING:
    from milepost._requests import View
    from milepost.client import Client, Experiment

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=0, help="Most to show. 0 for all.")]
Filter = Annotated[
    str, typer.Option("--filter", "-f", metavar="FILTER", help="Such as 'metrics.loss < 0.2 AND params.depth >= 4'.")
]
OrderBy = Annotated[
    str, typer.Option("--order-by", "-o", metavar="ORDER", help="Such as 'metrics.loss.min ASC, start_time DESC'.")
]
OnlyDeleted = Annotated[bool, typer.Option("--deleted", help="Show deleted ones only.")]
AlsoDeleted = Annotated[bool, typer.Option("--all", "-a", help="Show deleted ones too.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.", autocompletion=complete.run_ids)]
RunIds = Annotated[list[str], typer.Argument(metavar="RUN", help="Ids of runs.", autocompletion=complete.run_ids)]
ExperimentRef = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="Name or id.", autocompletion=complete.experiment_names)
]
ExperimentRefs = Annotated[
    list[str], typer.Argument(metavar="EXPERIMENT", help="Names or ids.", autocompletion=complete.experiment_names)
]
OfExperiments = Annotated[
    list[str] | None,
    typer.Option(
        "--experiment",
        "-e",
        metavar="EXPERIMENT",
        help="Name or id of an experiment; may be given several times. Default: all.",
        autocompletion=complete.experiment_names,
    ),
]


def group(help: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help=help)


def connect(ctx: typer.Context) -> Client:
    """A client of the server that was asked for; it is closed when the command ends."""
    from milepost.client import Client

    client = Client(ctx.find_root().params.get("server"))
    ctx.call_on_close(client.close)
    return client


def view_of(only_deleted: bool, also_deleted: bool) -> View:
    """The client's name for what `--deleted` and `--all` ask for."""
    if also_deleted:
        return "all"
    return "deleted" if only_deleted else "active"


def find_experiment(client: Client, reference: str) -> Experiment:
    """The experiment of an id or a name; digits are an id first. Raises `ExperimentNotFound`."""
    from milepost.errors import ExperimentNotFound

    if reference.isdecimal() and len(reference) <= 18:
        try:
            return client.experiments.get(reference)
        except ExperimentNotFound:
            pass
    return client.experiments.get_by_name(reference)


def find_experiments(client: Client, references: Sequence[str]) -> list[Experiment]:
    """The experiments of ids or names, each once."""
    found = [find_experiment(client, reference) for reference in references]
    return list({one.experiment_id: one for one in found}.values())


def experiment_ids(client: Client, references: Sequence[str] | None) -> list[str]:
    """The ids of experiments given by name or id."""
    return [one.experiment_id for one in find_experiments(client, references or ())]


def tags_of(texts: Sequence[str] | None) -> dict[str, str]:
    """The tags of options `KEY=VALUE`."""
    tags = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{text!r} is no KEY=VALUE.", param_hint="--tag")
        tags[key] = value
    return tags


def confirm(action: str, things: Sequence[str], *, yes: bool) -> None:
    """Names what will go and asks, on standard error.

    Args:
        action: What happens, such as `Purge for good`.
        things: What it happens to.
        yes: Whether the answer is known.

    Raises:
        Refusal: There is nobody to ask.
        typer.Exit: The answer was no.
    """
    from milepost.cli._text import printable

    if yes:
        return
    if not sys.stdin.isatty():
        raise Refusal(
            "NOT_CONFIRMED",
            f"{action}: {', '.join(map(printable, things))}? There is no terminal to ask at. Repeat with --yes.",
            exit_code=2,
        )
    typer.echo(f"{action}:", err=True)
    for thing in things:
        typer.echo(f"  {printable(thing)}", err=True)
    if not typer.confirm("Go on?", err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)
