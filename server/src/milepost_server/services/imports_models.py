"""Rules of imported logged models, whose files were uploaded before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from milepost import v1 as pb
from milepost_server.errors import required_field
from milepost_server.services.imports_checks import check_once, times_of
from milepost_server.services.logged_model_files import FileList
from milepost_server.services.logged_model_keys import existing_model
from milepost_server.services.model_metrics import timed
from milepost_server.services.params import check_params
from milepost_server.services.run_keys import writable_run
from milepost_server.storage.base import Transaction
from milepost_server.storage.imports import Times


def logged_model_import(
    request: pb.ImportLoggedModelsRequest, now_us: int
) -> Callable[[Transaction], Awaitable[pb.ImportLoggedModelsResponse]]:
    """The unit of work that stores logged models."""
    models = request.logged_models
    for index, given in enumerate(models):
        _check(given, f"logged_models[{index}]")
    times = [times_of(given, f"logged_models[{index}]", now_us) for index, given in enumerate(models)]
    check_once((f"logged_models[{index}].model_id", given.model_id) for index, given in enumerate(models))
    # In one order for all transactions, so that two of them never wait for each other.
    order = sorted(range(len(models)), key=lambda index: models[index].run_id)

    async def work(tx: Transaction) -> pb.ImportLoggedModelsResponse:
        outcomes = {index: await _import(tx, models[index], times[index]) for index in order}
        return pb.ImportLoggedModelsResponse(outcomes=[outcomes[index] for index in range(len(models))])

    return work


def _check(given: pb.LoggedModel, field: str) -> None:
    for name in ("model_id", "run_id", "status"):
        if not getattr(given, name):
            raise required_field(f"{field}.{name}")
    check_params(given.params, f"{field}.params")


async def _import(tx: Transaction, given: pb.LoggedModel, times: Times) -> pb.LoggedModelOutcome:
    if await tx.logged_models.key(given.model_id) is None:
        run = await writable_run(tx, given.run_id)
        if await tx.logged_models.create(run, given, times.create_us):
            await _complete(tx, given, times)
            return pb.LoggedModelOutcome(outcome=pb.IMPORT_OUTCOME_CREATED, status=given.status, run_id=given.run_id)
    stored = await existing_model(tx, given.model_id)
    same = stored.run.run_id == given.run_id
    return pb.LoggedModelOutcome(
        outcome=pb.IMPORT_OUTCOME_EXISTS if same else pb.IMPORT_OUTCOME_ID_TAKEN,
        status=stored.status,
        run_id=stored.run.run_id,
    )


async def _complete(tx: Transaction, given: pb.LoggedModel, times: Times) -> None:
    """Adds what a new model, which is pending, does not have yet."""
    key = await existing_model(tx, given.model_id)
    if given.status != pb.LoggedModel.STATUS_PENDING:
        model = pb.LoggedModel()
        model.CopyFrom(given)
        model.ClearField("sha256")
        model.ClearField("size")
        if given.status == pb.LoggedModel.STATUS_READY:
            files = FileList(await tx.logged_models.files(key))
            model.sha256, model.size = files.sha256, files.size
        await tx.logged_models.finalize(key, model, times.update_us)
    await tx.logged_models.log_metrics(key, [timed(metric, times.update_us) for metric in given.metrics])
    await tx.logged_models.set_times(key, times.create_us, times.update_us)
