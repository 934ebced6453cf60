"""What each verb on imports sends and how its answer is read; see `milepost._requests`."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import _methods as rpc
from milepost import v1 as pb
from milepost._requests import Op, op


def experiments(entries: Iterable[pb.Experiment], request_id: str) -> Op[list[pb.ExperimentOutcome]]:
    """See `Imports.experiments`."""
    request = pb.ImportExperimentsRequest(experiments=entries, request_id=request_id)
    return op(rpc.IMPORT_EXPERIMENTS, request, lambda response: list(response.outcomes))


def runs(entries: Iterable[pb.ImportedRun], request_id: str) -> Op[list[pb.RunOutcome]]:
    """See `Imports.runs`."""
    request = pb.ImportRunsRequest(runs=entries, request_id=request_id)
    return op(rpc.IMPORT_RUNS, request, lambda response: list(response.outcomes))


def metric_points(entries: Iterable[pb.ImportedPoints], request_id: str) -> Op[list[int]]:
    """See `Imports.metric_points`."""
    request = pb.ImportMetricPointsRequest(series=entries, request_id=request_id)
    return op(rpc.IMPORT_METRIC_POINTS, request, lambda response: list(response.metric_points))


def logged_models(entries: Iterable[pb.LoggedModel], request_id: str) -> Op[list[pb.LoggedModelOutcome]]:
    """See `Imports.logged_models`."""
    request = pb.ImportLoggedModelsRequest(logged_models=entries, request_id=request_id)
    return op(rpc.IMPORT_LOGGED_MODELS, request, lambda response: list(response.outcomes))


def registered_models(
    entries: Iterable[pb.ImportedRegisteredModel], request_id: str
) -> Op[list[pb.RegisteredModelOutcome]]:
    """See `Imports.registered_models`."""
    request = pb.ImportRegisteredModelsRequest(registered_models=entries, request_id=request_id)
    return op(rpc.IMPORT_REGISTERED_MODELS, request, lambda response: list(response.outcomes))


def deletions(
    experiments: Iterable[pb.ImportedDeletion],
    runs: Iterable[pb.ImportedDeletion],
    logged_models: Iterable[pb.ImportedDeletion],
    request_id: str,
) -> Op[list[str]]:
    """See `Imports.deletions`."""
    request = pb.ImportDeletionsRequest(
        experiments=experiments, runs=runs, logged_models=logged_models, request_id=request_id
    )
    return op(rpc.IMPORT_DELETIONS, request, lambda response: list(response.logged_models_in_use))
