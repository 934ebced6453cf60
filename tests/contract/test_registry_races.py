"""What must hold when many clients change the registry at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError
from support.values import unique

SOURCE = "s3://bucket/model"
CLIENTS = 20


async def _outcomes(calls: Sequence[Awaitable[Any]], *reasons: str) -> list[Any]:
    """What the calls that were accepted returned; all others failed for one of the reasons."""
    accepted = []
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, ApiError):
            assert outcome.reason in reasons, outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            accepted.append(outcome)
    return accepted


@pytest.fixture
async def name(api: Api) -> str:
    """Name of a registered model with as many versions as there are clients."""
    name = unique("model")
    for _ in range(CLIENTS):
        await api.create_model_version(name, source_uri=SOURCE, create_model=True)
    return name


async def test_of_many_who_create_a_model_one_wins(api: Api) -> None:
    name = unique("model")
    created = await _outcomes([api.create_registered_model(name) for _ in range(CLIENTS)], "MODEL_EXISTS")
    assert len(created) == 1


async def test_many_who_register_one_name_make_one_model_and_all_numbers(api: Api) -> None:
    name = unique("model")
    created = await _outcomes(
        [api.create_model_version(name, source_uri=SOURCE, create_model=True) for _ in range(CLIENTS)]
    )
    assert sorted(version.version for version in created) == list(range(1, CLIENTS + 1))
    model = await api.get_registered_model(name)
    assert (model.latest_version, model.version_count) == (CLIENTS, CLIENTS)
    events = (await api.list_registry_events(name)).events
    assert sum(event.kind == pb.RegistryEvent.KIND_MODEL_CREATED for event in events) == 1
    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences), reverse=True)


async def test_of_many_who_move_an_alias_as_they_expect_it_one_wins(api: Api, name: str) -> None:
    await api.set_model_alias(name, "champion", CLIENTS)
    moves = [api.set_model_alias(name, "champion", version, CLIENTS) for version in range(1, CLIENTS)]
    (winner,) = await _outcomes(moves, "ALIAS_MOVED")
    assert (await api.get_registered_model(name)).aliases == winner.aliases


async def test_alias_never_points_to_a_version_that_is_gone(api: Api, name: str) -> None:
    moves = [api.set_model_alias(name, "champion", version) for version in range(1, CLIENTS)]
    deletions = [api.delete_model_version(name, version) for version in range(1, CLIENTS)]
    await _outcomes([call for pair in zip(moves, deletions, strict=True) for call in pair], "MODEL_VERSION_NOT_FOUND")
    model = await api.get_registered_model(name)
    assert (dict(model.aliases), model.version_count) == ({}, 1)


async def test_of_many_who_take_a_name_by_rename_or_creation_one_wins(api: Api) -> None:
    names = [(await api.create_registered_model()).name for _ in range(CLIENTS // 2)]
    new = unique("model")
    calls: list[Awaitable[Any]] = [api.rename_registered_model(name, new) for name in names]
    calls += [api.create_registered_model(new) for _ in names]
    assert len(await _outcomes(calls, "MODEL_EXISTS")) == 1


async def test_copies_both_ways_at_once_end(api: Api) -> None:
    first, second = [(await api.create_registered_model()).name for _ in range(2)]
    for name in (first, second):
        await api.create_model_version(name, source_uri=SOURCE)
    calls = [api.copy_model_version(*pair) for pair in ((first, 1, second), (second, 1, first)) for _ in range(5)]
    assert len(await _outcomes(calls)) == 10
