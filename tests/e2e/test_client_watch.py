"""Watches of the clients: they put messages together, and go on where a connection or a server ended."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost.aio import AsyncClient
from milepost.client import Client, Run, RunState
from milepost.errors import ExperimentNotFound, RunNotFound, UnavailableError
from support.servers import RunningServer

Restart = Callable[[], None]


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc_address) as made:
        yield made


@pytest.fixture
def run(client: Client) -> Run:
    return client.experiments.create(f"watch-{uuid.uuid4().hex[:8]}").create_run("watched")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[Client, Restart]]:
    """A client of a server, and what puts another server in its place."""
    servers = [RunningServer(tmp_path)]

    def restart() -> None:
        servers[-1].stop()
        servers.append(RunningServer(tmp_path, grpc_port=servers[-1].grpc_port))

    with Client(servers[0].grpc_address) as made:
        yield made, restart
    servers[-1].stop()


def test_watched_run_is_whole_each_time(client: Client, run: Run) -> None:
    with run.watch() as watch:
        assert next(watch).proto == run.refresh().proto
        run.log_batch(params={"lr": 0.1}, tags={"a": "1", "b": "1"}, metrics={"loss": 1.0})
        assert next(watch).proto == run.refresh().proto
        run.log_inputs([pb.DatasetInput(dataset=pb.Dataset(name="d", digest="1"))])
        assert next(watch).proto == run.refresh().proto
        run.log_inputs([pb.DatasetInput(dataset=pb.Dataset(name="d", digest="1"), tags={"x": "y"})])
        assert next(watch).proto == run.refresh().proto
        model = client.logged_models.create(run.run_id, "net", output_step=2)
        assert next(watch).proto == run.refresh().proto
        second = client.logged_models.create(run.run_id, "net", output_step=1)
        assert next(watch).proto == run.refresh().proto
        run.log_outputs([model.model_id])
        assert next(watch).proto == run.refresh().proto
        run.log_inputs(models=[second.model_id])
        assert next(watch).proto == run.refresh().proto
        run.delete_tags("a")
        assert next(watch).tags == {"b": "1"}
        client.metrics.delete(run.run_id, ["loss"])
        assert next(watch).metrics == {}
        run.end()
        assert next(watch).state is RunState.FINISHED


def test_watch_ends_when_the_run_is_purged(run: Run) -> None:
    with run.watch(fields=("run_id", "delete_time")) as watch:
        assert not next(watch).deleted
        run.delete()
        assert next(watch).deleted
        run.purge()
        assert list(watch) == []


def test_watch_of_an_experiment_misses_nothing_after_its_first_item(client: Client, run: Run) -> None:
    with client.experiments.watch(run.experiment_id) as watch:
        assert next(watch).runs == []
        assert [one.run_id for one in client.runs.list([run.experiment_id])] == [run.run_id]
        other = client.runs.create(run.experiment_id)
        assert [one.run_id for one in next(watch).runs] == [other.run_id]
        token = watch.resume_token
    other.delete()
    with client.experiments.watch(run.experiment_id, resume_token=token) as watch:
        assert other.run_id in [one.run_id for one in next(watch).runs if one.deleted]
        other.purge()
        assert next(watch).purged_run_ids == [other.run_id]


def test_watched_points_come_once_also_over_two_watches(run: Run) -> None:
    run.log_metrics([pb.MetricPoints(key="a", values=[1, 2], steps=[1, 2]), pb.MetricPoints(key="b", values=[3])])
    with run.watch_metrics() as watch:
        assert (watch.resume_token, next(watch).values) == ("", [1, 2])
        assert watch.resume_token == ""
        assert next(watch).key == "b"
        token = watch.resume_token
    run.log_metrics({"a": 4.0}, step=4)
    with run._client.metrics.watch([run.run_id], resume_token=token) as watch:
        update = next(watch)
    assert (update.run_id, update.key, update.steps, update.values) == (run.run_id, "a", [4], [4])
    assert not update.restarted


def test_watches_go_on_with_the_next_server(own_server: tuple[Client, Restart]) -> None:
    client, restart = own_server
    run = client.runs.create()
    run.log_metrics({"loss": 1.0})
    with (
        run.watch(fields=("tags",)) as watch,
        run.watch_metrics() as points,
        client.experiments.watch("0") as experiment,
    ):
        assert next(watch).tags == {}
        assert next(points).values == [1.0]
        next(experiment)
        restart()
        run.log_batch(tags={"a": "b"}, metrics={"loss": 2.0})
        assert next(watch).tags == {"a": "b"}
        assert next(points).values == [2.0]
        assert next(one for changes in experiment for one in changes.runs if one.tags).run_id == run.run_id


def test_watch_can_be_closed_from_another_thread(run: Run) -> None:
    watch = run.watch()
    next(watch)
    threading.Thread(target=watch.close).start()
    assert list(watch) == []


def test_what_is_not_there_is_said_when_it_is_read(client: Client) -> None:
    with pytest.raises(RunNotFound):
        next(client.runs.watch("nothing"))
    with pytest.raises(RunNotFound):
        next(client.metrics.watch(["nothing"]))
    with pytest.raises(ExperimentNotFound):
        next(client.experiments.watch("123456789"))


def test_server_that_is_away_is_waited_for_as_long_as_the_timeout() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(UnavailableError):
        next(client.runs.watch("x", timeout=0.5))


async def test_asynchronous_watches_go_on_with_the_next_server(own_server: tuple[Client, Restart]) -> None:
    sync, restart = own_server
    async with AsyncClient(sync.config.address) as client:
        run = await client.runs.create()
        async with run.watch() as watch, run.watch_metrics() as points, client.experiments.watch("0") as experiment:
            assert (await anext(watch)).tags == {}
            assert (await anext(experiment)).runs == []
            await run.log_batch(tags={"a": "b"}, metrics={"loss": 1.0})
            assert (await anext(watch)).tags == {"a": "b"}
            assert (await anext(points)).values == [1.0]
            assert [one.tags for one in (await anext(experiment)).runs] == [{"a": "b"}]
            await asyncio.to_thread(restart)
            await run.log_batch(tags={"a": "c"}, metrics={"loss": 2.0})
            assert (await anext(points)).values == [2.0]
            async for seen in watch:
                if seen.tags == {"a": "c"}:
                    watch.close()
            await run.delete()
            await run.purge()
            assert (await anext(points)).restarted
