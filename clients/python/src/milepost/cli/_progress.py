"""Transfers in the terminal: a bar on standard error, and an end at Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milepost.client import Client


@contextmanager
def transfer(client: Client, title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Shows a bar while the block runs, where a person looks at it. Ctrl-C ends the block, and all transfers in it.

    Yields:
        What to call with the bytes done and in all, from any thread. None where there is no terminal.
    """

    def stop(*_: Any) -> None:
        # Files are sent by threads that would be waited for. Closing the connection ends them; it happens in a thread
        # too, as the one that was interrupted may hold a lock of the connection.
        threading.Thread(target=client.close, daemon=True).start()
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, stop)
    try:
        if sys.stderr.isatty():
            with _bar(title) as update:
                yield update
        else:
            yield None
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.table import Column

    from milepost.cli._output import console
    from milepost.cli._text import printable

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(sys.stderr), transient=True) as progress:
        task = progress.add_task(printable(title), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
