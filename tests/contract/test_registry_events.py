"""What happened in the registry: as pages, latest first, and as it happens, in order."""

from __future__ import annotations

import asyncio

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.values import unique

Kind = pb.RegistryEvent


async def test_an_event_says_who_did_what_when_and_from_what_to_what(api: Api) -> None:
    name = unique("model")
    await api.create_registered_model(name, headers={"milepost-user": "Zo%C3%AB"})
    await api.update_registered_model(pb.RegisteredModel(name=name, description="x" * 2000))
    updated, created = (await api.list_registry_events(name)).events
    assert (created.kind, created.name, created.user, created.version) == (Kind.KIND_MODEL_CREATED, name, "Zoë", 0)
    assert (updated.kind, updated.field, updated.user) == (Kind.KIND_MODEL_UPDATED, "description", "")
    assert (updated.before, len(updated.after), updated.after[-1]) == ("", 1000, "…")
    assert updated.sequence > created.sequence
    assert updated.time.ToMicroseconds() >= created.time.ToMicroseconds() > 0


async def test_events_follow_a_model_to_its_new_name_and_stay_when_it_is_deleted(api: Api) -> None:
    old, new = unique("old"), unique("new")
    await api.create_registered_model(old)
    await api.rename_registered_model(old, new)
    renamed = (await api.list_registry_events(new)).events
    assert [event.kind for event in renamed] == [Kind.KIND_MODEL_RENAMED, Kind.KIND_MODEL_CREATED]
    assert (renamed[0].before, renamed[0].after) == (old, new)
    await api.delete_registered_model(new)
    told = [event.kind for event in (await api.list_registry_events(new)).events]
    assert told == [Kind.KIND_MODEL_DELETED, Kind.KIND_MODEL_RENAMED]


async def test_pages_of_events_are_the_whole_list(api: Api) -> None:
    name = unique("model")
    await api.create_registered_model(name)
    for number in range(4):
        await api.update_registered_model(pb.RegisteredModel(name=name, description=str(number)))
    whole = (await api.list_registry_events(name)).events
    found: list[pb.RegistryEvent] = []
    token = ""
    while not found or token:
        page = await api.list_registry_events(name, page_size=2, page_token=token)
        found += page.events
        token = page.next_page_token
    assert found == list(whole)
    assert len(found) == 5


async def test_a_watch_tells_events_from_now_on(api: Api) -> None:
    name = unique("model")
    await api.create_registered_model(name)
    async with api.watch_registry(name) as watch:
        assert not (await watch.next()).events
        await api.create_registered_model(unique("other"))
        await api.update_registered_model(pb.RegisteredModel(name=name, description="new"))
        messages = await watch.until(lambda message: bool(message.events))
    assert [event.after for event in messages[-1].events] == ["new"]


async def test_a_resumed_watch_tells_what_was_missed_once_and_in_order(api: Api) -> None:
    name = unique("model")
    await api.create_registered_model(name)
    async with api.watch_registry(name) as watch:
        token = (await watch.next()).resume_token
    for number in range(3):
        await api.update_registered_model(pb.RegisteredModel(name=name, description=str(number)))
    async with api.watch_registry(name, resume_token=token) as watch:
        message = await watch.next()
    assert [event.after for event in message.events] == ["0", "1", "2"]
    async with api.watch_registry(name, resume_token=message.resume_token) as watch:
        assert not (await watch.next()).events


async def test_a_token_of_another_watch_is_refused(api: Api) -> None:
    async with api.watch_registry() as watch:
        token = (await watch.next()).resume_token
    for other in ("x", token):
        with refused("INVALID_ARGUMENT", "BAD_RESUME_TOKEN"):
            async with api.watch_registry("a-model", resume_token=other) as watch:
                await watch.next()


async def test_events_of_many_writers_are_told_in_order_and_without_gaps(api: Api) -> None:
    names = [unique("model") for _ in range(8)]

    async def write(name: str) -> None:
        await api.create_registered_model(name)
        for number in range(5):
            await api.update_registered_model(pb.RegisteredModel(name=name, description=str(number)))

    async with api.watch_registry() as watch:
        await watch.next()
        writing = asyncio.gather(*map(write, names))
        events: list[pb.RegistryEvent] = []
        while sum(event.name in names for event in events) < 6 * len(names):
            events += (await watch.next()).events
        await writing
    sequences = [event.sequence for event in events]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


@pytest.mark.parametrize("name", ["", "no such model"])
async def test_a_list_of_nothing_is_no_error(api: Api, name: str) -> None:
    page = await api.list_registry_events(name, page_size=1)
    assert len(page.events) <= 1
