"""Logged models that no run made: the server makes a run that holds their files."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.model_files import FILES, listed, upload_files
from support.values import unique


async def test_a_model_without_a_run_gets_one_that_holds_it(api: Api, experiment: pb.Experiment) -> None:
    made = await api.create_logged_model("", "external/é", experiment_id=experiment.experiment_id)
    assert (made.run_id, made.experiment_id) == (made.model_id, experiment.experiment_id)
    holder = await api.get_run(made.run_id)
    assert (holder.name, holder.state) == ("external/é", pb.Run.STATE_FINISHED)
    assert dict(holder.tags) == {"milepost.holds_model": made.model_id}
    assert holder.start_time == holder.end_time == holder.create_time
    await upload_files(api, made, FILES)
    ready = await api.finalize_logged_model(made.model_id, files=listed(FILES))
    assert (ready.status, ready.size) == (pb.LoggedModel.STATUS_READY, sum(map(len, FILES.values())))


async def test_an_output_step_is_recorded_with_the_holder_too(api: Api, experiment: pb.Experiment) -> None:
    made = await api.create_logged_model("", experiment_id=experiment.experiment_id, output_step=0)
    assert list((await api.get_run(made.run_id)).model_outputs) == [pb.ModelOutput(model_id=made.model_id)]


async def test_a_repeated_request_makes_one_model_and_one_run(api: Api, experiment: pb.Experiment) -> None:
    request_id, number = unique("request"), experiment.experiment_id
    made = await api.create_logged_model("", experiment_id=number, request_id=request_id)
    assert await api.create_logged_model("", experiment_id=number, request_id=request_id) == made
    assert len((await api.list_runs(experiment_ids=[experiment.experiment_id])).runs) == 1


async def test_a_model_needs_a_run_or_an_active_experiment(api: Api, experiment: pb.Experiment) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await api.create_logged_model("")
    assert refusal.error.fields == ["logged_model.run_id"]
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await api.create_logged_model("", experiment_id="999999999999")
    await api.delete_experiment(experiment.experiment_id)
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED"):
        await api.create_logged_model("", experiment_id=experiment.experiment_id)


async def test_an_experiment_beside_a_run_is_the_runs(api: Api, run: pb.Run) -> None:
    made = await api.create_logged_model(run.run_id, experiment_id=run.experiment_id)
    assert made.run_id == run.run_id
    other = await api.create_experiment()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_logged_model(run.run_id, experiment_id=other.experiment_id)
    assert refusal.error.fields == ["logged_model.experiment_id"]


@pytest.mark.parametrize("taken_by", ["model", "run"])
async def test_a_taken_id_leaves_nothing_behind(api: Api, experiment: pb.Experiment, taken_by: str) -> None:
    model_id = unique("m")
    if taken_by == "model":
        await api.create_logged_model("", model_id=model_id, experiment_id=experiment.experiment_id)
    else:
        await api.create_run(experiment.experiment_id, run_id=model_id)
    with refused("ALREADY_EXISTS", f"{'LOGGED_MODEL' if taken_by == 'model' else 'RUN'}_EXISTS"):
        await api.create_logged_model("", model_id=model_id, experiment_id=experiment.experiment_id)
    assert len((await api.list_runs(experiment_ids=[experiment.experiment_id])).runs) == 1


async def test_the_files_go_when_the_run_that_holds_them_is_purged(api: Api, experiment: pb.Experiment) -> None:
    made = await api.create_logged_model("", experiment_id=experiment.experiment_id)
    await api.delete_run(made.run_id)
    await api.purge_run(made.run_id)
    with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND"):
        await api.get_logged_model(made.model_id)
