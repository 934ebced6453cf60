"""Registered models: create, read, change, rename, delete."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import unique

MISSING = "no such model"
SOURCE = "s3://bucket/model"


@pytest.fixture
async def model(api: Api) -> pb.RegisteredModel:
    """A registered model of the test's own, without versions."""
    return await api.create_registered_model()


async def told(api: Api, name: str) -> list[tuple[str, int, str, str, str]]:
    """Kind, version, field, before and after of all events of a model, first one first."""
    found = await api.list_registry_events(name)
    return [
        (
            pb.RegistryEvent.Kind.Name(event.kind).removeprefix("KIND_"),
            event.version,
            event.field,
            event.before,
            event.after,
        )
        for event in reversed(found.events)
    ]


async def test_created_model_is_returned_as_stored(api: Api) -> None:
    name = unique("Ünïcode 模型 🚀 'quoted' \"twice\" 100%")
    protection = {"champion": pb.AliasProtection(principals=["alice", "ml-leads"])}
    created = await api.create_registered_model(
        name, description="# Why\n\n…", tags={"team": "risk", "ключ": "значение\n"}, protected_aliases=protection
    )
    assert created == await api.get_registered_model(name)
    assert (created.name, created.description) == (name, "# Why\n\n…")
    assert dict(created.tags) == {"team": "risk", "ключ": "значение\n"}
    assert list(created.protected_aliases["champion"].principals) == ["alice", "ml-leads"]
    assert created.update_time == created.create_time
    assert created.etag
    assert await told(api, name) == [("MODEL_CREATED", 0, "", "", "")]


async def test_output_only_fields_of_a_create_are_ignored(api: Api) -> None:
    created = await api.create_registered_model(aliases={"champion": 1}, latest_version=7, version_count=7, etag="mine")
    assert not created.aliases
    assert (created.latest_version, created.version_count) == (0, 0)
    assert created.etag != "mine"


@pytest.mark.parametrize("name", ["a/b", "..", ".", "a:b", "a@b", " ", "line\nbreak", "a" * 251])
async def test_name_that_a_uri_cannot_hold_is_refused(api: Api, name: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.create_registered_model(name)
    assert refusal.error.fields == ["registered_model.name"]


async def test_names_are_exact(api: Api) -> None:
    lower = unique("model ")
    for name in (lower, lower.upper(), f"{lower} "):
        await api.create_registered_model(name, description=name)
    for name in (lower, lower.upper(), f"{lower} "):
        assert (await api.get_registered_model(name)).description == name


async def test_taken_name_is_refused(api: Api, model: pb.RegisteredModel) -> None:
    with refused("ALREADY_EXISTS", "MODEL_EXISTS", name=model.name):
        await api.create_registered_model(model.name)


async def test_model_that_does_not_exist_is_refused_by_every_method(api: Api) -> None:
    for call in (
        api.get_registered_model(MISSING),
        api.update_registered_model(pb.RegisteredModel(name=MISSING, description="x")),
        api.update_model_tags(MISSING, {"a": "b"}),
        api.update_model_tags(MISSING, {"a": "b"}, version=1),
        api.rename_registered_model(MISSING, unique()),
        api.delete_registered_model(MISSING),
        api.create_model_version(MISSING, source_uri=SOURCE),
        api.get_model_version(MISSING, 1),
        api.get_model_version_by_alias(MISSING, "champion"),
        api.get_model_version_by_alias(MISSING, "latest"),
        api.update_model_version(pb.ModelVersion(name=MISSING, version=1, description="x")),
        api.transition_model_version(MISSING, 1, pb.ModelVersion.STAGE_STAGING),
        api.delete_model_version(MISSING, 1),
        api.copy_model_version(MISSING, 1, unique()),
        api.set_model_alias(MISSING, "champion", 1),
        api.delete_model_alias(MISSING, "champion"),
    ):
        with refused("NOT_FOUND", "MODEL_NOT_FOUND", name=MISSING):
            await call


async def test_update_writes_the_masked_fields_and_tells_of_each(api: Api) -> None:
    model = await api.create_registered_model(description="old", tags={"a": "1", "b": "2"})
    given = pb.RegisteredModel(name=model.name, description="n" * 1001, tags={"b": "3", "c": "4"})
    given.protected_aliases["champion"].principals.append("alice")
    after = await api.update_registered_model(given, "*")
    assert after == await api.get_registered_model(model.name)
    assert dict(after.tags) == {"b": "3", "c": "4"}
    assert after.description == "n" * 1001
    assert after.etag != model.etag
    assert (await told(api, model.name))[1:] == [
        ("MODEL_UPDATED", 0, "description", "old", "n" * 999 + "…"),
        ("MODEL_UPDATED", 0, "protected_aliases", "", "champion: alice"),
        ("TAG_DELETED", 0, "a", "1", ""),
        ("TAG_SET", 0, "b", "2", "3"),
        ("TAG_SET", 0, "c", "", "4"),
    ]


async def test_update_without_mask_leaves_empty_fields_alone(api: Api) -> None:
    model = await api.create_registered_model(description="old", tags={"a": "1"})
    after = await api.update_registered_model(pb.RegisteredModel(name=model.name, description="new"))
    assert (after.description, dict(after.tags)) == ("new", {"a": "1"})
    emptied = await api.update_registered_model(pb.RegisteredModel(name=model.name), "description")
    assert emptied.description == ""


async def test_lost_update_and_bad_mask_are_refused(api: Api, model: pb.RegisteredModel) -> None:
    await api.update_registered_model(pb.RegisteredModel(name=model.name, description="first", etag=model.etag))
    with refused("ABORTED", "ETAG_MISMATCH"):
        await api.update_registered_model(pb.RegisteredModel(name=model.name, description="late", etag=model.etag))
    with refused("INVALID_ARGUMENT", "BAD_MASK"):
        await api.update_registered_model(pb.RegisteredModel(name=model.name), "aliases")


async def test_change_that_changes_nothing_is_no_event(api: Api) -> None:
    model = await api.create_registered_model(description="same", tags={"a": "1"})
    again = await api.update_registered_model(pb.RegisteredModel(name=model.name, description="same"))
    await api.update_model_tags(model.name, {"a": "1"})
    assert again == await api.get_registered_model(model.name) == model
    assert len(await told(api, model.name)) == 1


async def test_tags_are_set_and_removed_together_or_not_at_all(api: Api) -> None:
    model = await api.create_registered_model(tags={"a": "1", "b": "2"})
    with refused("NOT_FOUND", "TAG_NOT_FOUND", key="x"):
        await api.update_model_tags(model.name, {"c": "3"}, ["a", "x"])
    assert dict((await api.get_registered_model(model.name)).tags) == {"a": "1", "b": "2"}
    after = await api.update_model_tags(model.name, {"c": "3"}, ["a"])
    assert dict(after.registered_model.tags) == {"b": "2", "c": "3"}
    assert not after.HasField("model_version")


async def test_tags_may_not_grow_beyond_their_number(api: Api) -> None:
    model = await api.create_registered_model(tags={str(number): "" for number in range(1000)})
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        await api.update_model_tags(model.name, {"more": ""})
    await api.update_model_tags(model.name, {"more": ""}, ["0"])


async def test_rename_takes_versions_aliases_and_events_along(api: Api, model: pb.RegisteredModel) -> None:
    await api.create_model_version(model.name, source_uri=SOURCE)
    await api.set_model_alias(model.name, "champion", 1)
    name = unique("new name")
    renamed = await api.rename_registered_model(model.name, name)
    assert (renamed.name, dict(renamed.aliases), renamed.latest_version) == (name, {"champion": 1}, 1)
    assert (await api.get_model_version_by_alias(name, "champion")).name == name
    assert [found.name for found in (await api.list_model_versions(filter=f"name = '{name}'")).model_versions] == [name]
    with refused("NOT_FOUND", "MODEL_NOT_FOUND"):
        await api.get_model_version(model.name, 1)
    events = await told(api, name)
    assert [event[0] for event in events] == ["MODEL_CREATED", "VERSION_CREATED", "ALIAS_SET", "MODEL_RENAMED"]
    assert events[-1][3:] == (model.name, name)


async def test_rename_to_a_taken_name_is_refused(api: Api, model: pb.RegisteredModel) -> None:
    other = await api.create_registered_model()
    for name in (other.name, model.name):
        with refused("ALREADY_EXISTS", "MODEL_EXISTS", name=name):
            await api.rename_registered_model(model.name, name)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        await api.rename_registered_model(model.name, "a/b")


async def test_deleted_model_is_gone_with_all_but_its_events(api: Api, model: pb.RegisteredModel) -> None:
    version = await api.create_model_version(model.name, source_uri=SOURCE, tags={"a": "b"})
    await api.set_model_alias(model.name, "champion", version.version)
    await api.delete_registered_model(model.name)
    with refused("NOT_FOUND", "MODEL_NOT_FOUND"):
        await api.get_registered_model(model.name)
    assert not (await api.list_model_versions(filter=f"name = '{model.name}'")).model_versions
    assert (await told(api, model.name))[-1] == ("MODEL_DELETED", 0, "", "", "")
    again = await api.create_registered_model(model.name)
    assert (dict(again.tags), dict(again.aliases), again.version_count) == ({}, {}, 0)


async def test_repeated_requests_do_nothing_twice(api: Api) -> None:
    name = unique("model")
    ids = [unique() for _ in range(4)]
    first = await api.create_registered_model(name, request_id=ids[0])
    assert await api.create_registered_model(name, request_id=ids[0]) == first
    versions = [await api.create_model_version(name, source_uri=SOURCE, request_id=ids[1]) for _ in range(2)]
    assert versions[0] == versions[1]
    aliased = [await api.set_model_alias(name, "champion", 1, 0, request_id=ids[2]) for _ in range(2)]
    assert aliased[0] == aliased[1]
    for _ in range(2):
        await api.delete_registered_model(name, request_id=ids[3])
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        await api.delete_registered_model(unique(), request_id=ids[3])
    kinds = [event[0] for event in await told(api, name)]
    assert kinds == ["MODEL_CREATED", "VERSION_CREATED", "ALIAS_SET", "MODEL_DELETED"]
