"""Watches of runs and of experiments tell every change, in as few messages as the reader takes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.databases import KINDS, new_url
from support.errors import refused
from support.grpc_api import GrpcApi
from support.servers import RunningServer
from support.values import param, points, unique
from support.watching import Watch

ENDED = pb.Run.STATE_FINISHED


def merged(messages: list[pb.WatchRunResponse]) -> pb.Run:
    """The run that a reader of the messages knows."""
    run = pb.Run()
    for message in messages:
        if message.whole:
            run.CopyFrom(message.run)
            continue
        known = {name: dict(getattr(run, name)) for name in ("params", "tags", "metrics")}
        inputs = {(one.dataset.name, one.dataset.digest, one.context): one for one in run.inputs}
        run.CopyFrom(message.run)
        for name, entries in known.items():
            for key, value in entries.items():
                if key in getattr(message.run, name) or key in (*message.removed_tags, *message.removed_metrics):
                    continue
                if name == "tags":
                    run.tags[key] = value
                else:
                    getattr(run, name)[key].CopyFrom(value)
        inputs |= {(one.dataset.name, one.dataset.digest, one.context): one for one in message.run.inputs}
        del run.inputs[:]
        run.inputs.extend(inputs.values())
    return run


async def first_token(watch: Watch) -> str:
    """The token of a message that brings only that."""
    message = await watch.next()
    assert not message.ListFields() or [field.name for field, _ in message.ListFields()] == ["resume_token"]
    token: str = message.resume_token
    return token


async def test_watch_of_a_run_begins_with_the_whole_and_goes_on_with_what_is_new(api: Api, run: pb.Run) -> None:
    await api.log_batch(
        run.run_id, {"p": 1}, {"kept": "1", "gone": "1"}, [points("kept", [1.0]), points("gone", [2.0])]
    )
    async with api.watch_run(run.run_id) as watch:
        first = await watch.next()
        assert (first.whole, first.run) == (True, await api.get_run(run.run_id))
        await api.log_batch(run.run_id, {"q": 2.5}, {"kept": "2"}, [points("new", [0.5])])
        second = await watch.next()
        assert not second.whole
        assert (dict(second.run.tags), list(second.run.metrics)) == ({"kept": "2"}, ["new"])
        assert second.run.params == {"q": param(2.5)}
        assert (second.run.run_id, second.run.name) == (run.run_id, run.name)
        await api.delete_run_tags(run.run_id, ["gone"])
        assert (await watch.next()).removed_tags == ["gone"]
        await api.delete_metrics(run.run_id, "gone")
        assert (await watch.next()).removed_metrics == ["gone"]


async def test_messages_of_a_watch_add_up_to_the_run(api: Api, run: pb.Run) -> None:
    data = pb.Dataset(name="d", digest="1")
    async with api.watch_run(run.run_id) as watch:
        messages = [await watch.next()]
        for step in range(20):
            await api.log_batch(
                run.run_id, {f"p{step}": step}, {"t": str(step)}, [points(f"m{step % 3}", [step], [step])]
            )
        await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=data, context="train")])
        await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=data, context="test", tags={"a": "b"})])
        await api.update_run(pb.Run(run_id=run.run_id, state=ENDED, description="done"))
        messages += await watch.until(lambda message: message.run.state == ENDED)
    assert merged(messages) == await api.get_run(run.run_id)


async def test_mask_of_a_watch_keeps_other_changes_away(api: Api, run: pb.Run) -> None:
    async with api.watch_run(run.run_id, "state", "tags") as watch:
        assert (await watch.next()).run == pb.Run(state=run.state)
        await api.log_metrics(run.run_id, points("m", [1.0]))
        await api.update_run(pb.Run(run_id=run.run_id, state=ENDED))
        message = await watch.next()
        assert (message.run, message.whole) == (pb.Run(state=ENDED), False)


async def test_watch_of_a_run_resumes_without_the_whole_only_when_nothing_changed(api: Api, run: pb.Run) -> None:
    async with api.watch_run(run.run_id) as watch:
        token = (await watch.next()).resume_token
    async with api.watch_run(run.run_id, resume_token=token) as watch:
        assert await first_token(watch) == token
        await api.log_batch(run.run_id, tags={"a": "b"})
        message = await watch.next()
        assert (message.whole, dict(message.run.tags)) == (False, {"a": "b"})
    async with api.watch_run(run.run_id, resume_token=token) as watch:
        again = await watch.next()
        assert again.whole
        assert again.run.tags == {"a": "b"}
    async with api.watch_run(run.run_id, resume_token=message.resume_token) as watch:
        assert await first_token(watch) == again.resume_token


async def test_watch_of_a_run_tells_deletion_and_ends_with_the_purge(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id)
    async with api.watch_run(run.run_id) as watch:
        await watch.next()
        await api.delete_experiment(experiment.experiment_id)
        assert (await watch.next()).run.HasField("delete_time")
        await api.purge_run(run.run_id)
        assert await watch.next() is None


async def test_slow_reader_of_a_run_gets_few_messages_and_the_last_state(api: Api, run: pb.Run) -> None:
    async with api.watch_run(run.run_id) as watch:
        messages = [await watch.next()]
        for step in range(200):
            await api.log_batch(run.run_id, tags={"step": str(step)})
        messages += await watch.until(lambda message: message.run.tags["step"] == "199")
    assert len(messages) < 150


async def test_watch_of_an_experiment_tells_creation_change_deletion_and_purge(
    api: Api, experiment: pb.Experiment
) -> None:
    async with api.watch_experiment(experiment.experiment_id) as watch:
        await first_token(watch)
        run = await api.create_run(experiment.experiment_id, tags={"a": "b"})
        assert list((await watch.next()).runs) == [run]
        await api.log_metrics(run.run_id, points("m", [1.0]))
        assert list((await watch.next()).runs) == [await api.get_run(run.run_id)]
        await api.delete_run(run.run_id)
        assert (await watch.next()).runs[0].HasField("delete_time")
        await api.purge_run(run.run_id)
        assert (await watch.next()).purged_run_ids == [run.run_id]
        await api.delete_experiment(experiment.experiment_id)
        await api.purge_experiment(experiment.experiment_id)
        assert await watch.next() is None


async def test_deleting_an_experiment_is_told_of_each_of_its_runs(api: Api, experiment: pb.Experiment) -> None:
    runs = {(await api.create_run(experiment.experiment_id)).run_id for _ in range(3)}
    async with api.watch_experiment(experiment.experiment_id, "run_id", "delete_time") as watch:
        await first_token(watch)
        await api.delete_experiment(experiment.experiment_id)
        message = await watch.next()
        assert {run.run_id for run in message.runs if run.HasField("delete_time")} == runs
        await api.restore_experiment(experiment.experiment_id)
        assert {run.run_id for run in (await watch.next()).runs if not run.HasField("delete_time")} == runs


async def test_nothing_is_lost_between_a_list_and_a_watch(api: Api, experiment: pb.Experiment) -> None:
    number = experiment.experiment_id

    async def create(index: int) -> str:
        run = await api.create_run(number, name=f"run-{index}")
        await api.update_run(pb.Run(run_id=run.run_id, state=ENDED))
        return run.run_id

    creating = asyncio.gather(*(create(index) for index in range(30)))
    async with api.watch_experiment(number, "run_id", "state") as watch:
        await first_token(watch)
        known = {run.run_id: run.state for run in (await api.list_runs(experiment_ids=[number])).runs}
        created = await creating
        while set(known) != set(created) or set(known.values()) != {ENDED}:
            known |= {run.run_id: run.state for run in (await watch.next()).runs}


async def test_watch_of_an_experiment_resumes_with_what_changed_meanwhile(api: Api, experiment: pb.Experiment) -> None:
    number = experiment.experiment_id
    async with api.watch_experiment(number) as watch:
        token = await first_token(watch)
    created = {(await api.create_run(number)).run_id for _ in range(3)}
    async with api.watch_experiment(number, resume_token=token) as watch:
        message = await watch.next()
        assert {run.run_id for run in message.runs} == created
        (one, *_) = created
        await api.log_batch(one, tags={"a": "b"})
        assert [(run.run_id, dict(run.tags)) for run in (await watch.next()).runs] == [(one, {"a": "b"})]
    async with api.watch_experiment(number, "name", resume_token=message.resume_token) as watch:
        assert (await watch.next()).resume_token


async def test_watch_of_a_large_run_comes_whole(api: Api, run: pb.Run) -> None:
    tags = {f"tag-{index}": "x" * 40_000 for index in range(60)}
    async with api.watch_experiment(run.experiment_id) as watch:
        await first_token(watch)
        for key, value in tags.items():
            await api.log_batch(run.run_id, tags={key: value})
        message = (await watch.until(lambda message: len(message.runs[0].tags) == len(tags)))[-1]
        assert dict(message.runs[0].tags) == tags


async def test_what_cannot_be_watched_is_refused(api: Api, run: pb.Run) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.watch_run(unique()).next()
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await api.watch_experiment("999999999").next()
    with refused("INVALID_ARGUMENT", "BAD_MASK"):
        await api.watch_run(run.run_id, "nothing").next()
    with refused("INVALID_ARGUMENT", "BAD_MASK"):
        await api.watch_experiment(run.experiment_id, "nothing").next()


async def test_token_of_another_watch_is_refused(api: Api, run: pb.Run) -> None:
    other = await api.create_run()
    async with api.watch_run(run.run_id) as watch:
        token = (await watch.next()).resume_token
    async with api.watch_experiment(run.experiment_id) as watch:
        wide_token = (await watch.next()).resume_token
    for refusing in (
        api.watch_run(other.run_id, resume_token=token),
        api.watch_run(run.run_id, "state", resume_token=token),
        api.watch_run(run.run_id, resume_token=token[:-4]),
        api.watch_run(run.run_id, resume_token="x"),
        api.watch_experiment(other.experiment_id, resume_token=wide_token),
        api.watch_experiment(run.experiment_id, resume_token=token),
    ):
        with refused("INVALID_ARGUMENT", "BAD_RESUME_TOKEN"):
            await refusing.next()


async def test_reader_that_goes_away_is_forgotten(api: Api, run: pb.Run, backend: RunningServer, rest_api: Any) -> None:
    async def watchers() -> float:
        text = (await rest_api.send("GET", "/metrics", None)).text
        (line,) = [line for line in text.splitlines() if line.startswith("milepost_watchers ")]
        return float(line.split()[1])

    async with api.watch_run(run.run_id) as watch, api.watch_experiment(run.experiment_id) as wide:
        await watch.next()
        await wide.next()
        assert await watchers() >= 2
    async with asyncio.timeout(60):
        while await watchers():
            pass


@pytest.mark.parametrize("database", KINDS)
async def test_watches_end_with_the_server_and_go_on_with_the_next(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    await _end_and_go_on(tmp_path, new_url(request, database, tmp_path))


async def _end_and_go_on(folder: Path, url: str) -> None:
    server = await asyncio.to_thread(RunningServer, folder, database_url=url)
    api = GrpcApi(server.grpc_address, "")
    run = await api.create_run()
    async with api.watch_run(run.run_id) as watch, api.watch_experiment("0") as wide:
        token, wide_token = (await watch.next()).resume_token, (await wide.next()).resume_token
        await asyncio.to_thread(server.stop)
        assert await watch.next() is None
        assert await wide.next() is None
    await api.close()
    server = await asyncio.to_thread(RunningServer, folder, database_url=url)
    api = GrpcApi(server.grpc_address, "")
    async with api.watch_run(run.run_id, resume_token=token) as watch:
        assert await first_token(watch) == token
        await api.log_batch(run.run_id, tags={"a": "b"})
        assert dict((await watch.next()).run.tags) == {"a": "b"}
    async with api.watch_experiment("0", "tags", resume_token=wide_token) as wide:
        assert [dict(run.tags) for run in (await wide.next()).runs] == [{"a": "b"}]
    await api.close()
    await asyncio.to_thread(server.stop)


async def test_watches_leave_room_for_other_calls_and_are_bounded_by_their_own_number(tmp_path: Path) -> None:
    server = await asyncio.to_thread(RunningServer, tmp_path, max_concurrent_calls=1, max_watches=2)
    api = GrpcApi(server.grpc_address, "")
    run = await api.create_run()
    async with api.watch_run(run.run_id) as watch, api.watch_metrics([run.run_id]) as other:
        await watch.next()
        await other.next()
        assert await api.get_run(run.run_id) == run
        with refused("RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"):
            await api.watch_experiment("0").next()
    await api.close()
    await asyncio.to_thread(server.stop)
