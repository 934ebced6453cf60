"""Rules of imported experiments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from milepost import v1 as pb
from milepost_server.services.imports_checks import check_once, times_of
from milepost_server.storage.base import Transaction
from milepost_server.storage.imports import NewExperiment


def experiment_import(
    request: pb.ImportExperimentsRequest, now_us: int
) -> Callable[[Transaction], Awaitable[pb.ImportExperimentsResponse]]:
    """The unit of work that stores experiments."""
    experiments = [
        NewExperiment(given, int(given.experiment_id) if given.experiment_id else None, times_of(given, field, now_us))
        for field, given in ((f"experiments[{index}]", given) for index, given in enumerate(request.experiments))
    ]
    check_once(
        (f"experiments[{index}].experiment_id", new.number)
        for index, new in enumerate(experiments)
        if new.number is not None
    )
    check_once((f"experiments[{index}].name", new.experiment.name) for index, new in enumerate(experiments))

    async def work(tx: Transaction) -> pb.ImportExperimentsResponse:
        await tx.imports.lock_experiments()
        numbered = await tx.experiments.get_many([new.number for new in experiments if new.number is not None])
        named = await tx.imports.named_experiments([new.experiment.name for new in experiments])
        outcomes = [_outcome(new, numbered, named) for new in experiments]
        created = [
            (new, outcome)
            for new, outcome in zip(experiments, outcomes, strict=True)
            if outcome.outcome == pb.IMPORT_OUTCOME_CREATED
        ]
        if created:
            numbers = await tx.imports.create_experiments([new for new, _ in created])
            for (_, outcome), number in zip(created, numbers, strict=True):
                outcome.experiment_id = str(number)
        return pb.ImportExperimentsResponse(outcomes=outcomes)

    return work


def _outcome(new: NewExperiment, numbered: dict[int, pb.Experiment], named: dict[str, int]) -> pb.ExperimentOutcome:
    """What becomes of an experiment. One that is to be created has no id yet."""
    name, number = new.experiment.name, new.number
    if number in numbered:
        same = numbered[number].name == name
        outcome = pb.IMPORT_OUTCOME_EXISTS if same else pb.IMPORT_OUTCOME_ID_TAKEN
        return pb.ExperimentOutcome(outcome=outcome, experiment_id=str(number))
    if name in named:
        outcome = pb.IMPORT_OUTCOME_EXISTS if number is None else pb.IMPORT_OUTCOME_NAME_TAKEN
        return pb.ExperimentOutcome(outcome=outcome, experiment_id=str(named[name]))
    return pb.ExperimentOutcome(outcome=pb.IMPORT_OUTCOME_CREATED)
