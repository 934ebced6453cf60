"""Rules of versions of registered models."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, invalid_field, required_field
from milepost_server.filters import MODEL_VERSIONS, Schema, parse_filter, parse_order_by
from milepost_server.filters.ast import Attribute, OrderKey, ValueKind
from milepost_server.services.clock import Clock
from milepost_server.services.masks import read_fields, require, written_fields
from milepost_server.services.model_sources import check_source, with_source
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.refusals import etag_mismatch
from milepost_server.services.registered_models import stored_model, write_model_tags
from milepost_server.services.registry_changes import Change, RegistryWriter, TagChange
from milepost_server.services.registry_refusals import model_not_found, version_not_found
from milepost_server.storage.base import Query, Storage, Transaction
from milepost_server.storage.registry import VersionKey

_NEWEST_FIRST = (OrderKey(Attribute("create_time", ValueKind.TIME), descending=True),)
_WRITABLE = ("description", "model_card", "tags", "status", "status_message")
_IN_LISTS = frozenset(pb.ModelVersion.DESCRIPTOR.fields_by_name) - {"model_card"}


class ModelVersionService:
    """Versions. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._writer = RegistryWriter(storage, clock)

    async def create(self, request: pb.CreateModelVersionRequest) -> pb.ModelVersion:
        """See `RegistryService.CreateModelVersion`."""
        given = request.model_version
        check_source(given)

        async def work(change: Change) -> pb.ModelVersion:
            await change.lock_or_create(given.name, request.create_model)
            return await add_version(change, await with_source(change.tx, given))

        return await self._writer.write(request, pb.ModelVersion, work)

    async def get(self, name: str, version: int) -> pb.ModelVersion:
        """See `RegistryService.GetModelVersion`."""
        return await self._storage.read(lambda tx: stored_version(tx, name, version))

    async def latest_of_stages(self, names: Collection[str]) -> Sequence[pb.ModelVersion]:
        """Of each of some models and each stage the version with the greatest number, by that number."""
        return await self._storage.scan(lambda tx: tx.model_versions.latest_of_stages(names)) if names else []

    async def list(
        self, request: pb.ListModelVersionsRequest, schema: Schema = MODEL_VERSIONS
    ) -> tuple[list[pb.ModelVersion], str]:
        """See `RegistryService.ListModelVersions`. Returns a page and the token of the next."""
        fields = read_fields(pb.ModelVersion, request)
        query = Query(
            filter=parse_filter(request.filter, schema),
            order_by=parse_order_by(request.order_by, schema) or _NEWEST_FIRST,
            view=pb.VIEW_ALL,
            limit=page_limit(request.page_size, 100, 1000),
            after=decode_token(request, request.page_token),
            fields=_IN_LISTS if fields is None and "*" not in request.read_mask.paths else fields,
        )
        page = await self._storage.scan(lambda tx: tx.model_versions.list(query))
        return page.items, encode_token(request, page.last)

    async def update(self, request: pb.UpdateModelVersionRequest) -> pb.ModelVersion:
        """See `RegistryService.UpdateModelVersion`."""
        given = request.model_version
        require("model_version.name", given.name)
        if given.version < 1:
            raise required_field("model_version.version")
        fields = written_fields(given, request.update_mask, _WRITABLE)
        if "status" in fields and given.status == pb.ModelVersion.STATUS_UNSPECIFIED:
            raise invalid_field("model_version.status", "must be set to write it, for example to STATUS_READY")

        async def work(change: Change) -> pb.ModelVersion:
            await change.lock(given.name)
            key = await change.version(given.version)
            stored = await stored_version(change.tx, given.name, given.version)
            _check_update(given, stored, fields)
            if not await _write_changes(change, key, stored, given, fields):
                return stored
            return await stored_version(change.tx, given.name, given.version)

        return await self._writer.write(request, pb.ModelVersion, work)

    async def update_tags(self, request: pb.UpdateModelTagsRequest) -> pb.UpdateModelTagsResponse:
        """See `RegistryService.UpdateModelTags`."""

        async def work(change: Change) -> pb.UpdateModelTagsResponse:
            await change.lock(request.name)
            answer = pb.UpdateModelTagsResponse()
            if request.version:
                answer.model_version.CopyFrom(await _update_version_tags(change, request))
            else:
                tags = TagChange((await stored_model(change.tx, request.name)).tags)
                tags.update(request)
                if tags:
                    await write_model_tags(change, tags)
                    await change.touch()
            answer.registered_model.CopyFrom(await stored_model(change.tx, request.name))
            return answer

        return await self._writer.write(request, pb.UpdateModelTagsResponse, work)

    async def delete(self, request: pb.DeleteModelVersionRequest) -> pb.DeleteModelVersionResponse:
        """See `RegistryService.DeleteModelVersion`."""

        async def work(change: Change) -> pb.DeleteModelVersionResponse:
            await change.lock(request.name)
            key = await change.version(request.version)
            stored = await stored_version(change.tx, request.name, request.version)
            for alias in stored.aliases:
                kind = pb.RegistryEvent.KIND_ALIAS_DELETED
                change.tell(kind, request.version, alias, before=str(request.version))
            await change.tx.model_versions.delete(key)
            change.tell(pb.RegistryEvent.KIND_VERSION_DELETED, request.version)
            await change.touch()
            return pb.DeleteModelVersionResponse()

        return await self._writer.write(request, pb.DeleteModelVersionResponse, work)


async def stored_version(tx: Transaction, name: str, version: int) -> pb.ModelVersion:
    """The version of that number, which must exist."""
    found = await tx.model_versions.get(name, version)
    if found is not None:
        return found
    raise version_not_found(name, version) if await tx.registered_models.exists(name) else model_not_found(name)


async def add_version(change: Change, version: pb.ModelVersion) -> pb.ModelVersion:
    """Stores a new version of the model and tells of it."""
    number = await change.tx.model_versions.create(change.model, version, change.now_us)
    change.tell(pb.RegistryEvent.KIND_VERSION_CREATED, number)
    await change.touch()
    return await stored_version(change.tx, change.model.name, number)


def _check_update(given: pb.ModelVersion, stored: pb.ModelVersion, fields: list[str]) -> None:
    if given.etag and given.etag != stored.etag:
        raise etag_mismatch(given.etag, stored.etag)
    if "status" in fields and stored.status == pb.ModelVersion.STATUS_READY != given.status:
        raise FailedPrecondition(
            f"Version {stored.version} of {stored.name!r} is ready, and a ready version stays ready. Tag it, move its "
            "aliases or delete it instead.",
            reason=pb.ERROR_REASON_MODEL_VERSION_READY,
            metadata={"name": stored.name, "version": str(stored.version)},
        )


async def _write_changes(
    change: Change, key: VersionKey, stored: pb.ModelVersion, given: pb.ModelVersion, fields: list[str]
) -> bool:
    """Writes the named fields that differ and tells of them; false when none does."""
    tags = TagChange(stored.tags)
    if "tags" in fields:
        tags.replace(given.tags)
    changed = [name for name in fields if name != "tags" and getattr(given, name) != getattr(stored, name)]
    for name in changed:
        before, after = _text(stored, name), _text(given, name)
        change.tell(pb.RegistryEvent.KIND_VERSION_UPDATED, key.version, name, before, after)
    if changed or tags:
        await _write_tags(change, key, tags)
        await change.tx.model_versions.update(key, given, changed, change.now_us)
    return bool(changed or tags)


async def _write_tags(change: Change, key: VersionKey, tags: TagChange) -> None:
    tags.tell(change, key.version)
    await change.tx.model_versions.delete_tags(key, tags.deleted)
    await change.tx.model_versions.set_tags(key, tags.set)


async def _update_version_tags(change: Change, request: pb.UpdateModelTagsRequest) -> pb.ModelVersion:
    key = await change.version(request.version)
    stored = await stored_version(change.tx, request.name, request.version)
    tags = TagChange(stored.tags)
    tags.update(request)
    if not tags:
        return stored
    await _write_tags(change, key, tags)
    await change.tx.model_versions.update(key, stored, (), change.now_us)
    return await stored_version(change.tx, request.name, request.version)


def _text(version: pb.ModelVersion, field: str) -> str:
    """The value of a field as text."""
    if field == "status":
        return pb.ModelVersion.Status.Name(version.status)
    return str(getattr(version, field))
