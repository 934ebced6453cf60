"""All about one run, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from milepost.cli._output import add_row, console, table
from milepost.cli._run_table import experiment_names, marked_state
from milepost.cli._text import lasting, listing, number, pairs, plain, printable, size, when

if TYPE_CHECKING:
    from rich.table import Table

    from milepost.client import Client, Run

_MOST_ARTIFACTS = 100


def print_run(client: Client, run: Run) -> None:
    """Prints attributes, params, metrics, tags, inputs and the first level of artifacts; leaves out what is empty."""
    _print_attributes(client, run)
    if run.description:
        _section("Description", listing(map(printable, run.description.splitlines())))
    _print_pairs("Params", ((key, plain(value)) for key, value in sorted(run.params.items())))
    _print_metrics(run)
    _print_pairs("Tags", ((key, printable(value)) for key, value in sorted(run.tags.items())))
    _print_inputs(run)
    _print_models(run)
    _print_artifacts(run)


def _print_attributes(client: Client, run: Run) -> None:
    attributes = {
        "run": run.run_id,
        "name": run.name,
        "experiment": f"{experiment_names(client, [run])[run.experiment_id]} (id {run.experiment_id})",
        "state": marked_state(run),
        "user": run.user,
        "started": when(run.start_time),
        "ended": when(run.end_time),
        "duration": lasting(run.start_time, run.end_time),
        "parent run": run.parent_run_id,
        "artifacts": run.artifact_root,
    }
    lines = [f"{name:<10}  {printable(value)}" for name, value in attributes.items() if value]
    typer.echo("\n".join(lines))


def _section(title: str, body: str | Table) -> None:
    output = console()
    output.print(f"\n{title}", style="bold")
    if isinstance(body, str):
        typer.echo(body)
    else:
        output.print(body)


def _print_pairs(title: str, rows: Iterable[tuple[str, str]]) -> None:
    made = table("", "")
    made.show_header = False
    for key, value in rows:
        add_row(made, (f"  {key}", value))
    if made.row_count:
        _section(title, made)


def _print_metrics(run: Run) -> None:
    headings = ("LAST", "STEP", "MIN", "MAX", "POINTS")
    made = table("  METRIC", *headings, right=headings)
    for key, summary in sorted(run.metric_summaries.items()):
        least = number(summary.min) if summary.HasField("min") else "nan"
        most = number(summary.max) if summary.HasField("max") else "nan"
        points = f"{summary.count:,}" + (f" ({summary.nan_count:,} NaN)" if summary.nan_count else "")
        add_row(made, (f"  {key}", number(summary.last), str(summary.last_step), least, most, points))
    if made.row_count:
        _section("Metrics", made)


def _print_inputs(run: Run) -> None:
    made = table("  DATASET", "DIGEST", "CONTEXT", "SOURCE", "TAGS")
    for used in run.inputs:
        source = f"{used.dataset.source_type}: {used.dataset.source}" if used.dataset.source else ""
        cells = (f"  {used.dataset.name}", used.dataset.digest, used.context, source, pairs(used.tags))
        add_row(made, cells)
    if made.row_count:
        _section("Inputs", made)


def _print_models(run: Run) -> None:
    made = table("  MODEL", "STEP", right=("STEP",))
    for model_id in run.model_inputs:
        add_row(made, (f"  {model_id}", "used"))
    for model_id, step in run.model_outputs.items():
        add_row(made, (f"  {model_id}", str(step)))
    if made.row_count:
        _section("Models", made)


def _print_artifacts(run: Run) -> None:
    found = list(run.artifacts())
    lines = [f"{printable(one.path)}{'/' if one.directory else ''}  ({size(one.size)})" for one in found]
    if len(lines) > _MOST_ARTIFACTS:
        lines[_MOST_ARTIFACTS:] = [f"… {len(lines) - _MOST_ARTIFACTS:,} more: milepost artifacts ls {run.run_id}"]
    if lines:
        _section("Artifacts", listing(lines))
