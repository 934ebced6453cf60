"""`milepost metrics`."""

from __future__ import annotations

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

    from milepost.client import MetricChart, MetricHistory, MetricSeries

app = group("Print, plot and export the points of metrics.")

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
    metrics = connect(ctx).metrics
    if limit:
        found = metrics.history(run_id, key, limit=limit, page_size=min(limit, 100_000))
    else:
        found = metrics.histories(run_id, key)[0]
    if as_json:
        print_json(_document(found))
        return
    steps, times, values = (column.tolist() for column in found.columns.values())
    width = max((len(str(step)) for step in steps), default=4)
    write = sys.stdout.write
    write(f"{'STEP':>{max(width, 4)}}  {'TIME':<23}  VALUE\n")
    for step, moment, value in zip(steps, times, values, strict=True):
        write(f"{step:>{max(width, 4)}}  {when_ms(moment):<23}  {value!r}\n")


@app.command()
def export(
    ctx: typer.Context,
    run_id: RunId,
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="File to write; - for standard output.")],
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY", help="The metrics. Default: all.", autocompletion=complete.metric_keys),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="arrow, csv or parquet. Default: by the suffix of OUTPUT."),
    ] = None,
) -> None:
    """Write all points of a run's metrics to a file, with the columns key, step, timestamp_ms and value.

    arrow is an Apache Arrow IPC stream. Needs little memory, however many points there are.
    """
    from milepost.cli._export import check_packages, format_of
    from milepost.cli._metric_export import FORMATS, write

    kind = format_of(output, format, FORMATS)
    check_packages(kind)
    write(connect(ctx), run_id, keys or [], output, kind)


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
    """Draw metrics as lines in the terminal. With --json, prints what is drawn: an answer of `GetMetricSeries`."""
    from milepost.cli._plot import columns_of

    client = connect(ctx)
    wanted = list(dict.fromkeys(keys))
    width = width or min(shutil.get_terminal_size().columns, 120)
    chart = client.metrics.series(run_id, wanted, axis=x.value, buckets=columns_of(width))
    for key in set(wanted).difference(one.key for one in chart):
        client.metrics.history(run_id, key, limit=1)  # raises the server's error for what does not exist
    if as_json:
        print_json(chart.proto)
        return
    summaries = client.runs.get(run_id).metric_summaries
    _draw(chart, [summaries[one.key].nan_count for one in chart], x, width, height)


def _draw(chart: MetricChart, nan_counts: list[int], x: Axis, width: int, height: int) -> None:
    from milepost.cli._plot import draw, line_of

    origin, unit = (0, 1) if x is Axis.STEP else (chart.start, 1000)
    drawn = draw([line_of(one, origin, unit) for one in chart], width, height)
    if drawn is None:
        note("There is nothing to draw: no point has a finite value.")
        return
    rows, axis = drawn
    output = console()
    # Without colours, several lines are told apart by letters.
    letters = len(chart) > 1 and (not output.is_terminal or output.no_color)
    for text, owners in rows:
        output.print(_coloured(text, owners, letters), soft_wrap=True)
    output.print(axis, soft_wrap=True)
    output.print(f"{'':12}{'step' if x is Axis.STEP else 'seconds'}", soft_wrap=True)
    for index, (one, nan_count) in enumerate(zip(chart, nan_counts, strict=True)):
        output.print(_legend(one, nan_count, index, letters), soft_wrap=True)


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


def _legend(one: MetricSeries, nan_count: int, index: int, letters: bool) -> Text:
    from rich.text import Text

    marker = _MARKERS[index % len(_MARKERS)] if letters else "──"
    nan_text = f", {nan_count:,} of them NaN" if nan_count else ""
    line = Text(" " * 12)
    line.append(marker, _COLOURS[index % len(_COLOURS)])
    line.append(f" {printable(one.key)} ({count(sum(one.counts.tolist()), 'point')}{nan_text})")
    return line


def _document(found: MetricHistory) -> dict[str, Any]:
    """The points as `milepost.v1.MetricPoints` has them in JSON."""
    from milepost import v1 as pb

    points = pb.MetricPoints(key=found.key, steps=found.steps, timestamps_ms=found.timestamps_ms, values=found.values)
    return {"values": [], "steps": [], "timestampsMs": [], **message_dict(points)}
