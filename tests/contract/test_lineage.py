"""Logged models as inputs and outputs of runs."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import unique

UNKNOWN = f"m-{'0' * 32}"


@pytest.fixture
async def models(api: Api, run: pb.Run) -> list[str]:
    """Ids of three logged models of another run, in order."""
    maker = await api.create_run(run.experiment_id)
    return sorted([(await api.create_logged_model(maker.run_id)).model_id for _ in range(3)])


async def lineage(api: Api, run_id: str) -> tuple[list[str], list[tuple[str, int]]]:
    """The models that a run used, and those that it made with their steps."""
    found = await api.get_run(run_id)
    outputs = [(model.model_id, model.step) for model in found.model_outputs]
    return [model.model_id for model in found.model_inputs], outputs


async def test_a_run_has_the_models_that_it_used_and_made(api: Api, run: pb.Run, models: list[str]) -> None:
    first, second, third = models
    await api.log_inputs(run.run_id, [], models=[third, first])
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=pb.Dataset(name="digits"))], models=[first])
    await api.log_outputs(run.run_id, [(second, 2**63 - 1), (third, -5)])
    assert await lineage(api, run.run_id) == ([first, third], [(third, -5), (second, 2**63 - 1)])
    assert len((await api.get_run(run.run_id)).inputs) == 1


async def test_a_model_that_is_logged_again_takes_the_new_step(api: Api, run: pb.Run, models: list[str]) -> None:
    await api.log_outputs(run.run_id, [(models[0], 1), (models[1], 1), (models[1], 2)])
    await api.log_outputs(run.run_id, [(models[0], 0)])
    assert await lineage(api, run.run_id) == ([], [(models[0], 0), (models[1], 2)])


async def test_every_way_to_read_runs_tells_of_models(api: Api, run: pb.Run, models: list[str]) -> None:
    await api.log_inputs(run.run_id, [], models=models[:1])
    await api.log_outputs(run.run_id, [(models[1], 3)])
    run = await api.get_run(run.run_id)
    fields = "run_id", "model_outputs"
    narrow = pb.Run(run_id=run.run_id, model_outputs=run.model_outputs)
    listed = {one.run_id: one for one in (await api.list_runs(experiment_ids=[run.experiment_id])).runs}
    assert listed[run.run_id] == run
    mask = FieldMask(paths=fields)
    masked = await api.list_runs(experiment_ids=[run.experiment_id], filter=f"run_id = '{run.run_id}'", read_mask=mask)
    assert list(masked.runs) == [narrow]
    assert await api.batch_get_runs([run.run_id]) == [run]
    assert await api.batch_get_runs([run.run_id], *fields) == [narrow]
    named = await api.list_runs(experiment_ids=[run.experiment_id], columns=["params.none"])
    assert next(one for one in named.runs if one.run_id == run.run_id) == run


async def test_a_watch_tells_of_new_models_and_new_steps(api: Api, run: pb.Run, models: list[str]) -> None:
    await api.log_outputs(run.run_id, [(models[0], -1), (models[1], 1)])
    async with api.watch_run(run.run_id) as watch:
        whole = await watch.next()
        assert len(whole.run.model_outputs) == 2
        await api.log_outputs(run.run_id, [(models[0], -2)])
        changed = await watch.next()
        assert not changed.whole
        assert list(changed.run.model_outputs) == [pb.ModelOutput(model_id=models[0], step=-2)]
        await api.log_inputs(run.run_id, [], models=models[2:])
        news = await watch.next()
        assert list(news.run.model_inputs) == [pb.ModelInput(model_id=models[2])]
        assert not news.run.model_outputs


async def test_an_unknown_model_is_refused_and_nothing_is_stored(api: Api, run: pb.Run, models: list[str]) -> None:
    with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND", modelId=UNKNOWN):
        await api.log_outputs(run.run_id, [(models[0], 1), (UNKNOWN, 1)])
    with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND"):
        await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=pb.Dataset(name="d"))], models=[UNKNOWN])
    assert await lineage(api, run.run_id) == ([], [])
    assert not (await api.get_run(run.run_id)).inputs


async def test_a_deleted_model_may_be_named_and_a_deleted_run_takes_none(
    api: Api, run: pb.Run, models: list[str]
) -> None:
    await api.delete_logged_model(models[0])
    await api.log_outputs(run.run_id, [(models[0], 1)])
    await api.delete_run(run.run_id)
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.log_outputs(run.run_id, [(models[1], 1)])
    assert await lineage(api, run.run_id) == ([], [(models[0], 1)])


async def test_a_request_without_inputs_and_one_without_outputs_are_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as inputs:
        await api.log_inputs(run.run_id, [])
    assert inputs.error.fields == ["inputs"]
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as outputs:
        await api.log_outputs(run.run_id, [])
    assert outputs.error.fields == ["models"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as bad:
        await api.log_outputs(run.run_id, [("m-1", 1)])
    assert bad.error.fields == ["models[0].model_id"]


async def test_a_repeated_request_changes_nothing(api: Api, run: pb.Run, models: list[str]) -> None:
    request_id = unique("request")
    await api.log_outputs(run.run_id, [(models[0], 1)], request_id)
    await api.log_outputs(run.run_id, [(models[0], 2)])
    await api.log_outputs(run.run_id, [(models[0], 1)], request_id)
    assert await lineage(api, run.run_id) == ([], [(models[0], 2)])


async def test_what_a_run_made_outlives_the_model_and_goes_with_the_run(api: Api, run: pb.Run) -> None:
    maker = await api.create_run(run.experiment_id)
    model = await api.create_logged_model(maker.run_id, output_step=7)
    assert await lineage(api, maker.run_id) == ([], [(model.model_id, 7)])
    await api.log_inputs(run.run_id, [], models=[model.model_id])
    await api.delete_run(maker.run_id)
    await api.purge_run(maker.run_id)
    assert await lineage(api, run.run_id) == ([model.model_id], [])
    again = await api.create_run(run.experiment_id, run_id=maker.run_id)
    assert await lineage(api, again.run_id) == ([], [])


async def test_two_runs_that_log_each_others_models_at_once_both_succeed(api: Api, run: pb.Run) -> None:
    other = await api.create_run(run.experiment_id)
    mine = await api.create_logged_model(run.run_id)
    theirs = await api.create_logged_model(other.run_id)
    metric = pb.ModelMetric(key="acc", value=1.0)
    calls = [
        call
        for number in range(10)
        for call in (
            api.log_batch(run.run_id, tags={"n": str(number)}, model_metrics={theirs.model_id: [metric]}),
            api.log_batch(other.run_id, tags={"n": str(number)}, model_metrics={mine.model_id: [metric]}),
        )
    ]
    await asyncio.gather(*calls)
    (stored,) = (await api.get_logged_model(mine.model_id)).metrics
    assert stored.run_id == other.run_id
