"""`milepost metrics`."""

from __future__ import annotations

import math
import shutil
import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from milepost.cli import _complete as complete
from milepost.cli._output import console, message_dict, note, print_json
from milepost.cli._session import AsJson, RunId, connect, group
from milepost.cli._text import count, printable, when_ms

if TYPE_CHECKING:
    from rich.text import Text

    from milepost.client import MetricHistory

app = group("Print and plot the points of metrics.")

_COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
_MARKERS = "abcdefghijklmnopqrstuvwxyz"


class Axis(str, Enum):
    """What the horizontal axis of a plot shows."""

    STEP = "step"
    TIME = "time"


@app.command()
def history(
    ctx: typer.Context,
    run_id: RunId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The metric.", autocompletion=complete.metric_keys)],
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=0, help="Only the first points. 0 for all.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the points of a metric in the order in which they were stored."""
    found = connect(ctx).metrics.history(run_id, key, limit=limit or None, page_size=min(limit, 100_000))
    if as_json:
        print_json(_document(found))
        return
    width = max((len(str(step)) for step in found.steps), default=4)
    write = sys.stdout.write
    write(f"{'STEP':>{max(width, 4)}}  {'TIME':<23}  VALUE\n")
    for step, moment, value in zip(found.steps, found.timestamps_ms, found.values, strict=True):
        write(f"{step:>{max(width, 4)}}  {when_ms(moment):<23}  {value!r}\n")


@app.command()
def plot(
    ctx: typer.Context,
    run_id: RunId,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="The metrics.", autocompletion=complete.metric_keys)],
    x: Annotated[
        Axis, typer.Option("--x", metavar="AXIS", help="step, or time: seconds since the first point.")
    ] = Axis.STEP,
    width: Annotated[
        int, typer.Option("--width", metavar="N", min=0, help="Characters. 0 for the terminal's width.")
    ] = 0,
    height: Annotated[int, typer.Option("--height", metavar="N", min=3, max=200, help="Rows.")] = 16,
    as_json: AsJson = False,
) -> None:
    """Draw metrics as lines in the terminal. With --json, prints their points."""
    client = connect(ctx)
    found = [client.metrics.history(run_id, key, page_size=100_000) for key in dict.fromkeys(keys)]
    if as_json:
        print_json({"metrics": [_document(one) for one in found]})
        return
    _draw(found, x, width or min(shutil.get_terminal_size().columns, 120), height)


def _draw(found: list[MetricHistory], x: Axis, width: int, height: int) -> None:
    from milepost.cli._plot import Series, draw

    origin = min((moment for one in found for moment in one.timestamps_ms), default=0)
    series = [
        Series(one.key, one.steps if x is Axis.STEP else [(t - origin) / 1000 for t in one.timestamps_ms], one.values)
        for one in found
    ]
    drawn = draw(series, width, height)
    if drawn is None:
        note("There is nothing to draw: no point has a finite value.")
        return
    rows, axis = drawn
    output = console()
    # Without colours, several lines are told apart by letters.
    letters = len(found) > 1 and (not output.is_terminal or output.no_color)
    for text, owners in rows:
        output.print(_coloured(text, owners, letters), soft_wrap=True)
    output.print(axis, soft_wrap=True)
    output.print(f"{'':12}{'step' if x is Axis.STEP else 'seconds'}", soft_wrap=True)
    for index, one in enumerate(found):
        output.print(_legend(one, index, letters), soft_wrap=True)


def _coloured(text: str, owners: list[int], letters: bool) -> Text:
    from rich.text import Text

    line = Text()
    for char, owner in zip(text, owners, strict=True):
        if owner < 0:
            line.append(char)
        else:
            line.append(_MARKERS[owner % len(_MARKERS)] if letters else char, _COLOURS[owner % len(_COLOURS)])
    line.rstrip()
    return line


def _legend(one: MetricHistory, index: int, letters: bool) -> Text:
    from rich.text import Text

    marker = _MARKERS[index % len(_MARKERS)] if letters else "──"
    lost = sum(not math.isfinite(value) for value in one.values)
    lost_text = f", {lost:,} of them not finite" if lost else ""
    line = Text(" " * 12)
    line.append(marker, _COLOURS[index % len(_COLOURS)])
    line.append(f" {printable(one.key)} ({count(len(one), 'point')}{lost_text})")
    return line


def _document(found: MetricHistory) -> dict[str, Any]:
    """The points as `milepost.v1.MetricPoints` has them in JSON."""
    from milepost import v1 as pb

    points = pb.MetricPoints(key=found.key, steps=found.steps, timestamps_ms=found.timestamps_ms, values=found.values)
    return {"values": [], "steps": [], "timestampsMs": [], **message_dict(points)}
