"""Runs: create, read, change."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError, refused
from support.grpc_api import GrpcApi
from support.values import param, points, unique


def _time(seconds: int, nanos: int = 0) -> Timestamp:
    return Timestamp(seconds=seconds, nanos=nanos)


async def test_created_run_is_returned_as_stored(api: Api, experiment: pb.Experiment) -> None:
    created = await api.create_run(
        experiment.experiment_id,
        name="büro 🚀",
        description="d\n\t",
        user="ada",
        start_time=_time(1_600_000_000, 123_456_000),
        params={"lr": param(0.1), "depth": param(4)},
        tags={"team": "vision", "empty": ""},
    )
    assert created == await api.get_run(created.run_id)
    assert created.experiment_id == experiment.experiment_id
    assert (created.name, created.description, created.user) == ("büro 🚀", "d\n\t", "ada")
    assert created.start_time == _time(1_600_000_000, 123_456_000)
    assert dict(created.params) == {"lr": param(0.1), "depth": param(4)}
    assert dict(created.tags) == {"team": "vision", "empty": ""}


async def test_server_fills_what_a_create_leaves_out(api: Api) -> None:
    created = await api.create_run()
    assert len(created.run_id) == 32
    assert set(created.run_id) <= set("0123456789abcdef")
    assert created.experiment_id == "0"
    assert created.name
    assert created.state == pb.Run.STATE_RUNNING
    assert created.start_time.ToMicroseconds() > 0
    assert not created.HasField("end_time")
    assert created.create_time == created.update_time
    assert created.artifact_root
    assert created.etag
    assert not created.HasField("delete_time")


async def test_create_without_a_run_message_creates_one_in_the_default_experiment(api: Api) -> None:
    response = await api.call("milepost.v1.TrackingService/CreateRun", pb.CreateRunRequest())
    assert response.run.experiment_id == "0"


async def test_output_only_fields_of_a_create_are_ignored(api: Api, experiment: pb.Experiment) -> None:
    created = await api.create_run(
        experiment.experiment_id,
        metrics={"m": pb.MetricSummary(last=1.0, count=1)},
        inputs=[pb.DatasetInput(dataset=pb.Dataset(name="d"))],
        artifact_root="s3://elsewhere",
        create_time=_time(1),
        delete_time=_time(2),
        etag="mine",
    )
    assert not created.metrics
    assert not created.inputs
    assert created.artifact_root != "s3://elsewhere"
    assert created.create_time != _time(1)
    assert not created.HasField("delete_time")
    assert created.etag != "mine"


async def test_artifact_root_lies_below_that_of_the_experiment(api: Api, run: pb.Run) -> None:
    experiment = await api.get_experiment(run.experiment_id)
    assert run.artifact_root.startswith(experiment.artifact_root)
    assert run.run_id in run.artifact_root


@pytest.mark.parametrize("beginning", ["a", "0", "A-b_c", "x" * 64])
async def test_client_may_choose_the_id(api: Api, experiment: pb.Experiment, beginning: str) -> None:
    end = unique("")
    run_id = beginning[: 64 - len(end)] + end
    assert (await api.create_run(experiment.experiment_id, run_id=run_id)).run_id == run_id


@pytest.mark.parametrize("run_id", ["-a", "_a", "a b", "a/b", "é", "a.b", "a:b", "x" * 65, "a\n"])
async def test_bad_id_is_refused_and_names_the_field(api: Api, run_id: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_run(run_id=run_id)
    assert refusal.error.fields == ["run.run_id"]


async def test_taken_id_is_refused(api: Api, run: pb.Run) -> None:
    with refused("ALREADY_EXISTS", "RUN_EXISTS") as refusal:
        await api.create_run(run.experiment_id, run_id=run.run_id)
    assert run.run_id in refusal.error.metadata.values()
    assert await api.get_run(run.run_id) == run


async def test_id_of_a_deleted_run_stays_taken(api: Api, run: pb.Run) -> None:
    await api.delete_run(run.run_id)
    with refused("ALREADY_EXISTS", "RUN_EXISTS"):
        await api.create_run(run.experiment_id, run_id=run.run_id)


async def test_id_is_taken_across_experiments(api: Api, run: pb.Run) -> None:
    other = await api.create_experiment()
    with refused("ALREADY_EXISTS", "RUN_EXISTS"):
        await api.create_run(other.experiment_id, run_id=run.run_id)


async def test_one_of_32_concurrent_creates_of_an_id_wins(api: Api, experiment: pb.Experiment) -> None:
    run_id = unique("race")
    creates = (api.create_run(experiment.experiment_id, run_id=run_id, tags={"n": str(n)}) for n in range(32))
    outcomes = await asyncio.gather(*creates, return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, pb.Run)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, ApiError)]
    assert len(winners) == 1
    assert [loser.reason for loser in losers] == ["RUN_EXISTS"] * 31
    assert await api.get_run(run_id) == winners[0]


async def test_32_concurrent_creates_without_id_make_32_runs(api: Api, experiment: pb.Experiment) -> None:
    runs = await asyncio.gather(*(api.create_run(experiment.experiment_id) for _ in range(32)))
    assert len({run.run_id for run in runs}) == 32


async def test_run_of_a_missing_experiment_is_refused(api: Api) -> None:
    missing = "9" * 17
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND") as refusal:
        await api.create_run(missing)
    assert missing in refusal.error.metadata.values()


async def test_run_can_be_nested(api: Api, run: pb.Run) -> None:
    child = await api.create_run(run.experiment_id, parent_run_id=run.run_id)
    assert (await api.get_run(child.run_id)).parent_run_id == run.run_id


async def test_missing_parent_is_refused(api: Api, experiment: pb.Experiment) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND") as refusal:
        await api.create_run(experiment.experiment_id, parent_run_id="missing-parent")
    assert "missing-parent" in refusal.error.metadata.values()


async def test_parent_of_another_experiment_is_refused(api: Api, run: pb.Run) -> None:
    other = await api.create_experiment()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_run(other.experiment_id, parent_run_id=run.run_id)
    assert refusal.error.fields == ["run.parent_run_id"]


@pytest.mark.parametrize(
    "state",
    [pb.Run.STATE_SCHEDULED, pb.Run.STATE_RUNNING, pb.Run.STATE_FINISHED, pb.Run.STATE_FAILED, pb.Run.STATE_KILLED],
)
async def test_run_can_be_created_in_any_state(api: Api, state: pb.Run.State.ValueType) -> None:
    created = await api.create_run(state=state)
    assert (await api.get_run(created.run_id)).state == state


async def test_get_names_the_missing_id(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND") as refusal:
        await api.get_run("no-such-run")
    assert "no-such-run" in refusal.error.metadata.values()
    assert "no-such-run" in refusal.error.message


@pytest.mark.parametrize("run_id", ["a b", "a/../b", "é", "' OR 1=1 --", "%2e%2e", "a:logBatch"])
async def test_odd_id_does_not_exist(api: Api, run_id: str) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.get_run(run_id)


async def test_batch_get_keeps_the_order_of_the_request(api: Api, experiment: pb.Experiment) -> None:
    ids = [(await api.create_run(experiment.experiment_id)).run_id for _ in range(4)]
    wanted = [ids[3], ids[1], ids[0], ids[2]]
    assert [run.run_id for run in await api.batch_get_runs(wanted)] == wanted


async def test_batch_get_returns_whole_runs(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("m", [1.0])])
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=pb.Dataset(name="d"), context="training")])
    other = await api.create_run(run.experiment_id)
    assert await api.batch_get_runs([run.run_id, other.run_id]) == [await api.get_run(run.run_id), other]


async def test_batch_get_names_the_first_missing_id(api: Api, run: pb.Run) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND") as refusal:
        await api.batch_get_runs([run.run_id, "missing-1", "missing-2"])
    assert "missing-1" in refusal.error.metadata.values()


async def test_batch_get_returns_the_fields_of_the_mask_only(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("m", [1.0])])
    (found,) = await api.batch_get_runs([run.run_id], "run_id", "params")
    assert found == pb.Run(run_id=run.run_id, params={"p": param(1)})


async def test_batch_get_refuses_an_unknown_field_in_the_mask(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "BAD_MASK") as refusal:
        await api.batch_get_runs([run.run_id], "nope")
    assert refusal.error.fields == ["read_mask"]


async def test_update_changes_the_fields_of_the_mask_only(api: Api, experiment: pb.Experiment) -> None:
    before = await api.create_run(experiment.experiment_id, description="old", user="ada")
    change = pb.Run(run_id=before.run_id, name="new", description="new", user="bob")
    after = await api.update_run(change, "description")
    assert (after.name, after.description, after.user) == (before.name, "new", "ada")
    assert after == await api.get_run(before.run_id)


async def test_update_without_a_mask_changes_what_is_not_empty(api: Api, experiment: pb.Experiment) -> None:
    before = await api.create_run(experiment.experiment_id, description="old", user="ada")
    after = await api.update_run(pb.Run(run_id=before.run_id, user="bob", state=pb.Run.STATE_FAILED))
    assert (after.name, after.description, after.user) == (before.name, "old", "bob")
    assert after.state == pb.Run.STATE_FAILED


async def test_update_can_empty_what_the_mask_names(api: Api, experiment: pb.Experiment) -> None:
    before = await api.create_run(experiment.experiment_id, description="old", end_time=_time(5))
    after = await api.update_run(pb.Run(run_id=before.run_id), "description", "end_time")
    assert after.description == ""
    assert not after.HasField("end_time")


async def test_update_with_a_star_replaces_all(api: Api, experiment: pb.Experiment) -> None:
    before = await api.create_run(experiment.experiment_id, description="old", user="ada", tags={"t": "v"})
    change = pb.Run(run_id=before.run_id, name="star", state=pb.Run.STATE_RUNNING, start_time=_time(9))
    after = await api.update_run(change, "*")
    assert (after.name, after.description, after.user) == ("star", "", "")
    assert after.start_time == _time(9)
    assert dict(after.tags) == {"t": "v"}


@pytest.mark.parametrize(
    "path", ["nope", "run_id", "experiment_id", "parent_run_id", "params", "tags", "metrics", "etag"]
)
async def test_update_of_a_path_that_may_not_be_written_is_refused(api: Api, run: pb.Run, path: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_MASK") as refusal:
        await api.update_run(pb.Run(run_id=run.run_id, description="x"), "description", path)
    assert refusal.error.fields == ["update_mask"]
    assert await api.get_run(run.run_id) == run


async def test_state_unspecified_is_refused_in_an_update(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.update_run(pb.Run(run_id=run.run_id), "state")
    assert refusal.error.fields == ["run.state"]


@pytest.mark.parametrize("state", [pb.Run.STATE_FINISHED, pb.Run.STATE_FAILED, pb.Run.STATE_KILLED])
async def test_final_state_sets_the_end_time(api: Api, run: pb.Run, state: pb.Run.State.ValueType) -> None:
    after = await api.update_run(pb.Run(run_id=run.run_id, state=state), "state")
    assert after.state == state
    assert after.end_time.ToMicroseconds() >= run.create_time.ToMicroseconds()


async def test_final_state_keeps_a_given_end_time(api: Api, run: pb.Run) -> None:
    change = pb.Run(run_id=run.run_id, state=pb.Run.STATE_FINISHED, end_time=_time(1_700_000_000))
    after = await api.update_run(change, "state", "end_time")
    assert after.end_time == _time(1_700_000_000)


@pytest.mark.parametrize("state", [pb.Run.STATE_RUNNING, pb.Run.STATE_SCHEDULED])
async def test_finished_run_can_be_resumed(api: Api, run: pb.Run, state: pb.Run.State.ValueType) -> None:
    await api.update_run(pb.Run(run_id=run.run_id, state=pb.Run.STATE_FINISHED), "state")
    after = await api.update_run(pb.Run(run_id=run.run_id, state=state), "state")
    assert after.state == state
    assert not after.HasField("end_time")
    assert await api.log_metrics(run.run_id, points("m", [1.0])) == 1


async def test_run_that_ends_again_keeps_its_end_time(api: Api, run: pb.Run) -> None:
    first = await api.update_run(
        pb.Run(run_id=run.run_id, state=pb.Run.STATE_FAILED, end_time=_time(9)), "state", "end_time"
    )
    second = await api.update_run(pb.Run(run_id=run.run_id, state=pb.Run.STATE_KILLED), "state")
    assert second.end_time == first.end_time == _time(9)


async def test_update_moves_update_time_and_etag(api: Api, run: pb.Run) -> None:
    after = await api.update_run(pb.Run(run_id=run.run_id, description="x"), "description")
    assert after.update_time.ToNanoseconds() > run.update_time.ToNanoseconds()
    assert after.etag != run.etag


async def test_logging_leaves_update_time_and_etag(api: Api, run: pb.Run) -> None:
    await api.log_batch(run.run_id, {"p": 1}, {"t": "v"}, [points("m", [1.0])])
    after = await api.get_run(run.run_id)
    assert (after.update_time, after.etag) == (run.update_time, run.etag)


async def test_update_with_an_old_etag_is_refused(api: Api, run: pb.Run) -> None:
    await api.update_run(pb.Run(run_id=run.run_id, description="theirs", etag=run.etag), "description")
    with refused("ABORTED", "ETAG_MISMATCH"):
        await api.update_run(pb.Run(run_id=run.run_id, description="mine", etag=run.etag), "description")
    assert (await api.get_run(run.run_id)).description == "theirs"


async def test_one_of_16_concurrent_updates_with_an_etag_wins(api: Api, run: pb.Run) -> None:
    changes = (pb.Run(run_id=run.run_id, description=f"d{n}", etag=run.etag) for n in range(16))
    updates = (api.update_run(change, "description") for change in changes)
    outcomes = await asyncio.gather(*updates, return_exceptions=True)
    assert len([outcome for outcome in outcomes if isinstance(outcome, pb.Run)]) == 1
    losers = [outcome for outcome in outcomes if isinstance(outcome, ApiError)]
    assert {loser.reason for loser in losers} <= {"ETAG_MISMATCH", "CONFLICT"}
    assert len(losers) == 15


async def test_update_of_a_missing_run_is_not_found(api: Api) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.update_run(pb.Run(run_id="missing", description="x"), "description")


@pytest.mark.parametrize(
    "time", [_time(-62_135_596_800), _time(253_402_300_799, 999_999_000), _time(-1, 1_000), _time(0)]
)
async def test_extreme_times_are_kept(api: Api, experiment: pb.Experiment, time: Timestamp) -> None:
    created = await api.create_run(experiment.experiment_id, start_time=time, end_time=time)
    read = await api.get_run(created.run_id)
    assert (read.start_time, read.end_time) == (time, time)
    assert read.HasField("start_time")


@pytest.mark.parametrize(
    "time", [_time(-62_135_596_801), _time(253_402_300_800), _time(0, -1), _time(0, 1_000_000_000)]
)
async def test_time_outside_of_the_calendar_is_refused(grpc_api: GrpcApi, time: Timestamp) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await grpc_api.create_run(start_time=time)
    assert refusal.error.fields == ["run.start_time"]


async def test_tags_of_a_run_are_removed_by_key(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id, tags={"a": "1", "b": "2", "c": "3"})
    await api.delete_run_tags(run.run_id, ["a", "c"])
    assert dict((await api.get_run(run.run_id)).tags) == {"b": "2"}


async def test_removing_a_tag_that_is_not_there_removes_none(api: Api, experiment: pb.Experiment) -> None:
    run = await api.create_run(experiment.experiment_id, tags={"a": "1"})
    with refused("NOT_FOUND", "TAG_NOT_FOUND") as refusal:
        await api.delete_run_tags(run.run_id, ["a", "absent", "absent too"])
    assert "absent" in refusal.error.metadata.values()
    assert dict((await api.get_run(run.run_id)).tags) == {"a": "1"}
