"""Milepost: track machine-learning runs.

    import milepost

    with milepost.start_run(experiment="digits", params={"lr": 3e-4}):
        milepost.log_metric("loss", 0.3, step=1)

The fluent functions log to the active run (`milepost.fluent`); `Client` and `AsyncClient` are the typed clients for all
else (`milepost.client`, `milepost.aio`); `milepost.errors` is the tree of exceptions. Names load on first use, so that
importing the package costs little.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

from milepost._version import __version__

# grpcio reports forks and lost connections on stderr otherwise; it reads this when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

if TYPE_CHECKING:
    from milepost import data, errors
    from milepost._active import ActiveRun
    from milepost._metric_views import MetricHistory
    from milepost._views import RunState
    from milepost.aio import AsyncClient
    from milepost.client import Client, Experiment, Run
    from milepost.data import Dataset
    from milepost.errors import MilepostError, MilepostWarning
    from milepost.fluent import (
        active_run,
        create_experiment,
        delete_tag,
        end_run,
        flush,
        get_experiment_by_name,
        get_run,
        get_tracking_uri,
        last_active_run,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        log_table,
        log_text,
        search_runs,
        set_experiment,
        set_tag,
        set_tags,
        set_tracking_uri,
        start_run,
    )

__all__ = [
    "ActiveRun",
    "AsyncClient",
    "Client",
    "Dataset",
    "Experiment",
    "MetricHistory",
    "MilepostError",
    "MilepostWarning",
    "Run",
    "RunState",
    "__version__",
    "active_run",
    "create_experiment",
    "data",
    "delete_tag",
    "end_run",
    "errors",
    "flush",
    "get_experiment_by_name",
    "get_run",
    "get_tracking_uri",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "search_runs",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]

# Where the names are that are not functions of `milepost.fluent`.
_HOMES = {
    "ActiveRun": "milepost._active",
    "AsyncClient": "milepost.aio",
    "Client": "milepost.client",
    "Dataset": "milepost.data",
    "Experiment": "milepost.client",
    "MetricHistory": "milepost._metric_views",
    "MilepostError": "milepost.errors",
    "MilepostWarning": "milepost.errors",
    "Run": "milepost.client",
    "RunState": "milepost._views",
    "get_tracking_uri": "milepost.config",
    "set_tracking_uri": "milepost.config",
}
_MODULES = ("data", "errors")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"milepost.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'milepost' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "milepost.fluent")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
