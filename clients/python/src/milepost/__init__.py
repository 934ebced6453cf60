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
    from milepost.client import (
        Client,
        Experiment,
        LoggedModel,
        ModelStage,
        ModelStatus,
        ModelVersion,
        RegisteredModel,
        Run,
    )
    from milepost.data import Dataset
    from milepost.errors import MilepostError, MilepostWarning
    from milepost.evaluation import evaluate
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
    from milepost.models.loading import load_model
    from milepost.models.registry.publishing import log_model, register_model
    from milepost.models.saving import save_model
    from milepost.models.signatures.inference import infer_signature

__all__ = [
    "ActiveRun",
    "AsyncClient",
    "Client",
    "Dataset",
    "Experiment",
    "LoggedModel",
    "MetricHistory",
    "MilepostError",
    "MilepostWarning",
    "ModelStage",
    "ModelStatus",
    "ModelVersion",
    "RegisteredModel",
    "Run",
    "RunState",
    "__version__",
    "active_run",
    "create_experiment",
    "data",
    "delete_tag",
    "end_run",
    "errors",
    "evaluate",
    "flush",
    "get_experiment_by_name",
    "get_run",
    "get_tracking_uri",
    "infer_signature",
    "last_active_run",
    "load_model",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "register_model",
    "save_model",
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
    "LoggedModel": "milepost.client",
    "MetricHistory": "milepost._metric_views",
    "MilepostError": "milepost.errors",
    "MilepostWarning": "milepost.errors",
    "ModelStage": "milepost.client",
    "ModelStatus": "milepost.client",
    "ModelVersion": "milepost.client",
    "RegisteredModel": "milepost.client",
    "Run": "milepost.client",
    "RunState": "milepost._views",
    "evaluate": "milepost.evaluation",
    "get_tracking_uri": "milepost.config",
    "infer_signature": "milepost.models.signatures.inference",
    "load_model": "milepost.models.loading",
    "log_model": "milepost.models.registry.publishing",
    "register_model": "milepost.models.registry.publishing",
    "save_model": "milepost.models.saving",
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
