"""Summaries of series as columns."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.storage.sql.values import sortable

LATEST_COLUMNS = ("entry", "count", "nan_count", "last_kind", "last_value", "last_step")
"""The columns that change with every point; the others of `summary_columns` change with few."""


def summary_columns(key: str, summary: pb.MetricSummary) -> dict[str, bytes | int | float | None]:
    """The columns of `series` that hold the summary of a metric: its entry, and what it is searched and sorted by."""
    columns: dict[str, bytes | int | float | None] = {}
    columns["entry"] = pb.Run(metrics={key: summary}).SerializeToString()
    columns["count"], columns["nan_count"] = summary.count, summary.nan_count
    columns["last_kind"], columns["last_value"] = sortable(summary.last)
    columns["last_step"] = summary.last_step
    columns["first_kind"], columns["first_value"] = sortable(summary.first)
    columns["first_step"] = summary.first_step
    known = summary.HasField("min")
    columns["min_kind"], columns["min_value"] = sortable(summary.min) if known else (None, None)
    columns["min_step"] = summary.min_step if known else None
    columns["max_kind"], columns["max_value"] = sortable(summary.max) if known else (None, None)
    columns["max_step"] = summary.max_step if known else None
    return columns


SUMMARY_COLUMNS = tuple(summary_columns("", pb.MetricSummary()))
"""Names of these columns."""
