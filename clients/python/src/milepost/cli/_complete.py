"""Names from the server for the shell's completion: quickly, or none at all."""

from __future__ import annotations

import re
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


def model_names(ctx: typer.Context, incomplete: str) -> Names:
    """Names of registered models, the newest first."""

    def ask(client: Client) -> Names:
        found = client.registered_models.list(limit=_MOST, fields=("name", "latest_version"), timeout=TIMEOUT_S)
        return [(one.name, f"latest version {one.latest_version}") for one in found]

    return _matching(ctx, incomplete, ask)


def model_versions(ctx: typer.Context, incomplete: str) -> Names:
    """Versions by number and by alias, once the name before them is there; names of registered models until then."""
    name = re.split("[/@]", incomplete)[0]
    if name == incomplete:
        return [(f"{found}/", help) for found, help in model_names(ctx, incomplete)]

    def ask(client: Client) -> Names:
        found = client.model_versions.list(name, limit=_MOST, fields=("version", "aliases"), timeout=TIMEOUT_S)
        offered = [(f"{name}/{one.version}", ", ".join(one.aliases)) for one in found]
        return offered + [(f"{name}@{alias}", f"version {one.version}") for one in found for alias in one.aliases]

    return _matching(ctx, incomplete, ask)


def model_uris(ctx: typer.Context, incomplete: str) -> Names:
    """URIs of registered models once `models:/` is there; until then nothing, so that the shell offers files."""
    scheme = "models:/"
    if not incomplete.startswith(scheme):
        return []
    return [(scheme + name, help) for name, help in model_versions(ctx, incomplete[len(scheme) :])]


def aliases(ctx: typer.Context, incomplete: str) -> Names:
    """Aliases of the registered model that stands before them on the line."""
    name = ctx.params.get("name")

    def ask(client: Client) -> Names:
        model = client.registered_models.get(str(name), timeout=TIMEOUT_S)
        return [(alias, f"version {version}") for alias, version in sorted(model.aliases.items())]

    return _matching(ctx, incomplete, ask) if name else []


def webhook_ids(ctx: typer.Context, incomplete: str) -> Names:
    """Ids of webhooks."""

    def ask(client: Client) -> Names:
        return [(one.webhook_id, one.name) for one in client.webhooks.list(limit=_MOST, timeout=TIMEOUT_S)]

    return _matching(ctx, incomplete, ask)


def _matching(ctx: Any, incomplete: str, ask: Callable[[Client], Names]) -> Names:
    from milepost.client import Client
    from milepost.errors import MilepostError

    try:
        with Client(ctx.find_root().params.get("server")) as client:
            return [(name, help) for name, help in ask(client) if name.startswith(incomplete)]
    except (MilepostError, ValueError):  # a shell that completes is no place for errors
        return []
