"""What must hold when calls that touch the same things run at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError
from support.values import points, unique


async def _all(calls: list[Awaitable[Any]], *allowed: str) -> list[Any]:
    """What the calls that were accepted returned; the others failed for one of the `allowed` reasons."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    accepted = []
    for outcome in outcomes:
        if isinstance(outcome, ApiError):
            assert outcome.reason in allowed, outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            accepted.append(outcome)
    return accepted


def _shuffled(items: list[Any], seed: int) -> list[Any]:
    return random.Random(seed).sample(items, len(items))


async def test_batches_on_one_run_may_touch_the_same_keys_in_any_order(api: Api, run: pb.Run) -> None:
    keys = [unique("key") for _ in range(30)]

    def batch(n: int) -> Awaitable[int]:
        order = _shuffled(keys, n)
        return api.log_batch(
            run.run_id, dict.fromkeys(order, 1), dict.fromkeys(order, str(n)), [points(key, [n], [n]) for key in order]
        )

    assert await _all([batch(n) for n in range(16)]) == [30] * 16
    after = await api.get_run(run.run_id)
    assert {len(after.params), len(after.tags), len(after.metrics)} == {30}
    assert {summary.count for summary in after.metrics.values()} == {16}
    assert {summary.last for summary in after.metrics.values()} == {15.0}
    assert len(set(after.tags.values())) == 1


async def test_batches_on_many_runs_may_introduce_the_same_keys_in_any_order(
    api: Api, experiment: pb.Experiment
) -> None:
    runs = [await api.create_run(experiment.experiment_id) for _ in range(16)]
    keys = [unique("key") for _ in range(40)]

    def batch(n: int) -> Awaitable[int]:
        order = _shuffled(keys, n)
        return api.log_batch(
            runs[n].run_id, dict.fromkeys(order, n), dict.fromkeys(order, "v"), [points(key, [n]) for key in order]
        )

    assert await _all([batch(n) for n in range(16)]) == [40] * 16
    for n, after in enumerate(await api.batch_get_runs([run.run_id for run in runs])):
        assert after.params.keys() == after.tags.keys() == after.metrics.keys() == set(keys)
        assert {value.int_value for value in after.params.values()} == {n}


async def test_runs_may_log_the_same_datasets_in_any_order(api: Api, experiment: pb.Experiment) -> None:
    runs = [await api.create_run(experiment.experiment_id) for _ in range(12)]
    inputs = [pb.DatasetInput(dataset=pb.Dataset(name=f"d{n}"), context="training") for n in range(20)]
    await _all([api.log_inputs(run.run_id, _shuffled(inputs, n)) for n, run in enumerate(runs)])
    assert len((await api.list_datasets(experiment_ids=[experiment.experiment_id])).datasets) == 20
    for run in await api.batch_get_runs([run.run_id for run in runs]):
        assert len(run.inputs) == 20


async def test_experiments_may_be_retagged_at_once_in_any_order(api: Api, experiment: pb.Experiment) -> None:
    keys = [f"k{n}" for n in range(20)]
    await _all(
        [
            api.update_experiment_tags(experiment.experiment_id, dict.fromkeys(_shuffled(keys, n), str(n)))
            for n in range(16)
        ]
    )
    tags = (await api.get_experiment(experiment.experiment_id)).tags
    assert tags.keys() == set(keys)
    assert len(set(tags.values())) == 1


async def test_one_of_16_concurrent_renames_to_a_name_wins(api: Api) -> None:
    name = unique("renamed")
    experiments = [await api.create_experiment() for _ in range(16)]
    winners = await _all(
        [
            api.update_experiment(pb.Experiment(experiment_id=one.experiment_id, name=name), "name")
            for one in experiments
        ],
        "EXPERIMENT_EXISTS",
    )
    assert len(winners) == 1
    assert await api.get_experiment_by_name(name) == winners[0]


async def test_no_run_stays_active_in_an_experiment_that_is_deleted_meanwhile(api: Api) -> None:
    experiment_id = (await api.create_experiment()).experiment_id
    creates: list[Awaitable[Any]] = [api.create_run(experiment_id) for _ in range(24)]
    creates.insert(12, api.delete_experiment(experiment_id))
    await _all(creates, "EXPERIMENT_DELETED")
    assert not (await api.list_runs(experiment_ids=[experiment_id])).runs
    await api.restore_experiment(experiment_id)
    assert not (await api.list_runs(experiment_ids=[experiment_id], view=pb.VIEW_DELETED)).runs


async def test_nothing_is_written_to_a_run_once_its_delete_was_answered(api: Api, run: pb.Run) -> None:
    writes: list[Awaitable[Any]] = [api.log_metrics(run.run_id, points("m", [n])) for n in range(24)]
    writes.insert(12, api.delete_run(run.run_id))
    accepted = await _all(writes, "RUN_DELETED")
    stored = (await api.get_run(run.run_id)).metrics
    assert (stored["m"].count if "m" in stored else 0) == accepted.count(1)


async def test_purge_beside_writers_leaves_nothing_behind(api: Api, experiment: pb.Experiment) -> None:
    run_id = unique("purged")
    await api.create_run(experiment.experiment_id, run_id=run_id)
    await api.upload_artifact(run_id, "a.txt")

    async def end() -> None:
        await api.delete_run(run_id)
        await api.purge_run(run_id)

    calls: list[Awaitable[Any]] = [api.log_metrics(run_id, points("m", [n])) for n in range(12)]
    calls += [api.upload_artifact(run_id, f"{n}.txt") for n in range(6)]
    calls.insert(9, end())
    await _all(calls, "RUN_DELETED", "RUN_NOT_FOUND", "CONFLICT")
    again = await api.create_run(experiment.experiment_id, run_id=run_id)
    assert not again.metrics
    assert not (await api.list_artifacts(run_id)).artifacts


async def test_concurrent_deletes_and_restores_end_in_one_state(api: Api, experiment: pb.Experiment) -> None:
    experiment_id = experiment.experiment_id
    runs = [await api.create_run(experiment_id) for _ in range(3)]
    verbs = [api.delete_experiment, api.restore_experiment]
    await _all([verbs[n % 2](experiment_id) for n in range(16)])
    deleted = (await api.get_experiment(experiment_id)).HasField("delete_time")
    states = {run.HasField("delete_time") for run in await api.batch_get_runs([run.run_id for run in runs])}
    assert states == {deleted}


async def test_one_of_8_concurrent_purges_counts(api: Api, run: pb.Run) -> None:
    await api.log_metrics(run.run_id, points("m", [1.0]))
    await api.delete_run(run.run_id)
    purges = await _all([api.purge_run(run.run_id) for _ in range(8)], "RUN_NOT_FOUND", "CONFLICT")
    assert sum(summary.runs for summary in purges) == 1


async def test_reader_never_sees_half_of_a_batch(api: Api, run: pb.Run) -> None:
    writing = asyncio.create_task(_write_pairs(api, run.run_id))
    while not writing.done():
        seen = await api.get_run(run.run_id)
        assert seen.tags.get("a") == seen.tags.get("b")
        assert ("x" in seen.metrics) == ("y" in seen.metrics)
        if "x" in seen.metrics:
            assert seen.metrics["x"].count == seen.metrics["y"].count
    await writing


async def _write_pairs(api: Api, run_id: str) -> None:
    for n in range(20):
        await api.log_batch(run_id, tags={"a": str(n), "b": str(n)}, metrics=[points("x", [n]), points("y", [n])])


@pytest.mark.parametrize("order_by", ["", "metrics.m DESC"])
async def test_pages_beside_writers_show_no_run_twice(api: Api, experiment: pb.Experiment, order_by: str) -> None:
    experiment_id = experiment.experiment_id
    for n in range(20):
        run = await api.create_run(experiment_id, start_time=Timestamp(seconds=n + 1))
        await api.log_metrics(run.run_id, points("m", [n]))
    writing = asyncio.create_task(_create(api, experiment_id))
    seen: list[str] = []
    token = ""
    while True:
        page = await api.list_runs(experiment_ids=[experiment_id], order_by=order_by, page_size=3, page_token=token)
        seen += [run.run_id for run in page.runs]
        if not (token := page.next_page_token):
            break
    await writing
    assert len(seen) == len(set(seen)) >= 20


async def _create(api: Api, experiment_id: str) -> None:
    for _ in range(20):
        await api.create_run(experiment_id)
