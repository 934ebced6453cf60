"""Purges where there are models: logged models go with their runs, and what versions consist of stays."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.model_files import ready_model
from support.values import unique


@pytest.fixture
async def used(api: Api, run: pb.Run) -> pb.ModelVersion:
    """A version that consists of a logged model of the run, which is deleted."""
    model = await ready_model(api, run.run_id)
    version = await api.create_model_version(unique("model"), create_model=True, model_id=model.model_id)
    await api.delete_run(run.run_id)
    return version


async def test_logged_models_go_with_their_run(api: Api, run: pb.Run) -> None:
    ready = await ready_model(api, run.run_id)
    many = await api.create_logged_model(
        run.run_id, params={f"p{n}": n for n in range(700)}, tags={f"t{n}": "v" for n in range(300)}
    )
    metrics = [pb.ModelMetric(key="acc", value=n, dataset_name=f"data-{n}") for n in range(700)]
    await api.update_logged_model(many.model_id, metrics=metrics)
    few = [await api.create_logged_model(run.run_id, params={"p": n}, tags={"t": "v"}) for n in range(5)]
    await api.delete_run(run.run_id)
    assert (await api.purge_run(run.run_id)).runs == 1
    for model in (ready, many, *few):
        with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND"):
            await api.get_logged_model(model.model_id)
    again = await api.create_run(run.experiment_id, run_id=run.run_id)
    assert (
        await api.create_logged_model(again.run_id, model_id=ready.model_id)
    ).status == pb.LoggedModel.STATUS_PENDING


async def test_run_whose_files_versions_consist_of_is_not_purged(api: Api, run: pb.Run, used: pb.ModelVersion) -> None:
    versions = f"{used.name}/{used.version}"
    for dry_run in (True, False):
        with refused("FAILED_PRECONDITION", "MODEL_IN_USE", versions=versions) as refusal:
            await api.purge_run(run.run_id, dry_run=dry_run)
        assert used.name in refusal.error.message
    assert (await api.restore_run(run.run_id)).run_id == run.run_id
    assert len(await api.artifact_paths(run.run_id, used.path, recursive=True)) == 3
    await api.delete_model_version(used.name, used.version)
    await api.delete_run(run.run_id)
    assert (await api.purge_run(run.run_id)).runs == 1


async def test_run_with_a_version_of_plain_files_is_not_purged(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "plain/MLmodel")
    name = unique("model")
    await api.create_model_version(name, create_model=True, run_id=run.run_id, path="plain")
    await api.delete_run(run.run_id)
    with refused("FAILED_PRECONDITION", "MODEL_IN_USE", versions=f"{name}/1"):
        await api.purge_run(run.run_id)
    await api.delete_registered_model(name)
    assert (await api.purge_run(run.run_id)).artifacts == 1


async def test_experiment_with_such_a_run_is_not_purged_in_part(api: Api, run: pb.Run, used: pb.ModelVersion) -> None:
    other = await api.create_run(run.experiment_id)
    await api.delete_experiment(run.experiment_id)
    with refused("FAILED_PRECONDITION", "MODEL_IN_USE", versions=f"{used.name}/{used.version}"):
        await api.purge_experiment(run.experiment_id)
    assert (await api.get_run(other.run_id)).run_id == other.run_id
    await api.delete_model_version(used.name, used.version)
    assert (await api.purge_experiment(run.experiment_id)).runs == 2


async def test_purge_of_many_runs_neither_chooses_nor_counts_such_runs(
    api: Api, run: pb.Run, used: pb.ModelVersion
) -> None:
    others = [await api.create_run(run.experiment_id) for _ in range(3)]
    for other in others:
        await api.delete_run(other.run_id)
    planned = await api.purge_runs(experiment_ids=[run.experiment_id], dry_run=True)
    assert (planned.purged.runs, planned.remaining) == (3, 3)
    first = await api.purge_runs(experiment_ids=[run.experiment_id], limit=2)
    assert (first.purged.runs, first.remaining) == (2, 1)
    last = await api.purge_runs(experiment_ids=[run.experiment_id])
    assert (last.purged.runs, last.remaining) == (1, 0)
    assert (await api.get_run(run.run_id)).run_id == run.run_id
    assert (await api.get_model_version(used.name, used.version)).model_id == used.model_id
