"""Rules of imported runs and of the points that come with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from milepost import v1 as pb
from milepost_server.errors import required_field
from milepost_server.services.clock import Clock
from milepost_server.services.experiment_keys import check_active
from milepost_server.services.imports_checks import check_once, times_of
from milepost_server.services.metrics import check_point_count, completed_points
from milepost_server.services.params import check_params
from milepost_server.storage.base import RunKey, Transaction
from milepost_server.storage.imports import NewRun


def run_import(
    request: pb.ImportRunsRequest, clock: Clock
) -> Callable[[Transaction], Awaitable[pb.ImportRunsResponse]]:
    """The unit of work that stores runs."""
    check_point_count((points for given in request.runs for points in given.metrics), "runs")
    now_us = clock()
    runs = [_new_run(given, f"runs[{index}]", now_us) for index, given in enumerate(request.runs)]
    check_once((f"runs[{index}].run.run_id", new.run.run_id) for index, new in enumerate(runs))

    async def work(tx: Transaction) -> pb.ImportRunsResponse:
        stored = await tx.imports.runs([new.run.run_id for new in runs])
        created = [new for new in runs if new.run.run_id not in stored]
        # In one order for all transactions, so that two of them never wait for each other.
        for number in sorted({new.experiment_id for new in created}):
            await check_active(tx, str(number))
        if created:
            await tx.imports.create_runs(created, clock())
        counts = await tx.imports.point_counts(stored.values()) if stored else {}
        return pb.ImportRunsResponse(outcomes=[_outcome(new, stored.get(new.run.run_id), counts) for new in runs])

    return work


def _new_run(given: pb.ImportedRun, field: str, now_us: int) -> NewRun:
    run = given.run
    if not run.run_id:
        raise required_field(f"{field}.run.run_id")
    if run.state == pb.Run.STATE_UNSPECIFIED:
        raise required_field(f"{field}.run.state")
    check_params(run.params, f"{field}.run.params")
    started_us = run.start_time.ToMicroseconds() if run.HasField("start_time") else None
    times = times_of(run, f"{field}.run", now_us if started_us is None else started_us)
    return NewRun(
        run=run,
        experiment_id=int(run.experiment_id or "0"),
        start_us=times.create_us if started_us is None else started_us,
        times=times,
        metrics=[
            completed_points(points, now_us // 1000, f"{field}.metrics[{index}]")
            for index, points in enumerate(given.metrics)
        ],
    )


def _outcome(new: NewRun, stored: RunKey | None, counts: dict[str, dict[str, int]]) -> pb.RunOutcome:
    if stored is None:
        return pb.RunOutcome(outcome=pb.IMPORT_OUTCOME_CREATED, experiment_id=str(new.experiment_id))
    if stored.experiment_id != new.experiment_id:
        return pb.RunOutcome(outcome=pb.IMPORT_OUTCOME_ID_TAKEN, experiment_id=str(stored.experiment_id))
    return pb.RunOutcome(
        outcome=pb.IMPORT_OUTCOME_EXISTS,
        experiment_id=str(stored.experiment_id),
        metric_points=counts[stored.run_id],
    )
