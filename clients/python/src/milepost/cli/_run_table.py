"""Runs as rows of a table, with columns by the names of the filter language."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from milepost.cli._output import add_row, console, print_table, table
from milepost.cli._text import first_line, lasting, number, pairs, plain, when

if TYPE_CHECKING:
    from milepost.client import Client, Run

_MOST_METRICS = 5
# What a narrow terminal does without, in this order: after all metrics that nobody asked for but two, and before these.
_DISPENSABLE = ("duration", "experiment", "start_time")
_FAMILIES = ("metrics", "params", "tags")
_SUMMARIES = ("first", "last", "min", "max", "count")

_ATTRIBUTES: dict[str, Callable[[Run], str]] = {
    "run_id": lambda run: run.run_id,
    "name": lambda run: run.name,
    "experiment_id": lambda run: run.experiment_id,
    "state": lambda run: marked_state(run),
    "user": lambda run: run.user,
    "start_time": lambda run: when(run.start_time),
    "end_time": lambda run: when(run.end_time),
    "duration": lambda run: lasting(run.start_time, run.end_time),
    "parent_run_id": lambda run: run.parent_run_id,
    "description": lambda run: first_line(run.description),
    "tags": lambda run: pairs(run.tags),
}
_DEFAULT = ("run_id", "name", "experiment", "state", "start_time", "duration")
_WHOLE = ("run_id", "experiment_id", "parent_run_id", "start_time", "end_time", "duration")


def marked_state(run: Run) -> str:
    """The state, and whether the run is deleted."""
    return f"{run.state.value} (deleted)" if run.deleted else run.state.value


def checked_columns(text: str) -> list[str]:
    """Columns given on the command line. Raises `typer.BadParameter` for one that there is not."""
    columns = [column.strip() for column in text.split(",") if column.strip()]
    for column in columns:
        family, dot, key = column.partition(".")
        if column not in _ATTRIBUTES and column != "experiment" and not (dot and key and family in _FAMILIES):
            names = ", ".join(["experiment", *_ATTRIBUTES])
            raise typer.BadParameter(
                f"there is no column {column!r}. Give {names}, metrics.KEY, metrics.KEY.min (first, last, max, count), "
                "params.KEY or tags.KEY.",
                param_hint="--columns",
            )
    return columns


def print_runs(client: Client, runs: Sequence[Run], columns: Sequence[str], query: str = "") -> None:
    """Prints a table of runs; deleted ones are dim.

    Args:
        client: Reads the names of experiments.
        runs: The rows.
        columns: Those that were asked for. Empty: the usual ones, what `query` names, and some metrics: as many as the
            terminal has room for.
        query: Filter and order.
    """
    named = _named(runs, query)
    wanted = columns or [*_DEFAULT, *named, *_other_metrics(runs, named)]
    names = experiment_names(client, runs) if "experiment" in wanted else {}
    cells = {column: [_cell(run, column, names) for run in runs] for column in wanted}
    if not columns:
        _drop_to_fit(cells, console().width, named)
    headings = {column: _heading(column) for column in cells}
    rows = table(
        *headings.values(),
        right=[heading for column, heading in headings.items() if column.startswith("metrics.")],
        whole=[heading for column, heading in headings.items() if column in _WHOLE],
    )
    for run, row in zip(runs, zip(*cells.values(), strict=True), strict=True):
        add_row(rows, row, "dim" if run.deleted else "")
    print_table(rows, "No runs.")


def _named(runs: Sequence[Run], query: str) -> list[str]:
    """The params and metrics of these runs that a filter or an order names."""
    params = {f"params.{key}" for run in runs for key in run.proto.params}
    metrics = {f"metrics.{key}" for run in runs for key in run.proto.metrics}
    unquoted = re.sub("[`\"']", "", query)
    return [name for name in sorted(params | metrics) if name in unquoted]


def _other_metrics(runs: Sequence[Run], named: Sequence[str]) -> list[str]:
    metrics = sorted({f"metrics.{key}" for run in runs for key in run.proto.metrics}.difference(named))
    return metrics[: max(_MOST_METRICS - len(named), 0)]


def _drop_to_fit(cells: dict[str, list[str]], width: int, named: Sequence[str]) -> None:
    """Removes columns that nobody asked for until the table is as narrow as `width`."""
    others = [column for column in cells if column.startswith("metrics.") and column not in named]
    widths = {column: max(map(len, [_heading(column), *values])) + 2 for column, values in cells.items()}
    for column in (*reversed(others[2:]), *_DISPENSABLE, *reversed(others[:2])):
        if sum(widths.values()) - 2 <= width:
            return
        del cells[column], widths[column]


def _heading(column: str) -> str:
    """Attributes in capitals, metrics by their key."""
    return column.removeprefix("metrics.") if "." in column else column.replace("_", " ").upper()


def experiment_names(client: Client, runs: Sequence[Run]) -> dict[str, str]:
    """The names of the runs' experiments by id, in as few calls as possible."""
    ids = sorted({run.experiment_id for run in runs})
    parts = [ids[start : start + 1000] for start in range(0, len(ids), 1000)]
    return {one.experiment_id: one.name for part in parts for one in client.experiments.batch_get(part)}


def _cell(run: Run, column: str, names: dict[str, str]) -> str:
    if column == "experiment":
        return names[run.experiment_id]
    if column in _ATTRIBUTES:
        return _ATTRIBUTES[column](run)
    family, _, key = column.partition(".")
    if family == "metrics":
        return _metric(run, key)
    values: dict[str, Any] = run.params if family == "params" else run.tags
    return plain(values[key]) if key in values else ""


def _metric(run: Run, key: str) -> str:
    summaries = run.proto.metrics
    if key in summaries:
        return number(summaries[key].last)
    name, _, what = key.rpartition(".")
    if name not in summaries or what not in _SUMMARIES:
        return ""
    summary = summaries[name]
    if what in ("min", "max") and summary.nan_count == summary.count:
        return "nan"
    return number(getattr(summary, what))
