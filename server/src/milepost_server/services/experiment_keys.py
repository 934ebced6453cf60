"""Experiments that a call names, found or refused."""

from __future__ import annotations

from milepost_server.services.refusals import experiment_deleted, experiment_not_found
from milepost_server.storage.base import Transaction


async def check_active(tx: Transaction, experiment_id: str) -> None:
    """Refuses an experiment that does not exist or is deleted, and keeps it as it is until the transaction ends."""
    experiment = await tx.experiments.lock(int(experiment_id), shared=True)
    if experiment is None:
        raise experiment_not_found(experiment_id)
    if experiment.HasField("delete_time"):
        raise experiment_deleted(experiment_id)
