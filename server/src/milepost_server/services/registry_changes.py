"""Changes of the model registry: one after the other for each model, stored with the events that tell of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.callers import current_user
from milepost_server.errors import invalid_field
from milepost_server.services.clock import Clock
from milepost_server.services.refusals import tag_not_found
from milepost_server.services.registry_refusals import model_exists, model_not_found, version_not_found
from milepost_server.services.replays import Repeatable, write_once
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.registry import ModelKey, VersionKey

Answer = TypeVar("Answer", bound=Message)

_LONGEST_VALUE = 1000
_MOST_TAGS = 1000


def shortened(value: str) -> str:
    """A value as an event has it: cut when it is long."""
    return value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}…"


class Change:
    """A change of one registered model, within a transaction.

    Begin with one of `lock`, `create` and `lock_or_create`: from then on the model is kept from changing by others.

    Attributes:
        tx: The transaction.
        now_us: When it happens.
        model: Where the model is stored.
    """

    model: ModelKey

    def __init__(self, tx: Transaction, user: str, now_us: int) -> None:
        self.tx = tx
        self.now_us = now_us
        self._user = user
        self._events: list[pb.RegistryEvent] = []

    async def lock(self, name: str) -> ModelKey:
        """The model of that name, which must exist."""
        found = await self.tx.registered_models.lock(name)
        if found is None:
            raise model_not_found(name)
        self.model = found
        return found

    async def create(self, model: pb.RegisteredModel) -> ModelKey:
        """A new model, whose name must be free."""
        created = await self.tx.registered_models.create(model, self.now_us)
        if created is None:
            raise model_exists(model.name)
        self.model = created
        self.tell(pb.RegistryEvent.KIND_MODEL_CREATED)
        return created

    async def lock_or_create(self, name: str, create: bool) -> ModelKey:
        """The model of that name, which is made when it does not exist and `create` says so."""
        found = await self.tx.registered_models.lock(name)
        if found is None and create:
            found = await self.tx.registered_models.create(pb.RegisteredModel(name=name), self.now_us)
            if found is not None:
                self.model = found
                self.tell(pb.RegistryEvent.KIND_MODEL_CREATED)
        if found is None:
            # It does not exist, or another call was first to create it.
            return await self.lock(name)
        self.model = found
        return found

    async def lock_or_import(self, model: pb.RegisteredModel, create_us: int) -> bool:
        """The model of that name, made as given when it does not exist: then returns true, and tells nothing of it."""
        found = await self.tx.registered_models.lock(model.name)
        made = None if found else await self.tx.registered_models.create(model, create_us)
        # It does not exist, or another call was first to create it.
        self.model = found or made or await self.lock(model.name)
        return made is not None

    async def version(self, number: int) -> VersionKey:
        """Where a version of the model is stored, which must exist."""
        found = await self.tx.model_versions.key(self.model, number)
        if found is None:
            raise version_not_found(self.model.name, number)
        return found

    async def touch(self) -> None:
        """Notes that the model, its aliases or the set of its versions changed."""
        await self.tx.registered_models.update(self.model, pb.RegisteredModel(), (), self.now_us)

    def tell(
        self,
        kind: pb.RegistryEvent.Kind.ValueType,
        version: int = 0,
        field: str = "",
        before: str = "",
        after: str = "",
        *,
        name: str = "",
    ) -> None:
        """Adds an event; `name` is that of the model after a change of it."""
        event = pb.RegistryEvent(
            kind=kind,
            user=self._user,
            name=name or self.model.name,
            version=version,
            field=field,
            before=shortened(before),
            after=shortened(after),
        )
        event.time.FromMicroseconds(self.now_us)
        self._events.append(event)

    async def store_events(self) -> None:
        """Stores the events. From here on, other changes of the registry wait for the transaction to end."""
        if self._events:
            await self.tx.registry_events.append(self.model.row, self._events)


class RegistryWriter:
    """Runs changes of the registry.

    Args:
        storage: The database.
        clock: Says when they happen.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def write(
        self, request: Repeatable, answer_class: type[Answer], work: Callable[[Change], Awaitable[Answer]]
    ) -> Answer:
        """Runs a change in a transaction of its own, unless the request was answered before: see `write_once`."""
        user = current_user()

        async def change_and_tell(tx: Transaction) -> Answer:
            change = Change(tx, user, self._clock())
            answer = await work(change)
            await change.store_events()
            return answer

        return await write_once(self._storage, self._clock, request, answer_class, change_and_tell)


class TagChange:
    """What a request does to tags: it tells of it, and says what must be written.

    Args:
        stored: The tags that there are.
    """

    def __init__(self, stored: Mapping[str, str]) -> None:
        self._stored = stored
        self.set: dict[str, str] = {}
        self.deleted: list[str] = []

    def replace(self, tags: Mapping[str, str]) -> None:
        """All tags give way to others."""
        self.deleted = sorted(self._stored.keys() - tags.keys())
        self.add(tags)

    def update(self, request: pb.UpdateModelTagsRequest) -> None:
        """Some tags are removed, which must be there, and some are set."""
        missing = set(request.delete) - self._stored.keys()
        if missing:
            raise tag_not_found(missing)
        self.deleted = sorted(set(request.delete) - request.set.keys())
        self.add(request.set)
        count = len(self._stored.keys() | self.set.keys()) - len(self.deleted)
        if self.set and count > _MOST_TAGS:
            raise invalid_field("set", f"makes {count:,} tags, and there may be {_MOST_TAGS:,}; remove some")

    def add(self, tags: Mapping[str, str]) -> None:
        """Some tags are set; those that have the value already stay as they are."""
        self.set = {key: value for key, value in sorted(tags.items()) if self._stored.get(key) != value}

    def __bool__(self) -> bool:
        return bool(self.set or self.deleted)

    def tell(self, change: Change, version: int = 0) -> None:
        """Adds an event for each tag."""
        for key in self.deleted:
            change.tell(pb.RegistryEvent.KIND_TAG_DELETED, version, key, before=self._stored[key])
        for key, value in self.set.items():
            change.tell(pb.RegistryEvent.KIND_TAG_SET, version, key, self._stored.get(key, ""), value)
