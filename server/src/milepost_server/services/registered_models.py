"""Rules of registered models."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.filters import REGISTERED_MODELS, Schema, parse_filter, parse_order_by
from milepost_server.filters.ast import Attribute, OrderKey, ValueKind
from milepost_server.services.clock import Clock
from milepost_server.services.masks import read_fields, require, written_fields
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.refusals import etag_mismatch
from milepost_server.services.registry_changes import Change, RegistryWriter, TagChange
from milepost_server.services.registry_refusals import model_exists, model_not_found
from milepost_server.storage.base import Query, Storage, Transaction

_NEWEST_FIRST = (OrderKey(Attribute("create_time", ValueKind.TIME), descending=True),)
_WRITABLE = ("description", "tags", "protected_aliases")


class RegisteredModelService:
    """Registered models. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._writer = RegistryWriter(storage, clock)

    async def create(self, request: pb.CreateRegisteredModelRequest) -> pb.RegisteredModel:
        """See `RegistryService.CreateRegisteredModel`."""

        async def work(change: Change) -> pb.RegisteredModel:
            await change.create(request.registered_model)
            return await stored_model(change.tx, change.model.name)

        return await self._writer.write(request, pb.RegisteredModel, work)

    async def get(self, name: str) -> pb.RegisteredModel:
        """See `RegistryService.GetRegisteredModel`."""
        return await self._storage.read(lambda tx: stored_model(tx, name))

    async def list(
        self, request: pb.ListRegisteredModelsRequest, schema: Schema = REGISTERED_MODELS
    ) -> tuple[list[pb.RegisteredModel], str]:
        """See `RegistryService.ListRegisteredModels`. Returns a page and the token of the next."""
        query = Query(
            filter=parse_filter(request.filter, schema),
            order_by=parse_order_by(request.order_by, schema) or _NEWEST_FIRST,
            view=pb.VIEW_ALL,
            limit=page_limit(request.page_size, 100, 1000),
            after=decode_token(request, request.page_token),
            fields=read_fields(pb.RegisteredModel, request),
        )
        page = await self._storage.scan(lambda tx: tx.registered_models.list(query))
        return page.items, encode_token(request, page.last)

    async def update(self, request: pb.UpdateRegisteredModelRequest) -> pb.RegisteredModel:
        """See `RegistryService.UpdateRegisteredModel`."""
        given = request.registered_model
        require("registered_model.name", given.name)
        fields = written_fields(given, request.update_mask, _WRITABLE)

        async def work(change: Change) -> pb.RegisteredModel:
            key = await change.lock(given.name)
            stored = await stored_model(change.tx, given.name)
            if given.etag and given.etag != stored.etag:
                raise etag_mismatch(given.etag, stored.etag)
            tags = TagChange(stored.tags)
            if "tags" in fields:
                tags.replace(given.tags)
            changed = [name for name in fields if name != "tags" and _text(given, name) != _text(stored, name)]
            if not changed and not tags:
                return stored
            for name in changed:
                before, after = _text(stored, name), _text(given, name)
                change.tell(pb.RegistryEvent.KIND_MODEL_UPDATED, field=name, before=before, after=after)
            await write_model_tags(change, tags)
            await change.tx.registered_models.update(key, given, changed, change.now_us)
            return await stored_model(change.tx, given.name)

        return await self._writer.write(request, pb.RegisteredModel, work)

    async def rename(self, request: pb.RenameRegisteredModelRequest) -> pb.RegisteredModel:
        """See `RegistryService.RenameRegisteredModel`."""

        async def work(change: Change) -> pb.RegisteredModel:
            key = await change.lock(request.name)
            new = request.new_name
            if new == request.name or not await change.tx.registered_models.rename(key, new, change.now_us):
                raise model_exists(new)
            change.tell(pb.RegistryEvent.KIND_MODEL_RENAMED, before=request.name, after=new, name=new)
            return await stored_model(change.tx, new)

        return await self._writer.write(request, pb.RegisteredModel, work)

    async def delete(self, request: pb.DeleteRegisteredModelRequest) -> pb.DeleteRegisteredModelResponse:
        """See `RegistryService.DeleteRegisteredModel`."""

        async def work(change: Change) -> pb.DeleteRegisteredModelResponse:
            await change.tx.registered_models.delete(await change.lock(request.name))
            change.tell(pb.RegistryEvent.KIND_MODEL_DELETED)
            return pb.DeleteRegisteredModelResponse()

        return await self._writer.write(request, pb.DeleteRegisteredModelResponse, work)


async def stored_model(tx: Transaction, name: str) -> pb.RegisteredModel:
    """The model of that name, which must exist."""
    found = await tx.registered_models.get(name)
    if found is None:
        raise model_not_found(name)
    return found


async def write_model_tags(change: Change, tags: TagChange) -> None:
    """Changes tags of the model and tells of it."""
    tags.tell(change)
    await change.tx.registered_models.delete_tags(change.model, tags.deleted)
    await change.tx.registered_models.set_tags(change.model, tags.set)


def _text(model: pb.RegisteredModel, field: str) -> str:
    """The value of a field as text."""
    if field == "description":
        return model.description
    protections = sorted(model.protected_aliases.items())
    return "; ".join(f"{alias}: {', '.join(by.principals)}" for alias, by in protections)
