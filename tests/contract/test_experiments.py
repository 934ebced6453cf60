"""Experiments: create, read, change."""

from __future__ import annotations

import asyncio

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError, refused
from support.values import unique

MISSING_ID = "9" * 17


async def test_created_experiment_is_returned_as_stored(api: Api) -> None:
    name = unique("Ünïcode 实验 🚀")
    created = await api.create_experiment(name, description="# Why\n\n…", tags={"team": "vision", "ключ": "значение\n"})
    assert created == await api.get_experiment(created.experiment_id)
    assert (created.name, created.description) == (name, "# Why\n\n…")
    assert dict(created.tags) == {"team": "vision", "ключ": "значение\n"}


async def test_server_fills_the_output_only_fields(api: Api) -> None:
    created = await api.create_experiment()
    assert created.experiment_id.isdecimal()
    assert int(created.experiment_id) > 0
    assert created.artifact_root
    assert created.etag
    assert created.create_time.ToMicroseconds() > 0
    assert created.update_time == created.create_time
    assert not created.HasField("delete_time")


async def test_output_only_fields_of_a_create_are_ignored(api: Api) -> None:
    given = {"experiment_id": "77", "artifact_root": "s3://elsewhere", "etag": "mine"}
    created = await api.create_experiment(**given)
    assert created.experiment_id != "77"
    assert created.artifact_root != "s3://elsewhere"
    assert created.etag != "mine"


async def test_ids_are_never_used_again(api: Api) -> None:
    first = await api.create_experiment()
    await api.delete_experiment(first.experiment_id)
    await api.purge_experiment(first.experiment_id)
    second = await api.create_experiment()
    assert int(second.experiment_id) > int(first.experiment_id)


async def test_default_experiment_exists_from_the_start(api: Api) -> None:
    assert (await api.get_experiment("0")).name == "Default"


async def test_taken_name_is_refused(api: Api, experiment: pb.Experiment) -> None:
    with refused("ALREADY_EXISTS", "EXPERIMENT_EXISTS") as refusal:
        await api.create_experiment(experiment.name)
    assert experiment.name in refusal.error.metadata.values()


async def test_name_of_a_deleted_experiment_stays_taken(api: Api, experiment: pb.Experiment) -> None:
    await api.delete_experiment(experiment.experiment_id)
    with refused("ALREADY_EXISTS", "EXPERIMENT_EXISTS"):
        await api.create_experiment(experiment.name)


async def test_names_differ_by_case_and_by_trailing_space(api: Api) -> None:
    name = unique("case")
    ids = {(await api.create_experiment(other)).experiment_id for other in (name, name.upper(), f"{name} ")}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "beginning", ["x" * 250, "é" * 250, "🚀" * 250, "a/b%2Fc?d#e&f=g+h", "' OR 1=1 --", "100%_", " padded"]
)
async def test_unusual_names_are_kept_and_found(api: Api, beginning: str) -> None:
    end = unique("")
    name = f"{beginning[: 249 - len(end)]} {end}"
    created = await api.create_experiment(name)
    assert created.name == name
    assert await api.get_experiment_by_name(name) == created


@pytest.mark.parametrize("name", ["", " ", "\t", "x" * 251, "a\nb", "nul\x00", "del\x7f"])
async def test_bad_name_is_refused_and_names_the_field(api: Api, name: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD") as refusal:
        await api.create_experiment(name)
    assert refusal.error.fields == ["experiment.name"]


async def test_get_names_the_missing_id(api: Api) -> None:
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND") as refusal:
        await api.get_experiment(MISSING_ID)
    assert MISSING_ID in refusal.error.message
    assert MISSING_ID in refusal.error.metadata.values()


@pytest.mark.parametrize("experiment_id", ["abc", "-1", "1.5", "9" * 20, "٣"])
async def test_id_that_is_no_decimal_integer_is_refused(api: Api, experiment_id: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.get_experiment(experiment_id)
    assert refusal.error.fields == ["experiment_id"]


async def test_greatest_id_does_not_exist(api: Api) -> None:
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await api.get_experiment("9" * 18)


async def test_get_by_name_names_the_missing_name(api: Api) -> None:
    missing = unique("missing")
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND") as refusal:
        await api.get_experiment_by_name(missing)
    assert missing in refusal.error.metadata.values()


async def test_batch_get_keeps_the_order_of_the_request(api: Api) -> None:
    ids = [(await api.create_experiment()).experiment_id for _ in range(4)]
    wanted = [ids[2], ids[0], ids[3], ids[1]]
    assert [found.experiment_id for found in await api.batch_get_experiments(wanted)] == wanted


async def test_batch_get_returns_whole_experiments(api: Api) -> None:
    created = await api.create_experiment(description="d", tags={"k": "v"})
    assert await api.batch_get_experiments([created.experiment_id]) == [created]


async def test_batch_get_names_the_first_missing_id(api: Api, experiment: pb.Experiment) -> None:
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND") as refusal:
        await api.batch_get_experiments([experiment.experiment_id, MISSING_ID, str(int(MISSING_ID) + 1)])
    assert MISSING_ID in refusal.error.metadata.values()


async def test_batch_get_of_nothing_is_refused(api: Api) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await api.batch_get_experiments([])
    assert refusal.error.fields == ["experiment_ids"]


async def test_update_changes_the_fields_of_the_mask_only(api: Api) -> None:
    before = await api.create_experiment(description="old", tags={"k": "v"})
    name = unique("renamed")
    change = pb.Experiment(experiment_id=before.experiment_id, name=name, description="new", tags={"other": "x"})
    after = await api.update_experiment(change, "name")
    assert (after.name, after.description, dict(after.tags)) == (name, "old", {"k": "v"})
    assert after == await api.get_experiment(before.experiment_id)


async def test_update_without_a_mask_changes_what_is_not_empty(api: Api) -> None:
    before = await api.create_experiment(description="old", tags={"k": "v"})
    change = pb.Experiment(experiment_id=before.experiment_id, description="new")
    after = await api.update_experiment(change)
    assert (after.name, after.description, dict(after.tags)) == (before.name, "new", {"k": "v"})


async def test_update_can_empty_a_field_that_the_mask_names(api: Api) -> None:
    before = await api.create_experiment(description="old", tags={"k": "v"})
    after = await api.update_experiment(pb.Experiment(experiment_id=before.experiment_id), "description", "tags")
    assert (after.name, after.description, dict(after.tags)) == (before.name, "", {})


async def test_update_with_a_star_replaces_all(api: Api) -> None:
    before = await api.create_experiment(description="old", tags={"k": "v", "gone": "x"})
    change = pb.Experiment(experiment_id=before.experiment_id, name=unique("star"), tags={"k": "w"})
    after = await api.update_experiment(change, "*")
    assert (after.name, after.description, dict(after.tags)) == (change.name, "", {"k": "w"})


async def test_update_with_a_star_does_not_remove_the_name(api: Api, experiment: pb.Experiment) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD", "INVALID_FIELD") as refusal:
        await api.update_experiment(pb.Experiment(experiment_id=experiment.experiment_id, description="d"), "*")
    assert refusal.error.fields == ["experiment.name"]
    assert await api.get_experiment(experiment.experiment_id) == experiment


@pytest.mark.parametrize("path", ["nope", "create_time", "experiment_id", "artifact_root", "tags.key", "name.x"])
async def test_update_of_a_path_that_may_not_be_written_is_refused(
    api: Api, experiment: pb.Experiment, path: str
) -> None:
    change = pb.Experiment(experiment_id=experiment.experiment_id, description="new")
    with refused("INVALID_ARGUMENT", "BAD_MASK") as refusal:
        await api.update_experiment(change, "description", path)
    assert refusal.error.fields == ["update_mask"]
    assert await api.get_experiment(experiment.experiment_id) == experiment


async def test_update_moves_update_time_and_etag(api: Api, experiment: pb.Experiment) -> None:
    change = pb.Experiment(experiment_id=experiment.experiment_id, description="new")
    after = await api.update_experiment(change, "description")
    assert after.update_time.ToNanoseconds() > experiment.update_time.ToNanoseconds()
    assert after.create_time == experiment.create_time
    assert after.etag != experiment.etag


async def test_update_with_the_stored_etag_is_accepted(api: Api, experiment: pb.Experiment) -> None:
    change = pb.Experiment(experiment_id=experiment.experiment_id, description="new", etag=experiment.etag)
    assert (await api.update_experiment(change, "description")).description == "new"


async def test_update_with_an_old_etag_is_refused(api: Api, experiment: pb.Experiment) -> None:
    change = pb.Experiment(experiment_id=experiment.experiment_id, description="mine", etag=experiment.etag)
    await api.update_experiment(pb.Experiment(experiment_id=experiment.experiment_id, description="theirs"))
    with refused("ABORTED", "ETAG_MISMATCH"):
        await api.update_experiment(change, "description")
    assert (await api.get_experiment(experiment.experiment_id)).description == "theirs"


async def test_update_to_a_taken_name_is_refused(api: Api, experiment: pb.Experiment) -> None:
    other = await api.create_experiment()
    change = pb.Experiment(experiment_id=other.experiment_id, name=experiment.name, description="half")
    with refused("ALREADY_EXISTS", "EXPERIMENT_EXISTS"):
        await api.update_experiment(change, "name", "description")
    assert await api.get_experiment(other.experiment_id) == other


async def test_update_to_its_own_name_is_accepted(api: Api, experiment: pb.Experiment) -> None:
    change = pb.Experiment(experiment_id=experiment.experiment_id, name=experiment.name)
    assert (await api.update_experiment(change, "name")).name == experiment.name


async def test_update_of_a_missing_experiment_is_not_found(api: Api) -> None:
    with refused("NOT_FOUND", "EXPERIMENT_NOT_FOUND"):
        await api.update_experiment(pb.Experiment(experiment_id=MISSING_ID, description="d"), "description")


async def test_tags_are_set_and_removed_beside_the_others(api: Api) -> None:
    before = await api.create_experiment(tags={"keep": "1", "change": "2", "drop": "3"})
    after = await api.update_experiment_tags(before.experiment_id, {"change": "two", "new": ""}, ["drop"])
    assert dict(after.tags) == {"keep": "1", "change": "two", "new": ""}
    assert after == await api.get_experiment(before.experiment_id)


async def test_removing_a_tag_that_is_not_there_stores_nothing(api: Api) -> None:
    before = await api.create_experiment(tags={"k": "v"})
    with refused("NOT_FOUND", "TAG_NOT_FOUND") as refusal:
        await api.update_experiment_tags(before.experiment_id, {"new": "x"}, ["k", "absent"])
    assert "absent" in refusal.error.metadata.values()
    assert await api.get_experiment(before.experiment_id) == before


@pytest.mark.parametrize(
    ("tags", "field"),
    [
        ({"": "v"}, "tags"),
        ({"k" * 251: "v"}, "tags"),
        ({"k": "v" * 20_001}, "tags"),
        ({str(i): "" for i in range(101)}, "tags"),
    ],
    ids=["empty key", "long key", "long value", "too many"],
)
async def test_tags_beyond_their_limits_are_refused(api: Api, tags: dict[str, str], field: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_experiment(tags=tags)
    assert refusal.error.fields[0].startswith(f"experiment.{field}")


async def test_one_of_32_concurrent_creates_of_a_name_wins(api: Api) -> None:
    name = unique("race")
    outcomes = await asyncio.gather(*(api.create_experiment(name) for _ in range(32)), return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, pb.Experiment)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, ApiError)]
    assert len(winners) == 1
    assert [loser.reason for loser in losers] == ["EXPERIMENT_EXISTS"] * 31
    assert (await api.get_experiment_by_name(name)) == winners[0]
