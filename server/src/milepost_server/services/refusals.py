"""Errors that several services raise."""

from __future__ import annotations

from collections.abc import Iterable

from milepost import v1 as pb
from milepost_server.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, quote


def experiment_not_found(experiment_id: str) -> NotFound:
    """No experiment has this id."""
    return NotFound(
        f"No experiment has the id {quote(experiment_id)}. List the experiments to find the right one.",
        reason=pb.ERROR_REASON_EXPERIMENT_NOT_FOUND,
        metadata={"experimentId": experiment_id},
    )


def experiment_deleted(experiment_id: str) -> FailedPrecondition:
    """The experiment must be restored first."""
    return FailedPrecondition(
        f"Experiment {experiment_id} is deleted. Restore it first, or use another.",
        reason=pb.ERROR_REASON_EXPERIMENT_DELETED,
        metadata={"experimentId": experiment_id},
    )


def run_not_found(run_id: str) -> NotFound:
    """No run has this id."""
    return NotFound(
        f"No run has the id {quote(run_id)}. It may have been purged, or belong to another server.",
        reason=pb.ERROR_REASON_RUN_NOT_FOUND,
        metadata={"runId": run_id},
    )


def run_deleted(run_id: str) -> FailedPrecondition:
    """The run must be restored first."""
    return FailedPrecondition(
        f"Run {run_id} is deleted. Restore it first.",
        reason=pb.ERROR_REASON_RUN_DELETED,
        metadata={"runId": run_id},
    )


def run_exists(run_id: str) -> AlreadyExists:
    """Another run has this id."""
    return AlreadyExists(
        f"A run with id {quote(run_id)} exists, active or deleted. Choose another id, or none to be given one.",
        reason=pb.ERROR_REASON_RUN_EXISTS,
        metadata={"runId": run_id},
    )


def not_deleted(kind: str, name: str) -> FailedPrecondition:
    """Only what is deleted can be purged."""
    return FailedPrecondition(
        f"{kind} {name} is active. Delete it first, then purge it.",
        reason=pb.ERROR_REASON_NOT_DELETED,
        metadata={"name": name},
    )


def tag_not_found(keys: Iterable[str]) -> NotFound:
    """The resource has no such tag."""
    key = min(keys)
    return NotFound(
        f"There is no tag {quote(key)} to remove. Nothing was changed.",
        reason=pb.ERROR_REASON_TAG_NOT_FOUND,
        metadata={"key": key},
    )


def etag_mismatch(given: str, stored: str) -> Aborted:
    """Somebody else changed the resource."""
    return Aborted(
        f"The resource changed since etag {quote(given)} was read; it is {stored!r} now. Read it again and repeat.",
        reason=pb.ERROR_REASON_ETAG_MISMATCH,
        metadata={"given": given, "stored": stored},
    )


def metric_not_found(run_id: str, key: str) -> NotFound:
    """The error for a metric that a run does not have."""
    return NotFound(
        f"Run {run_id} has no metric {quote(key)}. Keys are case-sensitive.",
        reason=pb.ERROR_REASON_METRIC_NOT_FOUND,
        metadata={"runId": run_id, "metricKey": key},
    )
