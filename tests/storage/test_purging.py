"""Purges in steps of bounded size, broken off and gone on with. Statistics and space of the database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

import pytest

from milepost import v1 as pb
from milepost_server.errors import NotFound, Unavailable
from milepost_server.services.purges import PurgeService
from milepost_server.services.runs import RunService
from milepost_server.services.upkeep import UpkeepService
from milepost_server.storage.base import RunKey, Storage, Transaction
from milepost_server.storage.upkeep import DeletedRun, PurgeChoice, PurgeStep
from support.databases import opened, sqlite_url
from support.values import param, points, unique

DAY_US = 24 * 3600 * 1_000_000


def clock() -> int:
    return DAY_US


@pytest.fixture
async def storage(database_url: str) -> AsyncIterator[Storage]:
    async with opened(database_url) as made:
        yield made


async def create(storage: Storage, number: int = 1) -> list[RunKey]:
    """Runs of a new experiment."""

    async def work(tx: Transaction) -> list[RunKey]:
        experiment = await tx.experiments.create(pb.Experiment(name=unique()), clock())
        made = [
            await tx.runs.create(pb.Run(run_id=unique(), experiment_id=str(experiment)), clock()) for _ in range(number)
        ]
        return [key for key in made if key is not None]

    return await storage.write(work)


async def delete(storage: Storage, keys: Sequence[RunKey]) -> list[DeletedRun]:
    async def work(tx: Transaction) -> None:
        for key in keys:
            await tx.runs.set_deleted(key, True, clock())

    await storage.write(work)
    return [DeletedRun(key, clock()) for key in keys]


async def append(storage: Storage, key: RunKey, metric: str, batches: int, size: int = 1) -> None:
    async def work(tx: Transaction) -> None:
        for _ in range(batches):
            await tx.metrics.append(key, [points(metric, [1.0] * size, timestamps_ms=[1] * size)], clock())

    await storage.write(work)


async def empty(storage: Storage, runs: Sequence[DeletedRun]) -> PurgeStep:
    return await storage.write(lambda tx: tx.purges.empty(runs, clock()))


async def steps_of(storage: Storage, runs: Sequence[DeletedRun]) -> list[int]:
    """Empties runs, and returns how many points each step removed."""
    removed: list[int] = []
    rest = runs
    while rest:
        step = await empty(storage, rest)
        removed.append(step.removed.metric_points)
        rest = step.rest
    return removed


async def test_models_that_a_run_made_go_in_steps(storage: Storage) -> None:
    (key,) = await create(storage)
    made = [pb.ModelOutput(model_id=f"m-{number:032x}") for number in range(600)]
    await storage.write(lambda tx: tx.runs.log_models(key, [], made))
    runs = await delete(storage, [key])
    first = await empty(storage, runs)
    assert first.rest == runs
    left = await RunService(storage, clock).get(key.run_id)
    assert 0 < len(left.model_outputs) < 100
    assert (await empty(storage, first.rest)).rest == []


async def test_a_series_of_many_chunks_goes_in_steps_of_64(storage: Storage) -> None:
    (key,) = await create(storage)
    await append(storage, key, "long", 600)
    removed = await steps_of(storage, await delete(storage, [key]))
    assert sum(removed) == 600
    assert max(removed) <= 64
    left = await storage.scan(lambda tx: tx.purges.count(PurgeChoice(run_id=key.run_id)))
    assert left == pb.PurgeSummary(runs=1)


async def test_many_small_series_of_many_runs_share_a_step(storage: Storage) -> None:
    keys = await create(storage, 20)
    for key in keys:
        await append(storage, key, "a", 2, 100)
        await append(storage, key, "b", 1)
    assert await steps_of(storage, await delete(storage, keys)) == [20 * 201]


@pytest.mark.parametrize(("models", "entries"), [(300, 1), (1, 300)])
async def test_logged_models_go_in_steps_of_some_hundred_rows(storage: Storage, models: int, entries: int) -> None:
    (key,) = await create(storage)
    names = [f"m-{uuid.uuid4().hex}" for _ in range(models)]

    async def log(tx: Transaction) -> None:
        tags = {f"t{number}": "v" for number in range(entries)}
        params = {f"p{number}": param(number) for number in range(entries)}
        for name in names:
            await tx.logged_models.create(
                key, pb.LoggedModel(model_id=name, name="m", tags=tags, params=params), clock()
            )
            made = await tx.logged_models.key(name)
            assert made is not None
            metrics = [pb.ModelMetric(key="acc", dataset_name=f"d{number}") for number in range(entries)]
            await tx.logged_models.log_metrics(made, metrics)

    await storage.write(log)
    rest: Sequence[DeletedRun] = await delete(storage, [key])
    rows = models * (1 + 3 * entries)
    steps = 0
    while rest:
        step = await empty(storage, rest)
        rest, steps = step.rest, steps + 1
    assert steps >= rows // 512
    assert list(step.emptied) == [DeletedRun(key, clock())]
    found = await storage.scan(lambda tx: tx.logged_models.get(names[0]))
    assert found is None


async def test_run_that_a_version_consists_of_by_now_is_left_alone(storage: Storage) -> None:
    keys = await create(storage, 2)
    runs = await delete(storage, keys)

    async def register(tx: Transaction) -> None:
        model = await tx.registered_models.create(pb.RegisteredModel(name=unique()), clock())
        assert model is not None
        await tx.model_versions.create(model, pb.ModelVersion(run_id=keys[0].run_id, path="model"), clock())

    await storage.write(register)
    step = await empty(storage, runs)
    assert (list(step.emptied), list(step.rest)) == (runs[1:], [])


async def test_many_artifacts_go_in_several_steps(storage: Storage) -> None:
    (key,) = await create(storage)

    async def record(tx: Transaction) -> None:
        for number in range(600):
            await tx.artifacts.put(key, pb.Artifact(path=f"{number}.bin", size=2, sha256="0" * 64), "")

    await storage.write(record)
    runs = await delete(storage, [key])
    step = await empty(storage, runs)
    assert 0 < step.removed.artifacts < 600
    assert list(step.rest) == runs
    rest = await empty(storage, runs)
    assert step.removed.artifacts + rest.removed.artifacts == 600
    assert step.removed.artifact_bytes + rest.removed.artifact_bytes == 1200
    assert list(rest.emptied) == runs


async def test_a_run_that_was_restored_meanwhile_is_left_alone(storage: Storage) -> None:
    kept, gone = await create(storage, 2)
    await append(storage, kept, "a", 3)
    runs = await delete(storage, [kept, gone])
    await storage.write(lambda tx: tx.runs.set_deleted(kept, False, clock()))
    step = await empty(storage, runs)
    assert [one.key for one in step.emptied] == [gone]
    assert step.removed.metric_points == 0


async def test_a_purge_that_breaks_off_leaves_a_deleted_run_that_the_next_one_removes(storage: Storage) -> None:
    (key,) = await create(
        storage,
    )
    await append(storage, key, "a", 3)
    await delete(storage, [key])
    deleted: list[tuple[str, ...]] = []

    async def fail(folder: tuple[str, ...]) -> None:
        raise Unavailable("no artifact store")

    async def remove(folder: tuple[str, ...]) -> None:
        deleted.append(folder)

    request = pb.PurgeRunRequest(run_id=key.run_id)
    with pytest.raises(Unavailable):
        await PurgeService(storage, fail, clock).purge_run(request)
    left = await RunService(storage, clock).get(key.run_id)
    assert left.HasField("delete_time")
    with pytest.raises(NotFound):
        await RunService(storage, clock).restore(pb.RestoreRunRequest(run_id=key.run_id))
    assert (await PurgeService(storage, remove, clock).purge_run(request)).runs == 1
    assert deleted == [(str(key.experiment_id), key.run_id)]


async def test_restoring_an_experiment_brings_back_no_run_whose_purge_has_begun(storage: Storage) -> None:
    kept, gone = await create(storage, 2)
    number = kept.experiment_id
    await storage.write(lambda tx: tx.experiments.set_deleted(number, True, clock()))
    await empty(storage, [DeletedRun(gone, clock())])
    await storage.write(lambda tx: tx.experiments.set_deleted(number, False, clock()))
    found = await storage.read(lambda tx: tx.runs.get_many([kept.run_id, gone.run_id], None))
    assert [found[key.run_id].HasField("delete_time") for key in (kept, gone)] == [False, True]


async def test_statistics_are_made_when_there_are_many_rows_and_again_when_there_are_many_more(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with opened(sqlite_url(tmp_path_factory.mktemp("database"))) as storage:
        upkeep = UpkeepService(storage)
        await create(storage, 500)
        assert not await upkeep.renew_statistics()
        assert not (await upkeep.status()).analyzed
        await create(storage, 600)
        assert "milepost db optimize" in (await upkeep.status()).advice[0]
        assert await upkeep.renew_statistics()
        assert (await upkeep.status()).analyzed
        assert not (await upkeep.status()).advice
        await create(storage, 100)
        assert not await upkeep.renew_statistics()
        await create(storage, 600)
        assert await upkeep.renew_statistics()
