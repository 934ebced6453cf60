"""Deleting and restoring experiments and runs."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import points, unique


async def _deleted(api: Api, run_id: str) -> bool:
    return (await api.get_run(run_id)).HasField("delete_time")


async def test_deleted_run_can_still_be_read(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("m", [1.0])])
    before = await api.get_run(run.run_id)
    deleted = await api.delete_run(run.run_id)
    assert deleted.HasField("delete_time")
    read = await api.get_run(run.run_id)
    assert read.delete_time == deleted.delete_time
    assert (read.params, read.tags, read.metrics) == (before.params, before.tags, before.metrics)
    assert list((await api.list_metric_history(run.run_id, "m")).points.values) == [1.0]


async def test_deleting_a_deleted_run_changes_nothing(api: Api, run: pb.Run) -> None:
    first = await api.delete_run(run.run_id)
    assert (await api.delete_run(run.run_id)).delete_time == first.delete_time


async def test_deleting_a_run_leaves_its_nested_runs(api: Api, run: pb.Run) -> None:
    child = await api.create_run(run.experiment_id, parent_run_id=run.run_id)
    await api.delete_run(run.run_id)
    assert not await _deleted(api, child.run_id)


async def test_restored_run_can_be_written(api: Api, run: pb.Run) -> None:
    await api.delete_run(run.run_id)
    restored = await api.restore_run(run.run_id)
    assert not restored.HasField("delete_time")
    assert await api.log_metrics(run.run_id, points("m", [1.0])) == 1


async def test_restoring_an_active_run_changes_nothing(api: Api, run: pb.Run) -> None:
    assert await api.restore_run(run.run_id) == run


async def test_every_write_to_a_deleted_run_is_refused(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, tags={"t": "v"})
    await api.upload_artifact(run.run_id, "kept.txt")
    await api.delete_run(run.run_id)
    data = pb.DatasetInput(dataset=pb.Dataset(name="d", digest="1"))
    with refused("FAILED_PRECONDITION", "RUN_DELETED") as refusal:
        await api.update_run(pb.Run(run_id=run.run_id, description="x"), "description")
    assert run.run_id in refusal.error.metadata.values()
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.log_batch(run.run_id, {"p": 1})
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.log_metrics(run.run_id, points("m", [1.0]))
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.delete_run_tags(run.run_id, ["t"])
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.log_inputs(run.run_id, [data])
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.upload_artifact(run.run_id, "new.txt")
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.delete_artifacts(run.run_id, "kept.txt")
    assert (await api.download_artifact(run.run_id, "kept.txt")).content == b"content"
    assert not (await api.get_run(run.run_id)).params


async def test_run_below_a_deleted_parent_is_refused(api: Api, run: pb.Run) -> None:
    await api.delete_run(run.run_id)
    with refused("FAILED_PRECONDITION", "RUN_DELETED") as refusal:
        await api.create_run(run.experiment_id, parent_run_id=run.run_id)
    assert run.run_id in refusal.error.metadata.values()


async def test_deleted_experiment_takes_its_active_runs_along(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id)
    deleted = await api.delete_experiment(experiment.experiment_id)
    assert deleted.HasField("delete_time")
    assert (await api.get_experiment(experiment.experiment_id)).HasField("delete_time")
    assert await _deleted(api, run.run_id)


async def test_restore_brings_back_only_what_the_deletion_took(api: Api, experiment: pb.Experiment) -> None:
    taken = await api.create_run(experiment.experiment_id)
    gone_before = await api.create_run(experiment.experiment_id)
    await api.delete_run(gone_before.run_id)
    await api.delete_experiment(experiment.experiment_id)
    restored = await api.restore_experiment(experiment.experiment_id)
    assert not restored.HasField("delete_time")
    assert not await _deleted(api, taken.run_id)
    assert await _deleted(api, gone_before.run_id)
    assert await api.log_metrics(taken.run_id, points("m", [1.0])) == 1


async def test_deleting_twice_and_restoring_brings_the_runs_back(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id)
    first = await api.delete_experiment(experiment.experiment_id)
    assert (await api.delete_experiment(experiment.experiment_id)).delete_time == first.delete_time
    await api.restore_experiment(experiment.experiment_id)
    assert not await _deleted(api, run.run_id)


async def test_run_deleted_on_its_own_below_a_deleted_experiment_stays_deleted(
    api: Api, experiment: pb.Experiment
) -> None:
    run = await api.create_run(experiment.experiment_id)
    await api.delete_run(run.run_id)
    for _ in range(2):
        await api.delete_experiment(experiment.experiment_id)
        await api.restore_experiment(experiment.experiment_id)
    assert await _deleted(api, run.run_id)


async def test_restoring_an_active_experiment_changes_nothing(api: Api, experiment: pb.Experiment) -> None:
    gone = await api.create_run(experiment.experiment_id)
    await api.delete_run(gone.run_id)
    assert await api.restore_experiment(experiment.experiment_id) == experiment
    assert await _deleted(api, gone.run_id)


async def test_every_write_to_a_deleted_experiment_is_refused(api: Api) -> None:
    experiment = await api.create_experiment(tags={"k": "v"})
    experiment_id = experiment.experiment_id
    run = await api.create_run(experiment_id)
    await api.delete_experiment(experiment_id)
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED") as refusal:
        await api.create_run(experiment_id)
    assert experiment_id in refusal.error.metadata.values()
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED"):
        await api.update_experiment(pb.Experiment(experiment_id=experiment_id, description="x"), "description")
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED"):
        await api.update_experiment_tags(experiment_id, {"k": "w"})
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED", "RUN_DELETED"):
        await api.log_metrics(run.run_id, points("m", [1.0]))


async def test_run_of_a_deleted_experiment_is_not_restored_alone(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id)
    await api.delete_experiment(experiment.experiment_id)
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED"):
        await api.restore_run(run.run_id)


async def test_missing_run_and_experiment_are_not_found_by_each_verb(api: Api) -> None:
    for run_verb in (api.delete_run, api.restore_run, api.purge_run):
        with refused("NOT_FOUND", "RUN_NOT_FOUND"):
            await run_verb("missing-run")
    for experiment_verb in (api.delete_experiment, api.restore_experiment, api.purge_experiment):
        with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
            await experiment_verb("9" * 17)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (pb.VIEW_UNSPECIFIED, {"active"}),
        (pb.VIEW_ACTIVE, {"active"}),
        (pb.VIEW_DELETED, {"deleted"}),
        (pb.VIEW_ALL, {"active", "deleted"}),
    ],
)
async def test_view_chooses_active_or_deleted(
    api: Api, experiment: pb.Experiment, view: pb.View.ValueType, expected: set[str]
) -> None:
    await api.create_run(experiment.experiment_id, name="active")
    gone = await api.create_run(experiment.experiment_id, name="deleted")
    await api.delete_run(gone.run_id)
    listed = await api.list_runs(experiment_ids=[experiment.experiment_id], view=view)
    assert {run.name for run in listed.runs} == expected


@pytest.mark.parametrize(
    ("view", "expected"), [(pb.VIEW_ACTIVE, {"a"}), (pb.VIEW_DELETED, {"d"}), (pb.VIEW_ALL, {"a", "d"})]
)
async def test_view_chooses_active_or_deleted_experiments(
    api: Api, view: pb.View.ValueType, expected: set[str]
) -> None:
    mark = unique()
    await api.create_experiment(description="a", tags={"mark": mark})
    gone = await api.create_experiment(description="d", tags={"mark": mark})
    await api.delete_experiment(gone.experiment_id)
    listed = await api.list_experiments(filter=f"tags.mark = '{mark}'", view=view)
    assert {experiment.description for experiment in listed.experiments} == expected
