"""Rules of which run a new logged model belongs to, and of the runs that are made for models that have none."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.services.experiment_keys import check_active
from milepost_server.services.refusals import run_exists
from milepost_server.services.run_keys import writable_run
from milepost_server.storage.base import RunKey, Transaction

HOLDER_TAG = "milepost.holds_model"
"""Tag of a run that was made to hold a logged model: the model's id."""


def check_owner(model: pb.LoggedModel) -> None:
    """Refuses a new model that has neither a run nor an experiment."""
    if not (model.run_id or model.experiment_id):
        raise invalid_field(
            "logged_model.run_id",
            "is required; set it, or logged_model.experiment_id for a model that no run made",
            reason=pb.ERROR_REASON_REQUIRED_FIELD,
        )


async def owner_of(tx: Transaction, model: pb.LoggedModel, now_us: int) -> RunKey:
    """The run of a new model with its id, kept from changing until the transaction ends; made for one without a run."""
    if not model.run_id:
        return await _make_holder(tx, model, now_us)
    run = await writable_run(tx, model.run_id)
    if model.experiment_id and int(model.experiment_id) != run.experiment_id:
        raise invalid_field(
            "logged_model.experiment_id",
            f"is {model.experiment_id}, and run {run.run_id} is of experiment {run.experiment_id}; leave it out",
        )
    return run


async def _make_holder(tx: Transaction, model: pb.LoggedModel, now_us: int) -> RunKey:
    number = str(int(model.experiment_id))
    await check_active(tx, number)
    holder = pb.Run(
        run_id=model.model_id,
        experiment_id=number,
        name=model.name,
        state=pb.Run.STATE_FINISHED,
        tags={HOLDER_TAG: model.model_id},
    )
    holder.start_time.FromMicroseconds(now_us)
    holder.end_time.CopyFrom(holder.start_time)
    made = await tx.runs.create(holder, now_us)
    if made is None:
        raise run_exists(holder.run_id)
    return made
