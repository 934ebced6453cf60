"""Aliases of versions of registered models."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import unique

SOURCE = "s3://bucket/model"


@pytest.fixture
async def name(api: Api) -> str:
    """Name of a registered model with three versions."""
    name = unique("model ü %2F 'x'")
    for _ in range(3):
        await api.create_model_version(name, source_uri=SOURCE, create_model=True, tags={"k": "v"})
    return name


async def test_alias_finds_its_version_until_it_is_moved_or_removed(api: Api, name: str) -> None:
    before = await api.get_registered_model(name)
    after = await api.set_model_alias(name, "champion", 1)
    assert dict(after.aliases) == {"champion": 1}
    assert after.etag != before.etag
    found = await api.get_model_version_by_alias(name, "champion")
    assert found == await api.get_model_version(name, 1)
    assert (list(found.aliases), dict(found.tags)) == (["champion"], {"k": "v"})
    await api.set_model_alias(name, "champion", 3, 1)
    assert (await api.get_model_version_by_alias(name, "champion")).version == 3
    assert not (await api.get_model_version(name, 1)).aliases
    assert not (await api.delete_model_alias(name, "champion", 3)).aliases
    with refused("NOT_FOUND", "ALIAS_NOT_FOUND", name=name, alias="champion"):
        await api.get_model_version_by_alias(name, "champion")


async def test_latest_is_the_greatest_number(api: Api, name: str) -> None:
    assert (await api.get_model_version_by_alias(name, "latest")).version == 3
    await api.delete_model_version(name, 3)
    assert (await api.get_model_version_by_alias(name, "latest")).version == 2
    empty = await api.create_registered_model()
    with refused("NOT_FOUND", "MODEL_VERSION_NOT_FOUND"):
        await api.get_model_version_by_alias(empty.name, "latest")


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v3", "V3", "3", "a b", "a/b", "ünï", "a" * 256])
async def test_alias_that_reads_as_a_version_is_refused(api: Api, name: str, alias: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.set_model_alias(name, alias, 1)
    assert refusal.error.fields == ["alias"]


async def test_aliases_are_case_sensitive(api: Api, name: str) -> None:
    aliases = {"champion": 1, "Champion": 2, "v3-rc": 3, "latest-good": 3}
    for alias, version in aliases.items():
        await api.set_model_alias(name, alias, version)
    assert dict((await api.get_registered_model(name)).aliases) == aliases
    assert (await api.get_model_version_by_alias(name, "Champion")).version == 2
    assert list((await api.get_model_version(name, 3)).aliases) == ["latest-good", "v3-rc"]


async def test_alias_that_points_elsewhere_than_expected_stays(api: Api, name: str) -> None:
    with refused("ABORTED", "ALIAS_MOVED", actual="0", expected="1"):
        await api.set_model_alias(name, "champion", 2, 1)
    await api.set_model_alias(name, "champion", 2, 0)
    with refused("ABORTED", "ALIAS_MOVED", actual="2", expected="0"):
        await api.set_model_alias(name, "champion", 3, 0)
    with refused("ABORTED", "ALIAS_MOVED", actual="2", expected="1"):
        await api.delete_model_alias(name, "champion", 1)
    assert dict((await api.get_registered_model(name)).aliases) == {"champion": 2}


async def test_what_is_not_there_is_refused(api: Api, name: str) -> None:
    with refused("NOT_FOUND", "MODEL_VERSION_NOT_FOUND", name=name, version="4"):
        await api.set_model_alias(name, "champion", 4)
    with refused("NOT_FOUND", "ALIAS_NOT_FOUND"):
        await api.delete_model_alias(name, "champion")


async def test_each_move_is_told_once(api: Api, name: str) -> None:
    for version in (1, 1, 2):
        await api.set_model_alias(name, "champion", version)
    await api.delete_model_alias(name, "champion")
    events = reversed((await api.list_registry_events(name, page_size=3)).events)
    told = [(event.kind, event.version, event.field, event.before, event.after) for event in events]
    assert told == [
        (pb.RegistryEvent.KIND_ALIAS_SET, 1, "champion", "", "1"),
        (pb.RegistryEvent.KIND_ALIAS_SET, 2, "champion", "1", "2"),
        (pb.RegistryEvent.KIND_ALIAS_DELETED, 2, "champion", "2", ""),
    ]
