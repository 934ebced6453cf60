"""Rules of removal for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from milepost import v1 as pb
from milepost_server.services.refusals import experiment_not_found, not_deleted
from milepost_server.services.run_keys import existing_run
from milepost_server.storage.base import RunKey, Storage, Transaction

# Runs removed in one transaction, so that other writers are not held up.
_RUNS_AT_ONCE = 50

DeleteFolder = Callable[[tuple[str, ...]], Awaitable[None]]


class PurgeService:
    """Removes runs and experiments for good: rows first, then files, so that no row names a file that is gone.

    Args:
        storage: The database.
        delete_folder: Removes a folder of the artifact store, given by its segments, with all below it.
    """

    def __init__(self, storage: Storage, delete_folder: DeleteFolder) -> None:
        self._storage = storage
        self._delete_folder = delete_folder

    async def purge_run(self, request: pb.PurgeRunRequest) -> pb.PurgeSummary:
        """See `TrackingService.PurgeRun`."""

        async def work(tx: Transaction) -> tuple[pb.PurgeSummary, RunKey]:
            key = await existing_run(tx, request.run_id, lock=not request.dry_run)
            if not key.deleted:
                raise not_deleted("Run", request.run_id)
            summary = await tx.runs.count(run_row=key.row)
            if not request.dry_run:
                await tx.runs.purge(key)
            return summary, key

        summary, key = await (self._storage.scan(work) if request.dry_run else self._storage.write(work))
        if not request.dry_run:
            await self._delete_folder((str(key.experiment_id), key.run_id))
        return summary

    async def purge_experiment(self, request: pb.PurgeExperimentRequest) -> pb.PurgeSummary:
        """See `TrackingService.PurgeExperiment`. Interrupted, it can be repeated."""
        number = int(request.experiment_id)

        async def count(tx: Transaction) -> pb.PurgeSummary:
            _check_deleted(await tx.experiments.get(number), request.experiment_id)
            return await tx.runs.count(experiment_id=number)

        summary = await self._storage.scan(count)
        if request.dry_run:
            return summary
        while await self._purge_some(request.experiment_id):
            pass
        await self._delete_folder((str(number),))
        return summary

    async def _purge_some(self, experiment_id: str) -> bool:
        """Removes some runs, or the experiment itself once it has none, and says whether there is more to remove."""

        async def work(tx: Transaction) -> Sequence[RunKey]:
            _check_deleted(await tx.experiments.lock(int(experiment_id)), experiment_id)
            keys = await tx.runs.of_experiment(int(experiment_id), _RUNS_AT_ONCE)
            for key in keys:
                await tx.runs.purge(key)
            if not keys:
                await tx.experiments.purge(int(experiment_id))
            return keys

        return bool(await self._storage.write(work))


def _check_deleted(stored: pb.Experiment | None, experiment_id: str) -> None:
    if stored is None:
        raise experiment_not_found(experiment_id)
    if not stored.HasField("delete_time"):
        raise not_deleted("Experiment", experiment_id)
