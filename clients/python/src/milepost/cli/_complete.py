"""Names from the server for the shell's completion: quickly, or none at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from milepost.client import Client

TIMEOUT_S = 0.7
_MOST = 100

Names = list[tuple[str, str]]
"""Words to offer, each with a line that explains it."""


def experiment_names(ctx: typer.Context, incomplete: str) -> Names:
    """Names of experiments, the newest first."""

    def ask(client: Client) -> Names:
        found = client.experiments.list(limit=_MOST, fields=("name", "experiment_id"), timeout=TIMEOUT_S)
        return [(one.name, f"id {one.experiment_id}") for one in found]

    return _matching(ctx, incomplete, ask)


def run_ids(ctx: typer.Context, incomplete: str) -> Names:
    """Ids of runs, the latest first, deleted ones too."""

    def ask(client: Client) -> Names:
        found = client.runs.list(
            filter=f"run_id LIKE '{incomplete}%'" if incomplete.isalnum() else "",
            view="all",
            limit=_MOST,
            fields=("run_id", "name", "state"),
            timeout=TIMEOUT_S,
        )
        return [(run.run_id, f"{run.name} ({run.state.value.lower()})") for run in found]

    return _matching(ctx, incomplete, ask)


def metric_keys(ctx: typer.Context, incomplete: str) -> Names:
    """Keys of the metrics of the run that stands before them on the line."""
    run_id = ctx.params.get("run_id")

    def ask(client: Client) -> Names:
        run = client.runs.get(str(run_id), timeout=TIMEOUT_S)
        return [(key, f"{value:.6g}") for key, value in sorted(run.metrics.items())]

    return _matching(ctx, incomplete, ask) if run_id else []


def _matching(ctx: Any, incomplete: str, ask: Callable[[Client], Names]) -> Names:
    from milepost.client import Client
    from milepost.errors import MilepostError

    try:
        with Client(ctx.find_root().params.get("server")) as client:
            return [(name, help) for name, help in ask(client) if name.startswith(incomplete)]
    except (MilepostError, ValueError):  # a shell that completes is no place for errors
        return []
