"""Removing things for good, the same for runs and experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from milepost.cli._output import message_dict, print_json
from milepost.cli._session import confirm
from milepost.cli._text import count, printable, size

if TYPE_CHECKING:
    from milepost import v1 as pb


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


def _full(summary: pb.PurgeSummary) -> dict[str, str]:
    """The summary with its zeros, which the JSON mapping leaves out."""
    zeros = {field.json_name: "0" for field in summary.DESCRIPTOR.fields}
    return zeros | message_dict(summary)


def _summed(summary: pb.PurgeSummary) -> str:
    return (
        f"{count(summary.runs, 'run')}, {count(summary.metric_points, 'metric point')}, "
        f"{count(summary.artifacts, 'artifact')} ({size(summary.artifact_bytes)})"
    )
