"""Served models for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from milepost.cli._output import add_row, print_json, print_table, table
from milepost.cli._text import count, first_line, number, printable, when

if TYPE_CHECKING:
    from milepost import v1 as pb


def print_models(models: Iterable[pb.ServedModel]) -> None:
    """Prints a row for each served model."""
    rows = table("NAME", "SOURCE", "LIVE", "STATE", "FOLLOWS", "CANARY", "SHADOW", right=("LIVE",))
    for one in models:
        add_row(rows, (one.name, one.source, str(one.live_version), _state(one), _follows(one), *_tried(one)))
    print_table(rows, "No served models.")


def print_model(model: pb.ServedModel) -> None:
    """Prints a served model with its versions."""
    canary, shadow = _tried(model)
    fields = {
        "name": model.name,
        "source": model.source,
        "follows": _follows(model),
        "live": str(model.live_version),
        "previous": str(model.previous_version or ""),
        "canary": canary,
        "shadow": shadow,
        "compared": _compared(model.shadow) if shadow else "",
    }
    typer.echo("\n".join(f"{field:<8}  {printable(value)}" for field, value in fields.items() if value))
    numbers = ("VERSION", "WORKERS", "QUEUED", "REQUESTS", "FAILURES", "RESTARTS")
    rows = table("VERSION", "STATE", "FLAVOR", "READY", *numbers[1:], "MESSAGE", right=numbers, whole=("READY",))
    for one in model.versions:
        add_row(rows, _version_cells(one))
    typer.echo("")
    print_table(rows, "No versions.")


def say_live(model: pb.ServedModel, *, as_json: bool) -> None:
    """Says which version gets the traffic after a change."""
    if as_json:
        print_json(model)
        return
    followed = f"; alias {printable(model.followed_alias)} is followed" if model.followed_alias else ""
    pinned = "; no alias is followed until `milepost serving follow`" if model.pinned else ""
    typer.echo(f"Version {model.live_version} of {printable(repr(model.name))} is live{followed}{pinned}.")


def _version_cells(version: pb.ServedVersion) -> tuple[str, ...]:
    from milepost._values import from_timestamp

    ready = when(from_timestamp(version.ready_time)) if version.HasField("ready_time") else ""
    counts = (version.queued, version.requests, version.failures, version.restarts)
    return (
        str(version.version),
        _state_name(version),
        version.flavor,
        ready,
        f"{version.ready_workers}/{version.workers}",
        *(f"{amount:,}" for amount in counts),
        first_line(version.message),
    )


def _state(model: pb.ServedModel) -> str:
    """That of the live version; what else is under way with it."""
    live = [_state_name(one) for one in model.versions if one.version == model.live_version]
    others = [f"{one.version} {_state_name(one)}" for one in model.versions if one.version != model.live_version]
    return ", ".join(live + [text for text in others if not text.endswith(" ready")])


def _state_name(version: pb.ServedVersion) -> str:
    from milepost import v1 as pb

    return pb.ServedVersion.State.Name(version.state).removeprefix("STATE_").lower()


def _follows(model: pb.ServedModel) -> str:
    return "pinned" if model.pinned else model.followed_alias


def _tried(model: pb.ServedModel) -> tuple[str, str]:
    tried = (model.canary, model.shadow)
    canary, shadow = (f"{one.version} ({one.percent:g}%)" if one.version else "" for one in tried)
    return canary, shadow


def _compared(shadow: pb.Shadow) -> str:
    different = f"{shadow.different:,} different (by {number(shadow.max_difference)} at most)"
    return f"{count(shadow.compared, 'answer')}, {different}, {shadow.failed:,} failed, {shadow.skipped:,} left out"
