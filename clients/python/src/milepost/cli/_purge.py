"""Removing things for good: runs, experiments, and files that belong to none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import typer

from milepost.cli._output import message_dict, note, print_json
from milepost.cli._session import confirm
from milepost.cli._text import count, listing, printable, size

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from milepost import v1 as pb
    from milepost.client import Client

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONG_S = 3600.0
"""Time for calls whose work depends on how much there is."""


def purge_each(
    kind: str,
    ids: Sequence[str],
    titles: Sequence[str],
    purge: Callable[..., pb.PurgeSummary],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Says what would go, asks, and removes one after the other. What cannot be purged is refused before the question.

    Args:
        kind: `run` or `experiment`.
        ids: Their ids.
        titles: Their names for people, in the same order.
        purge: The client's verb.
        dry_run: Whether to remove nothing.
        yes: Whether not to ask.
        as_json: Whether to print JSON.
    """
    summaries = [purge(one, dry_run=True) for one in ids]
    if not dry_run:
        described = [f"{title}: {_summed(summary)}" for title, summary in zip(titles, summaries, strict=True)]
        confirm("Remove for good", described, yes=yes)
        summaries = [purge(one) for one in ids]
    if as_json:
        purged = [{f"{kind}Id": one, **_full(summary)} for one, summary in zip(ids, summaries, strict=True)]
        print_json({"dryRun": dry_run, "purged": purged})
        return
    done = "Would purge" if dry_run else "Purged"
    for title, summary in zip(titles, summaries, strict=True):
        typer.echo(f"{done} {printable(title)}: {_summed(summary)}.")


def purge_matching(
    client: Client, experiment_ids: Sequence[str], filter: str, older_than: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Says how many deleted runs a filter and an age choose, asks, and removes them, some at a time.

    Args:
        client: A client of the server.
        experiment_ids: Experiments to look in; empty for all.
        filter: The filter; empty for all.
        older_than: How long ago the runs were deleted, such as `30d`; empty for any time.
        dry_run: Whether to remove nothing.
        yes: Whether not to ask.
        as_json: Whether to print JSON.
    """
    chosen: dict[str, Any] = {"filter": filter, "deleted_before": _ago(older_than), "timeout": _LONG_S}
    found = client.runs.purge_many(experiment_ids, dry_run=True, **chosen)
    purged, remaining = found.purged, found.remaining
    if not dry_run and remaining:
        confirm("Remove for good", [_summed(purged)], yes=yes)
        purged = type(purged)()
        while remaining:
            answer = client.runs.purge_many(experiment_ids, **chosen)
            for field in purged.DESCRIPTOR.fields_by_name:
                setattr(purged, field, getattr(purged, field) + getattr(answer.purged, field))
            remaining = answer.remaining
            if not answer.purged.runs:
                note(f"{count(remaining, 'run')} could not be removed now. Repeat later.")
                break
    if as_json:
        print_json({"dryRun": dry_run, "purged": _full(purged), "remaining": str(remaining)})
    else:
        typer.echo(f"{'Would purge' if dry_run else 'Purged'} {_summed(purged)}.")


def purge_orphans(client: Client, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Says which files belong to no artifact, asks, and removes them."""
    found = client.artifacts.purge_orphans(dry_run=True, timeout=_LONG_S)
    if not dry_run and found.files:
        more = found.files - len(found.paths)
        confirm("Remove for good", [*found.paths, *([f"and {more:,} more"] if more else [])], yes=yes)
        found = client.artifacts.purge_orphans(timeout=_LONG_S)
    if as_json:
        print_json({"dryRun": dry_run, **_full(found), "paths": list(found.paths)})
        return
    done = "Would remove" if dry_run else "Removed"
    typer.echo(f"{done} {count(found.files, 'file')} ({size(found.bytes)}).")
    if found.paths:
        typer.echo(listing(map(printable, found.paths)))


def _ago(text: str) -> datetime | None:
    """The moment that was so long ago, such as `30d`."""
    if not text:
        return None
    parts = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if parts is None:
        raise typer.BadParameter(
            f"{text!r} is no age. Give a number of minutes, hours, days or weeks: 90m, 12h, 30d or 8w.",
            param_hint="--older-than",
        )
    return datetime.now(timezone.utc) - timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def _full(summary: Message) -> dict[str, Any]:
    """The message with its zeros, which the JSON mapping leaves out."""
    zeros = {field.json_name: "0" for field in summary.DESCRIPTOR.fields}
    return zeros | message_dict(summary)


def _summed(summary: pb.PurgeSummary) -> str:
    return (
        f"{count(summary.runs, 'run')}, {count(summary.metric_points, 'metric point')}, "
        f"{count(summary.artifacts, 'artifact')} ({size(summary.artifact_bytes)})"
    )
