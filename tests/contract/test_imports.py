"""Experiments and runs of other systems, brought in with their ids and times, and deleted as they were there."""

from __future__ import annotations

import asyncio
import random
import secrets
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import INT64_MAX, INT64_MIN, Json, at, param, points, unique

CREATED, EXISTS = pb.IMPORT_OUTCOME_CREATED, pb.IMPORT_OUTCOME_EXISTS
ID_TAKEN, NAME_TAKEN = pb.IMPORT_OUTCOME_ID_TAKEN, pb.IMPORT_OUTCOME_NAME_TAKEN
PAST = 1_600_000_000.123456


def foreign_id() -> str:
    """An id as file stores of MLflow make them."""
    return str(random.randrange(10**17, 10**18))


def old_experiment(**fields: Any) -> pb.Experiment:
    """An experiment of another system."""
    return pb.Experiment(**{"experiment_id": foreign_id(), "name": unique("old"), **fields})


def old_run(experiment_id: str, **fields: Any) -> pb.Run:
    """A run of another system."""
    state, run_id = pb.Run.STATE_FINISHED, secrets.token_hex(16)
    return pb.Run(**{"run_id": run_id, "experiment_id": experiment_id, "state": state, **fields})


async def test_experiment_keeps_its_id_and_times(api: Api) -> None:
    given = old_experiment(
        description="d", tags={"k": "v", "ö": ""}, create_time=at(PAST), update_time=at(PAST + 0.000001)
    )
    (outcome,) = await api.import_experiments(given)
    assert (outcome.outcome, outcome.experiment_id) == (CREATED, given.experiment_id)
    stored = await api.get_experiment(given.experiment_id)
    assert stored == await api.get_experiment_by_name(given.name)
    for field in ("artifact_root", "etag"):
        stored.ClearField(field)
    assert stored == given


async def test_experiments_that_are_there_stay_as_they_are(api: Api, experiment: pb.Experiment) -> None:
    outcomes = await api.import_experiments(
        pb.Experiment(experiment_id="0", name="Default", description="other"),
        pb.Experiment(experiment_id=f"00{experiment.experiment_id}", name=experiment.name, description="other"),
    )
    assert [outcome.outcome for outcome in outcomes] == [EXISTS, EXISTS]
    assert [outcome.experiment_id for outcome in outcomes] == ["0", experiment.experiment_id]
    assert await api.get_experiment(experiment.experiment_id) == experiment


async def test_each_taken_id_or_name_is_told_and_the_others_are_stored(api: Api, experiment: pb.Experiment) -> None:
    free = old_experiment()
    taken_id = pb.Experiment(experiment_id=experiment.experiment_id, name=unique())
    taken_name = pb.Experiment(experiment_id=foreign_id(), name=experiment.name)
    outcomes = await api.import_experiments(taken_id, taken_name, free)
    assert [outcome.outcome for outcome in outcomes] == [ID_TAKEN, NAME_TAKEN, CREATED]
    ids = [experiment.experiment_id, experiment.experiment_id, free.experiment_id]
    assert [outcome.experiment_id for outcome in outcomes] == ids


async def test_experiment_without_an_id_is_the_one_of_its_name_or_gets_the_next_id(
    api: Api, experiment: pb.Experiment
) -> None:
    known, new = await api.import_experiments(pb.Experiment(name=experiment.name), pb.Experiment(name=unique()))
    assert (known.outcome, known.experiment_id) == (EXISTS, experiment.experiment_id)
    assert (new.outcome, len(new.experiment_id) < 10) == (CREATED, True)


async def test_new_experiments_get_ids_behind_imported_ones_but_not_of_18_digits(
    api: Api, experiment: pb.Experiment
) -> None:
    ahead = str(int(experiment.experiment_id) + 1000)
    mixed = await api.import_experiments(
        pb.Experiment(name=unique()), old_experiment(), old_experiment(experiment_id=ahead)
    )
    assert [outcome.outcome for outcome in mixed] == [CREATED] * 3
    after = await api.create_experiment()
    ids = [int(mixed[0].experiment_id), int(after.experiment_id)]
    assert ids[0] > int(ahead)
    assert ids[0] < ids[1] < 10**12


async def test_run_keeps_its_id_times_and_all_below_it(api: Api, experiment: pb.Experiment) -> None:
    given = old_run(
        experiment.experiment_id,
        name="",
        state=pb.Run.STATE_KILLED,
        start_time=at(PAST),
        end_time=at(PAST - 5),
        create_time=at(PAST + 1),
        update_time=at(PAST + 2),
        user="Zoë",
        description="d",
        parent_run_id=secrets.token_hex(16),
        params={"i": param(INT64_MIN), "n": param(-0.0), "j": param(Json('{"a": 1}')), "t": param("x" * 65_535)},
        tags={"mlflow.source.name": "train.py", "empty": ""},
        inputs=[
            pb.DatasetInput(
                dataset=pb.Dataset(name=name, digest="1", schema="{}"), context="training", tags={"part": name}
            )
            for name in ("b", "a")
        ],
        model_inputs=[pb.ModelInput(model_id=f"m-{secrets.token_hex(16)}")],
        model_outputs=[pb.ModelOutput(model_id=f"m-{secrets.token_hex(16)}", step=INT64_MAX)],
    )
    (outcome,) = await api.import_runs(pb.ImportedRun(run=given))
    assert (outcome.outcome, outcome.experiment_id) == (CREATED, experiment.experiment_id)
    stored = await api.get_run(given.run_id)
    for field in ("artifact_root", "etag"):
        stored.ClearField(field)
    assert stored == given


async def test_times_that_are_missing_follow_from_those_that_are_given(api: Api, experiment: pb.Experiment) -> None:
    started = old_run(experiment.experiment_id, start_time=at(PAST))
    created = old_run(experiment.experiment_id, create_time=at(PAST))
    changed = old_run(experiment.experiment_id, update_time=at(PAST))
    await api.import_runs(*(pb.ImportedRun(run=run) for run in (started, created, changed)))
    for run in await api.batch_get_runs([started.run_id, created.run_id, changed.run_id]):
        assert {time.ToMicroseconds() for time in (run.create_time, run.update_time, run.start_time)} == {
            round(PAST * 1e6)
        }


async def test_runs_that_are_there_stay_as_they_are_and_tell_their_points(api: Api, experiment: pb.Experiment) -> None:
    given = old_run(experiment.experiment_id, name="first")
    metrics = [points("a", range(20)), points("b", [1.0]), points("a", range(3)), points("none", [])]
    await api.import_runs(pb.ImportedRun(run=given, metrics=metrics))
    before = await api.get_run(given.run_id)
    given.name = "second"
    other = old_run(experiment.experiment_id)
    known, new = await api.import_runs(
        pb.ImportedRun(run=given, metrics=[points("a", [9.0])]), pb.ImportedRun(run=other)
    )
    assert (known.outcome, dict(known.metric_points)) == (EXISTS, {"a": 23, "b": 1})
    assert (new.outcome, dict(new.metric_points)) == (CREATED, {})
    assert await api.get_run(given.run_id) == before


async def test_run_id_of_another_experiment_is_taken(api: Api, run: pb.Run) -> None:
    (outcome,) = await api.import_runs(pb.ImportedRun(run=old_run("0", run_id=run.run_id)))
    assert (outcome.outcome, outcome.experiment_id) == (ID_TAKEN, run.experiment_id)


async def test_runs_of_missing_or_deleted_experiments_are_refused(api: Api, experiment: pb.Experiment) -> None:
    stored = old_run(experiment.experiment_id)
    await api.import_runs(pb.ImportedRun(run=stored))
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await api.import_runs(pb.ImportedRun(run=old_run(foreign_id())))
    await api.delete_experiment(experiment.experiment_id)
    with refused("FAILED_PRECONDITION", "EXPERIMENT_DELETED"):
        await api.import_runs(pb.ImportedRun(run=old_run(experiment.experiment_id)))
    assert (await api.import_runs(pb.ImportedRun(run=stored)))[0].outcome == EXISTS


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"run_id": ""}, "runs[1].run.run_id"),
        ({"run_id": "first"}, "runs[1].run.run_id"),
        ({"state": 0}, "runs[1].run.state"),
        ({"params": {"p": pb.ParamValue()}}, 'runs[1].run.params["p"]'),
        ({"params": {"p": pb.ParamValue(json_value="{")}}, 'runs[1].run.params["p"].json_value'),
        ({"tags": {"t": "x" * 65_536}}, 'runs[1].run.tags["t"]'),
        ({"inputs": [pb.DatasetInput(dataset=pb.Dataset())]}, "runs[1].run.inputs[0].dataset.name"),
        ({"model_inputs": [pb.ModelInput(model_id="m")]}, "runs[1].run.model_inputs[0].model_id"),
        ({"create_time": at(PAST), "update_time": at(PAST - 1)}, "runs[1].run.update_time"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_run_that_breaks_a_rule_is_named_and_nothing_stored(
    api: Api, experiment: pb.Experiment, bad: dict[str, Any], field: str
) -> None:
    good = old_run(experiment.experiment_id, run_id=unique("first"))
    if bad.get("run_id"):
        bad = {"run_id": good.run_id}
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.import_runs(pb.ImportedRun(run=good), pb.ImportedRun(run=old_run(experiment.experiment_id, **bad)))
    assert refusal.error.fields == [field]
    assert await api.count_runs(experiment_ids=[experiment.experiment_id]) == 0


async def test_importers_at_once_store_everything_once(api: Api) -> None:
    experiments = [old_experiment() for _ in range(5)]
    runs = [
        pb.ImportedRun(
            run=old_run(
                experiments[number % 5].experiment_id,
                params={unique("p"): param(number)},
                inputs=[pb.DatasetInput(dataset=pb.Dataset(name=f"d{number % 3}"))],
            ),
            metrics=[points("loss", [float(number)] * 30)],
        )
        for number in range(40)
    ]

    async def importer(seed: int) -> tuple[list[pb.ExperimentOutcome], list[pb.RunOutcome]]:
        order = random.Random(seed)
        first = await api.import_experiments(*order.sample(experiments, 5))
        return first, await api.import_runs(*order.sample(runs, 40))

    outcomes = await asyncio.gather(*(importer(seed) for seed in range(4)))
    told = [[outcome.outcome for outcome in part] for both in outcomes for part in both]
    assert sorted(outcome for part in told for outcome in part) == [CREATED] * 45 + [EXISTS] * 135
    ids = [experiment.experiment_id for experiment in experiments]
    assert await api.count_runs(experiment_ids=ids) == 40
    for run in await api.batch_get_runs([run.run.run_id for run in runs]):
        assert (run.metrics["loss"].count, len(run.params), len(run.inputs)) == (30, 1, 1)


async def test_deletions_keep_their_times(api: Api, experiment: pb.Experiment) -> None:
    alone, together = [old_run(experiment.experiment_id) for _ in range(2)]
    await api.import_runs(*(pb.ImportedRun(run=run) for run in (alone, together)))
    deletions = {
        "experiments": [pb.ImportedDeletion(id=experiment.experiment_id, delete_time=at(PAST + 10))],
        "runs": [pb.ImportedDeletion(id=alone.run_id, delete_time=at(PAST))],
    }
    await api.import_deletions(**deletions)
    await api.import_deletions(experiments=[pb.ImportedDeletion(id=experiment.experiment_id)])
    assert (await api.get_experiment(experiment.experiment_id)).delete_time == at(PAST + 10)
    assert (await api.get_run(alone.run_id)).delete_time == at(PAST)
    assert (await api.get_run(together.run_id)).delete_time == at(PAST + 10)
    await api.restore_experiment(experiment.experiment_id)
    assert (await api.get_run(alone.run_id)).HasField("delete_time")
    assert not (await api.get_run(together.run_id)).HasField("delete_time")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("experiments", "EXPERIMENT_NOT_FOUND"),
        ("runs", "RUN_NOT_FOUND"),
        ("logged_models", "LOGGED_MODEL_NOT_FOUND"),
    ],
)
async def test_deletion_of_what_does_not_exist_is_refused_whole(api: Api, run: pb.Run, kind: str, reason: str) -> None:
    deletions = {"runs": [pb.ImportedDeletion(id=run.run_id)]}
    deletions[kind] = [*deletions.get(kind, []), pb.ImportedDeletion(id=foreign_id())]
    with refused("NOT_FOUND", reason):
        await api.import_deletions(**deletions)
    assert not (await api.get_run(run.run_id)).HasField("delete_time")
