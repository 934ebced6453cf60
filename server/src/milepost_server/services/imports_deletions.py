"""Rules of imported deletions, the last step of an import."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from milepost import v1 as pb
from milepost_server.errors import invalid_field, quote
from milepost_server.services.imports_checks import check_once
from milepost_server.services.logged_model_keys import existing_model
from milepost_server.services.refusals import experiment_not_found
from milepost_server.services.run_keys import existing_run
from milepost_server.storage.base import Transaction

_EXPERIMENT_ID = re.compile(r"[0-9]{1,18}")


def deletion_import(
    request: pb.ImportDeletionsRequest, now_us: int
) -> Callable[[Transaction], Awaitable[pb.ImportDeletionsResponse]]:
    """The unit of work that deletes resources."""
    models = _times(request.logged_models, "logged_models", now_us)
    runs = _times(request.runs, "runs", now_us)
    experiments = _times(request.experiments, "experiments", now_us)
    for index, given in enumerate(request.experiments):
        if not _EXPERIMENT_ID.fullmatch(given.id):
            raise invalid_field(f"experiments[{index}].id", f"{quote(given.id)} is no integer of at most 18 digits")

    async def work(tx: Transaction) -> pb.ImportDeletionsResponse:
        answer = pb.ImportDeletionsResponse()
        for model_id, delete_us in models.items():
            if not await _delete_model(tx, model_id, delete_us):
                answer.logged_models_in_use.append(model_id)
        for run_id, delete_us in runs.items():
            key = await existing_run(tx, run_id, lock=True)
            if not key.deleted:
                await tx.runs.set_deleted(key, True, delete_us)
        for experiment_id, delete_us in experiments.items():
            await _delete_experiment(tx, experiment_id, delete_us)
        return answer

    return work


def _times(deletions: Sequence[pb.ImportedDeletion], field: str, now_us: int) -> dict[str, int]:
    """When each resource was deleted, by id, in one order for all transactions: then no two wait for each other."""
    check_once((f"{field}[{index}].id", given.id) for index, given in enumerate(deletions))
    times = {
        given.id: given.delete_time.ToMicroseconds() if given.HasField("delete_time") else now_us for given in deletions
    }
    return dict(sorted(times.items()))


async def _delete_model(tx: Transaction, model_id: str, delete_us: int) -> bool:
    """False when versions of registered models consist of the model, which then stays."""
    key = await existing_model(tx, model_id, lock=True)
    if not key.deleted:
        if await tx.model_uses.of_model(model_id, 1):
            return False
        await tx.logged_models.set_deleted(key, True, delete_us)
    return True


async def _delete_experiment(tx: Transaction, experiment_id: str, delete_us: int) -> None:
    stored = await tx.experiments.lock(int(experiment_id))
    if stored is None:
        raise experiment_not_found(experiment_id)
    if not stored.HasField("delete_time"):
        await tx.experiments.set_deleted(int(experiment_id), True, delete_us)
