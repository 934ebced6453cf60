"""Summaries of series as columns that are searched and sorted."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.storage.sql.values import sortable


def sortable_columns(summary: pb.MetricSummary) -> dict[str, int | float | None]:
    """The columns of `series` by which a summary is searched and sorted."""
    columns: dict[str, int | float | None] = {}
    columns["last_kind"], columns["last_value"] = sortable(summary.last)
    columns["first_kind"], columns["first_value"] = sortable(summary.first)
    known = summary.HasField("min")
    columns["min_kind"], columns["min_value"] = sortable(summary.min) if known else (None, None)
    columns["max_kind"], columns["max_value"] = sortable(summary.max) if known else (None, None)
    return columns
