"""Tables for people and JSON for programs, both on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import typer

from milepost.cli._text import printable

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from rich.console import Console
    from rich.table import Table

# Wide enough that nothing is ever wrapped or cut where no person's window sets the width.
_UNBOUNDED = 1_000_000


def message_dict(message: Message) -> dict[str, Any]:
    """A resource as JSON values: the standard JSON mapping of its proto."""
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = MessageToDict(message)
    return found


def print_json(value: Any) -> None:
    """Prints one document: a resource, or JSON values."""
    data = value if isinstance(value, (dict, list)) else message_dict(value)
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def print_resources(key: str, messages: Iterable[Message]) -> None:
    """Prints `{key: [...]}`; the key is there for an empty list too."""
    print_json({key: [message_dict(message) for message in messages]})


def console(file: TextIO | None = None) -> Console:
    """A console on standard output, or on `file`. Off a terminal: without colours, and never wrapping."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    target = sys.stdout if file is None else file
    made = Quiet(file=target, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _UNBOUNDED
    return made


def table(*columns: str, right: Sequence[str] = (), whole: Sequence[str] = ()) -> Table:
    """A table with these headings.

    Args:
        columns: Headings.
        right: Those with numbers.
        whole: Those whose cells must stay on one line, such as ids.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in columns:
        made.add_column(
            printable(heading),
            justify="right" if heading in right else "left",
            no_wrap=heading in whole,
            overflow="fold",
        )
    return made


def add_row(made: Table, cells: Iterable[str], style: str = "") -> None:
    """Adds a row of plain text; nothing in it is taken for markup."""
    from rich.text import Text

    made.add_row(*(Text(printable(cell)) for cell in cells), style=style)


def print_table(made: Table, empty: str) -> None:
    """Prints a table, or, when it has no rows, the text `empty` on standard error."""
    if made.row_count:
        console().print(made)
    else:
        note(empty)


def note(text: str) -> None:
    """A remark on standard error."""
    typer.echo(text, err=True)
