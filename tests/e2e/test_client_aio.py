"""The asynchronous client against a real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

import milepost
from milepost import errors
from milepost import v1 as pb
from milepost.aio import AsyncExperiment
from support.servers import RunningServer


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[milepost.AsyncClient]:
    async with milepost.AsyncClient(server.grpc_address) as connected:
        yield connected


@pytest.fixture
async def experiment(client: milepost.AsyncClient) -> AsyncExperiment:
    return await client.experiments.create(f"aio-{uuid.uuid4().hex}")


async def test_server_info_is_read(client: milepost.AsyncClient) -> None:
    assert (await client.server_info()).version == milepost.__version__


async def test_a_run_is_created_logged_to_ended_and_read(experiment: AsyncExperiment) -> None:
    run = await experiment.create_run(params={"lr": 0.1})
    await run.log_params({"j": [1, 2]})
    await run.log_metrics({"loss": 0.5}, step=3)
    await run.set_tags({"t": "x"})
    await run.end()
    await run.refresh()
    assert (run.params, run.metrics, run.tags) == ({"lr": 0.1, "j": [1, 2]}, {"loss": 0.5}, {"t": "x"})
    assert run.state is milepost.RunState.FINISHED
    assert (await run.metric_history("loss")).steps.tolist() == [3]


async def test_lists_are_asynchronous_iterators(client: milepost.AsyncClient, experiment: AsyncExperiment) -> None:
    for number in range(3):
        await experiment.create_run(params={"n": number})
    runs = client.runs.list(experiment=experiment.name, order_by="params.n", page_size=2)
    assert [run.params["n"] async for run in runs] == [0, 1, 2]
    assert [len(page) async for page in runs.pages()] == [2, 1]
    first = await experiment.runs("params.n = 2").first()
    assert first is not None
    assert [e.name for e in await client.experiments.list(filter=f"name = '{experiment.name}'").to_list()] == [
        experiment.name
    ]


async def test_many_calls_at_once_share_the_connection(
    client: milepost.AsyncClient, experiment: AsyncExperiment
) -> None:
    runs = await asyncio.gather(*(experiment.create_run() for _ in range(20)))
    found = await client.runs.batch_get([run.run_id for run in runs])
    assert [run.run_id for run in found] == [run.run_id for run in runs]


async def test_get_or_create_by_many_makes_one(client: milepost.AsyncClient) -> None:
    name = f"race-{uuid.uuid4().hex}"
    made = await asyncio.gather(*(client.experiments.get_or_create(name) for _ in range(8)))
    assert len({experiment.experiment_id for experiment in made}) == 1


async def test_a_run_is_deleted_restored_and_purged(client: milepost.AsyncClient, experiment: AsyncExperiment) -> None:
    run = await experiment.create_run()
    await run.delete()
    await run.restore()
    await run.delete()
    assert (await run.purge(dry_run=True)).runs == 1
    await run.purge()
    with pytest.raises(errors.RunNotFound) as caught:
        await client.runs.get(run.run_id)
    assert caught.value.metadata == {"runId": run.run_id}


async def test_tags_and_fields_of_an_experiment_change(experiment: AsyncExperiment) -> None:
    await experiment.set_tags({"a": "1", "b": "2"})
    await experiment.delete_tags("a")
    await experiment.update(description="d")
    await experiment.refresh()
    assert (experiment.tags, experiment.description) == ({"b": "2"}, "d")
    await experiment.delete()
    await experiment.restore()
    assert not experiment.deleted


async def test_runs_are_counted_and_grouped_and_their_keys_and_values_listed(
    client: milepost.AsyncClient, experiment: AsyncExperiment
) -> None:
    await experiment.create_run(params={"opt": "a"}, tags={"t": "x"})
    assert await client.runs.count(experiment=experiment.name) == 1
    assert [group.runs async for group in client.runs.group(["params.opt"], experiment=experiment.name)] == [1]
    assert [key async for key in client.runs.keys("tags", experiment=experiment.name)] == ["t"]
    assert [value.text async for value in client.runs.values("tags.t", experiment=experiment.name)] == ["x"]


async def test_inputs_are_logged_and_listed(client: milepost.AsyncClient, experiment: AsyncExperiment) -> None:
    run = await experiment.create_run()
    await run.log_inputs([pb.DatasetInput(dataset=pb.Dataset(name="d"))])
    await run.update(name="renamed")
    found = await client.datasets.list(experiment=experiment.name).to_list()
    assert [item.dataset.name for item in found] == ["d"]
    assert run.name == "renamed"


async def test_a_metric_stream_can_be_driven_by_hand(client: milepost.AsyncClient, experiment: AsyncExperiment) -> None:
    run = await experiment.create_run()

    async def requests() -> AsyncIterator[pb.StreamMetricsRequest]:
        yield pb.StreamMetricsRequest(open=pb.StreamMetricsOpen(run_id=run.run_id, writer_id="w"))
        points = pb.MetricPoints(key="loss", values=[0.5])
        yield pb.StreamMetricsRequest(batch=pb.StreamMetricsBatch(sequence=1, metrics=[points]))

    answers = [answer.WhichOneof("message") async for answer in client.metrics.stream(requests())]
    assert answers == ["opened", "ack", "ack"]
    assert (await run.refresh()).metrics == {"loss": 0.5}


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with milepost.AsyncClient("127.0.0.1:1", timeout_s=1) as nowhere:
        with pytest.raises(errors.UnavailableError):
            await nowhere.server_info()
