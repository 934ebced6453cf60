"""Rules of aliases: names of one's own for versions of a registered model."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.errors import Aborted, quote
from milepost_server.services.clock import Clock
from milepost_server.services.registered_models import stored_model
from milepost_server.services.registry_changes import Change, RegistryWriter
from milepost_server.services.registry_refusals import alias_not_found, model_not_found, no_version
from milepost_server.storage.base import Storage, Transaction

_LATEST = "latest"


class ModelAliasService:
    """Aliases. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._writer = RegistryWriter(storage, clock)

    async def get(self, name: str, alias: str) -> pb.ModelVersion:
        """See `RegistryService.GetModelVersionByAlias`."""

        async def work(tx: Transaction) -> pb.ModelVersion:
            versions = tx.model_versions
            found = await (versions.latest(name) if alias == _LATEST else versions.by_alias(name, alias))
            if found is not None:
                return found
            if not await tx.registered_models.exists(name):
                raise model_not_found(name)
            raise no_version(name) if alias == _LATEST else alias_not_found(name, alias)

        return await self._storage.read(work)

    async def set(self, request: pb.SetModelAliasRequest) -> pb.RegisteredModel:
        """See `RegistryService.SetModelAlias`."""

        async def work(change: Change) -> pb.RegisteredModel:
            key = await change.lock(request.name)
            version = await change.version(request.version)
            stored = await stored_model(change.tx, request.name)
            current = stored.aliases.get(request.alias, 0)
            _check_expected(request, current)
            if current == request.version:
                return stored
            await change.tx.registered_models.set_alias(key, request.alias, version)
            before = str(current) if current else ""
            kind = pb.RegistryEvent.KIND_ALIAS_SET
            change.tell(kind, request.version, request.alias, before, str(request.version))
            await change.touch()
            return await stored_model(change.tx, request.name)

        return await self._writer.write(request, pb.RegisteredModel, work)

    async def delete(self, request: pb.DeleteModelAliasRequest) -> pb.RegisteredModel:
        """See `RegistryService.DeleteModelAlias`."""

        async def work(change: Change) -> pb.RegisteredModel:
            key = await change.lock(request.name)
            stored = await stored_model(change.tx, request.name)
            current = stored.aliases.get(request.alias, 0)
            if not current:
                raise alias_not_found(request.name, request.alias)
            _check_expected(request, current)
            await change.tx.registered_models.delete_aliases(key, [request.alias])
            change.tell(pb.RegistryEvent.KIND_ALIAS_DELETED, current, request.alias, str(current))
            await change.touch()
            return await stored_model(change.tx, request.name)

        return await self._writer.write(request, pb.RegisteredModel, work)


def _check_expected(request: pb.SetModelAliasRequest | pb.DeleteModelAliasRequest, current: int) -> None:
    if not request.HasField("expected_version") or request.expected_version == current:
        return
    where = f"points to version {current}" if current else "does not exist"
    raise Aborted(
        f"Alias {quote(request.alias)} of {quote(request.name)} {where}, not to version {request.expected_version} as "
        "expected. Read it again and decide anew.",
        reason=pb.ERROR_REASON_ALIAS_MOVED,
        metadata={
            "name": request.name,
            "alias": request.alias,
            "expected": str(request.expected_version),
            "actual": str(current),
        },
    )
