"""Groups of runs as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from milepost.cli._output import add_row, print_table, table
from milepost.cli._text import number

if TYPE_CHECKING:
    from milepost import v1 as pb


def print_groups(groups: Sequence[pb.RunGroup], by: Sequence[str], metrics: Sequence[str]) -> None:
    """Prints a row for each group: what its runs agree in, their number, and mean, least and greatest of metrics."""
    aggregates = [f"{name} {what}" for name in metrics for what in ("mean", "min", "max")]
    rows = table(*by, "RUNS", *aggregates, right=["RUNS", *aggregates])
    for group in groups:
        values = [value.text if value.HasField("text") else "-" for value in group.values]
        cells = [_cell(one, what) for one in group.metrics for what in ("mean", "min", "max")]
        add_row(rows, [*values, f"{group.runs:,}", *cells])
    print_table(rows, "No runs.")


def _cell(aggregate: pb.MetricAggregate, what: str) -> str:
    return number(getattr(aggregate, what)) if aggregate.count else ""
