"""Rules of removal for good.

What is below a run goes first, in transactions that other writers hardly notice; then its folder of artifacts; the run
itself last. So a purge that breaks off leaves a deleted run, which the next purge removes, and a run's id is free only
when nothing of it is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from milepost import v1 as pb
from milepost_server.filters import RUNS, parse_filter
from milepost_server.services.clock import Clock
from milepost_server.services.model_refusals import MOST_USES, model_in_use
from milepost_server.services.refusals import experiment_not_found, not_deleted, run_not_found
from milepost_server.services.run_keys import existing_run
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.upkeep import DeletedRun, PurgeChoice, PurgeStep

_DEFAULT_LIMIT = 100
# Runs whose removal begins together.
_RUNS_AT_ONCE = 50

DeleteFolder = Callable[[tuple[str, ...]], Awaitable[None]]
Check = Callable[[Transaction], Awaitable[None]]


class PurgeService:
    """Removes runs and experiments for good.

    Args:
        storage: The database.
        delete_folder: Removes a folder of the artifact store, given by its segments, with all below it.
        clock: Says when a removal began.
    """

    def __init__(self, storage: Storage, delete_folder: DeleteFolder, clock: Clock) -> None:
        self._storage = storage
        self._delete_folder = delete_folder
        self._clock = clock

    async def purge_run(self, request: pb.PurgeRunRequest) -> pb.PurgeSummary:
        """See `TrackingService.PurgeRun`."""
        choice = PurgeChoice(run_id=request.run_id)

        async def look(tx: Transaction) -> pb.PurgeSummary:
            if not (await existing_run(tx, request.run_id)).deleted:
                raise not_deleted("Run", request.run_id)
            uses = await tx.model_uses.of_run(request.run_id, MOST_USES + 1)
            if uses:
                raise model_in_use(f"Run {request.run_id}", uses)
            return await tx.purges.count(choice)

        summary = await self._storage.scan(look)
        if request.dry_run:
            return summary
        removed = await self._remove_chosen(choice, 1)
        if not removed.runs:
            # Another call came between: say what it left.
            await self._storage.scan(look)
            raise run_not_found(request.run_id)
        return removed

    async def purge_runs(self, request: pb.PurgeRunsRequest) -> pb.PurgeRunsResponse:
        """See `TrackingService.PurgeRuns`."""
        before = request.deleted_before.ToMicroseconds() if request.HasField("deleted_before") else None
        choice = PurgeChoice(
            experiment_ids=tuple(int(experiment_id) for experiment_id in request.experiment_ids),
            filter=parse_filter(request.filter, RUNS),
            deleted_before_us=before,
        )
        if request.dry_run:
            summary = await self._storage.scan(lambda tx: tx.purges.count(choice))
            return pb.PurgeRunsResponse(purged=summary, remaining=summary.runs)
        removed = await self._remove_chosen(choice, request.limit or _DEFAULT_LIMIT)
        remaining = await self._storage.scan(lambda tx: tx.purges.count_runs(choice))
        return pb.PurgeRunsResponse(purged=removed, remaining=remaining)

    async def purge_experiment(self, request: pb.PurgeExperimentRequest) -> pb.PurgeSummary:
        """See `TrackingService.PurgeExperiment`. Interrupted, it can be repeated."""
        number = int(request.experiment_id)
        choice = PurgeChoice(experiment_ids=(number,))

        async def look(tx: Transaction) -> pb.PurgeSummary:
            _check_deleted(await tx.experiments.get(number), request.experiment_id)
            await _check_unused(tx, number)
            return await tx.purges.count(choice)

        async def check(tx: Transaction) -> None:
            _check_deleted(await tx.experiments.lock(number), request.experiment_id)
            await _check_unused(tx, number)

        async def remove(tx: Transaction) -> bool:
            await check(tx)
            if await tx.purges.count_runs(choice):
                return False
            await tx.experiments.purge(number)
            return True

        summary = await self._storage.scan(look)
        if request.dry_run:
            return summary
        removed = pb.PurgeSummary()
        while not await self._storage.write(remove):
            _add(removed, await self._remove_chosen(choice, _RUNS_AT_ONCE, check))
        await self._delete_folder((str(number),))
        return removed

    async def _remove_chosen(self, choice: PurgeChoice, limit: int, check: Check | None = None) -> pb.PurgeSummary:
        """Removes up to `limit` of the chosen runs and returns what that took away.

        Args:
            choice: Which runs.
            limit: Most runs to remove.
            check: Raises where they must not be removed any more; asked in each transaction.
        """
        runs = await self._storage.scan(lambda tx: tx.purges.choose(choice, limit))
        removed = pb.PurgeSummary()
        for first in range(0, len(runs), _RUNS_AT_ONCE):
            rest: Sequence[DeletedRun] = runs[first : first + _RUNS_AT_ONCE]
            while rest:
                step = await self._step(rest, check)
                _add(removed, step.removed)
                await self._finish(step.emptied, removed)
                rest = step.rest
        return removed

    async def _step(self, runs: Sequence[DeletedRun], check: Check | None) -> PurgeStep:
        async def work(tx: Transaction) -> PurgeStep:
            if check is not None:
                await check(tx)
            return await tx.purges.empty(runs, self._clock())

        return await self._storage.write(work)

    async def _finish(self, runs: Sequence[DeletedRun], removed: pb.PurgeSummary) -> None:
        """Removes the folders of emptied runs, and then the runs."""
        if runs:
            await asyncio.gather(*(self._delete_folder((str(one.key.experiment_id), one.key.run_id)) for one in runs))
            removed.runs += await self._storage.write(lambda tx: tx.purges.remove(runs))


def _add(total: pb.PurgeSummary, more: pb.PurgeSummary) -> None:
    for field in pb.PurgeSummary.DESCRIPTOR.fields_by_name:
        setattr(total, field, getattr(total, field) + getattr(more, field))


def _check_deleted(stored: pb.Experiment | None, experiment_id: str) -> None:
    if stored is None:
        raise experiment_not_found(experiment_id)
    if not stored.HasField("delete_time"):
        raise not_deleted("Experiment", experiment_id)


async def _check_unused(tx: Transaction, experiment: int) -> None:
    uses = await tx.model_uses.of_experiment(experiment, MOST_USES + 1)
    if uses:
        raise model_in_use(f"Experiment {experiment}", uses)
