"""Lists of registered models and versions: filters, order, pages, masks."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import unique

Stage = pb.ModelVersion.Stage
# Description, tags and the number of versions of each model.
MODELS: dict[str, tuple[str, dict[str, str], int]] = {
    "a": ("", {"team": "risk"}, 3),
    "b": ("Fraud, second try", {"team": "Risk", "a b.c": "x"}, 2),
    "c": ("100%_sure", {"team": "vision"}, 0),
    "d": ("Fraud", {"team": "x" * 200}, 1),
}
STAGES = {("a", 1): Stage.STAGE_ARCHIVED, ("a", 2): Stage.STAGE_PRODUCTION, ("b", 2): Stage.STAGE_STAGING}
ALIASES = {("a", 2): ["champion"], ("a", 3): ["challenger", "next"], ("b", 1): ["champion"]}


@pytest.fixture(scope="module")
async def prefix(api: Api) -> str:
    """What the names of the models of `MODELS` begin with; their last letters are its keys."""
    prefix = unique()
    for letter, (description, tags, versions) in MODELS.items():
        name = f"{prefix}-{letter}"
        await api.create_registered_model(name, description=description, tags=tags)
        for number in range(1, versions + 1):
            pending = (letter, number) == ("d", 1)
            await api.create_model_version(
                name,
                source_uri=f"s3://{letter}/{number}",
                user=f"user-{number}",
                tags={"n": str(number)},
                sha256=str(number) * 64,
                status=pb.ModelVersion.STATUS_PENDING if pending else pb.ModelVersion.STATUS_READY,
            )
            for alias in ALIASES.get((letter, number), []):
                await api.set_model_alias(name, alias, number)
            if (letter, number) in STAGES:
                await api.transition_model_version(name, number, STAGES[letter, number])
    return prefix


async def models(api: Api, prefix: str, filter_: str = "", **fields: Any) -> str:
    """Letters of the models that a filter finds, in the order in which they come."""
    mine = f"name LIKE '{prefix}-%'" + (f" AND ({filter_})" if filter_ else "")
    found = await api.list_registered_models(filter=mine, **fields)
    return "".join(model.name[-1] for model in found.registered_models)


async def versions(api: Api, prefix: str, filter_: str = "", **fields: Any) -> list[str]:
    """The versions that a filter finds, such as `a1`, in the order in which they come."""
    mine = f"name LIKE '{prefix}-%'" + (f" AND ({filter_})" if filter_ else "")
    found = await api.list_model_versions(filter=mine, **fields)
    return [f"{version.name[-1]}{version.version}" for version in found.model_versions]


async def test_newest_come_first(api: Api, prefix: str) -> None:
    assert await models(api, prefix) == "dcba"
    assert await versions(api, prefix) == ["d1", "b2", "b1", "a3", "a2", "a1"]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("tags.team = 'risk'", "a"),
        ("tags.team ILIKE 'risk'", "ab"),
        ("tags.`a b.c` IS NOT NULL", "b"),
        ("NOT tags.team = 'risk'", "bcd"),
        (f"tags.team = '{'x' * 200}'", "d"),
        ("description LIKE 'Fraud%'", "bd"),
        ("description IS NULL", "a"),
        ("description = '100%_sure'", "c"),
        ("alias = 'champion'", "ab"),
        ("alias != 'champion'", "a"),
        ("alias IN ('next', 'other')", "a"),
        ("alias LIKE 'cha%' AND tags.team = 'Risk'", "b"),
        ("alias IS NULL", "cd"),
        ("alias = 'Champion'", ""),
        ("create_time > '2020-01-01' AND update_time < '2020-01-01'", ""),
        ("model.name = 'x' OR tags.team = 'vision'", "c"),
    ],
)
async def test_filters_find_models(api: Api, prefix: str, filter_: str, expected: str) -> None:
    assert await models(api, prefix, filter_, order_by="name") == expected


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("stage = 'production'", ["a2"]),
        ("stage IN ('STAGE_STAGING', 'Archived')", ["a1", "b2"]),
        ("stage LIKE 'PROD%'", ["a2"]),
        ("current_stage = 'None'", ["a3", "b1", "d1"]),
        ("status = 'pending'", ["d1"]),
        ("alias = 'champion'", ["a2", "b1"]),
        ("alias = 'champion' AND stage = 'production'", ["a2"]),
        ("alias IS NOT NULL AND NOT alias = 'champion'", ["a3"]),
        ("version > 1", ["a2", "a3", "b2"]),
        ("version_number = '3' OR version IN (2)", ["a2", "a3", "b2"]),
        ("tags.n = '1' AND user = 'user-1'", ["a1", "b1", "d1"]),
        ("source_uri = 's3://b/2'", ["b2"]),
        ("source_uri LIKE 's3://a%' AND tags.n != '2'", ["a1", "a3"]),
        (f"sha256 = '{'3' * 64}'", ["a3"]),
        ("run_id IS NULL AND model_id IS NULL AND description IS NULL AND version = 1", ["a1", "b1", "d1"]),
    ],
)
async def test_filters_find_versions(api: Api, prefix: str, filter_: str, expected: list[str]) -> None:
    assert await versions(api, prefix, filter_, order_by="name, version") == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("name DESC", "dcba"),
        ("description", "cdba"),
        ("tags.team DESC", "dcab"),
        ("tags.`a b.c`, name DESC", "bdca"),
        ("create_time", "abcd"),
    ],
)
async def test_models_come_in_order_whatever_the_page(api: Api, prefix: str, order_by: str, expected: str) -> None:
    assert await models(api, prefix, order_by=order_by) == expected
    found, token = "", ""
    while len(found) == 0 or token:
        page = await api.list_registered_models(
            filter=f"name LIKE '{prefix}-%'", order_by=order_by, page_size=1, page_token=token
        )
        found += page.registered_models[0].name[-1]
        token = page.next_page_token
    assert found == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("version DESC, name", ["a3", "a2", "b2", "a1", "b1", "d1"]),
        ("stage, version", ["b1", "d1", "a3", "b2", "a2", "a1"]),
        ("tags.n, source_uri DESC", ["d1", "b1", "a1", "b2", "a2", "a3"]),
    ],
)
async def test_versions_come_in_order_whatever_the_page(
    api: Api, prefix: str, order_by: str, expected: list[str]
) -> None:
    assert await versions(api, prefix, order_by=order_by) == expected
    found: list[str] = []
    token = ""
    while not found or token:
        page = await api.list_model_versions(
            filter=f"name LIKE '{prefix}-%'", order_by=order_by, page_size=4, page_token=token
        )
        found += [f"{version.name[-1]}{version.version}" for version in page.model_versions]
        token = page.next_page_token
    assert found == expected


async def test_found_models_and_versions_are_whole(api: Api, prefix: str) -> None:
    found = await api.list_registered_models(filter=f"name = '{prefix}-a'", binding=1)
    assert list(found.registered_models) == [await api.get_registered_model(f"{prefix}-a")]
    listed = await api.list_model_versions(filter=f"name = '{prefix}-a' AND version = 3", binding=1)
    assert list(listed.model_versions) == [await api.get_model_version(f"{prefix}-a", 3)]
    mask = FieldMask(paths=["name", "aliases"])
    masked = await api.list_registered_models(filter=f"name = '{prefix}-b'", read_mask=mask)
    assert list(masked.registered_models) == [pb.RegisteredModel(name=f"{prefix}-b", aliases={"champion": 1})]


@pytest.mark.parametrize(
    ("method", "fields", "reason"),
    [
        ("models", {"filter": "stage = 'production'"}, "BAD_FILTER"),
        ("models", {"filter": "params.x = 1"}, "BAD_FILTER"),
        ("models", {"order_by": "alias"}, "BAD_ORDER_BY"),
        ("versions", {"filter": "stage = 'live'"}, "BAD_FILTER"),
        ("versions", {"filter": "version = 'x'"}, "BAD_FILTER"),
        ("versions", {"filter": "version LIKE '1%'"}, "BAD_FILTER"),
        ("versions", {"filter": "alias > 'a'"}, "BAD_FILTER"),
        ("versions", {"order_by": "alias"}, "BAD_ORDER_BY"),
        ("versions", {"page_token": "bm9uZQ"}, "BAD_PAGE_TOKEN"),
        ("versions", {"read_mask": FieldMask(paths=["card"])}, "BAD_MASK"),
    ],
    ids=str,
)
async def test_bad_request_is_refused(api: Api, method: str, fields: dict[str, Any], reason: str) -> None:
    with refused("INVALID_ARGUMENT", reason):
        await (api.list_registered_models(**fields) if method == "models" else api.list_model_versions(**fields))
