"""A run followed in the terminal."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from milepost.cli._output import message_dict
from milepost.cli._text import count, lasting, number, printable

if TYPE_CHECKING:
    from milepost import v1 as pb
    from milepost.client import Client, Run

_FIELDS = ("run_id", "name", "state", "start_time", "end_time", "metrics", "delete_time")
# Further metrics are counted only, so that a line can be read while the next one comes.
_MOST_METRICS = 8


def follow_run(client: Client, run_id: str, *, as_json: bool) -> None:
    """Prints a line for each change of a run, until it has ended or is deleted.

    With `as_json` each line is the run as one JSON document: its state, times and summaries of metrics.
    """
    before: Run | None = None
    with client.runs.watch(run_id, fields=_FIELDS) as watch:
        for run in watch:
            sys.stdout.write((json.dumps(message_dict(run.proto)) if as_json else _line(run, before)) + "\n")
            sys.stdout.flush()
            if run.state.final or run.deleted:
                return
            before = run


def _line(run: Run, before: Run | None) -> str:
    parts = [datetime.now().astimezone().strftime("%H:%M:%S"), f"{run.state.value:<8}"]
    if before is None:
        parts.append(printable(f"{run.name} ({run.run_id})"))
    if run.state.final:
        parts.append(f"after {lasting(run.start_time, run.end_time)}")
    if run.deleted:
        parts.append("deleted")
    known = {} if before is None else before.metric_summaries
    changed = {key: summary for key, summary in run.metric_summaries.items() if _differs(summary, known.get(key))}
    shown = sorted(changed)[:_MOST_METRICS]
    if shown:
        parts.append(f"step {max(changed[key].last_step for key in shown)}")
    parts += [f"{printable(key)}={number(changed[key].last)}" for key in shown]
    if len(changed) > len(shown):
        parts.append(f"and {count(len(changed) - len(shown), 'more metric')}")
    return "  ".join(parts)


def _differs(summary: pb.MetricSummary, known: pb.MetricSummary | None) -> bool:
    return known is None or (summary.count, summary.last_step) != (known.count, known.last_step)
