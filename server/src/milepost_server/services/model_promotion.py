"""Rules of moving versions on: from stage to stage, and from one registered model to another."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, invalid_field, quote
from milepost_server.services.clock import Clock
from milepost_server.services.model_versions import add_version, stored_version
from milepost_server.services.registry_changes import Change, RegistryWriter
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.registry import VersionKey

_ARCHIVING = (pb.ModelVersion.STAGE_STAGING, pb.ModelVersion.STAGE_PRODUCTION)


class ModelPromotionService:
    """Stages and copies. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._writer = RegistryWriter(storage, clock)

    async def transition(self, request: pb.TransitionModelVersionRequest) -> pb.TransitionModelVersionResponse:
        """See `RegistryService.TransitionModelVersion`."""
        if request.archive_existing and request.stage not in _ARCHIVING:
            stages = " and ".join(pb.ModelVersion.Stage.Name(stage) for stage in _ARCHIVING)
            raise invalid_field("archive_existing", f"is only for {stages}; leave it out")

        async def work(change: Change) -> pb.TransitionModelVersionResponse:
            model = await change.lock(request.name)
            key = await change.version(request.version)
            others: list[VersionKey] = []
            if request.archive_existing:
                there = await change.tx.model_versions.in_stage(model, request.stage)
                others = [other for other in there if other.version != key.version]
            await _move(change, others, pb.ModelVersion.STAGE_ARCHIVED)
            await _move(change, [] if key.stage == request.stage else [key], request.stage)
            return pb.TransitionModelVersionResponse(
                model_version=await stored_version(change.tx, request.name, request.version),
                archived_versions=[other.version for other in others],
            )

        return await self._writer.write(request, pb.TransitionModelVersionResponse, work)

    async def copy(self, request: pb.CopyModelVersionRequest) -> pb.ModelVersion:
        """See `RegistryService.CopyModelVersion`."""

        async def work(change: Change) -> pb.ModelVersion:
            source = await stored_version(change.tx, request.name, request.version)
            await _check_cycle(change.tx, source, request.destination)
            await change.lock_or_create(request.destination, request.create_model)
            if source.run_id:
                # From here on, nobody removes the files of a version that is there.
                await change.tx.runs.key(source.run_id, lock=True)
                source = await stored_version(change.tx, request.name, request.version)
            return await add_version(change, _copy(source))

        return await self._writer.write(request, pb.ModelVersion, work)


def _copy(source: pb.ModelVersion) -> pb.ModelVersion:
    """A new version of the same files."""
    version = pb.ModelVersion()
    version.CopyFrom(source)
    version.ClearField("user")
    version.stage = pb.ModelVersion.STAGE_NONE
    version.copied_from.CopyFrom(pb.ModelVersionOrigin(name=source.name, version=source.version))
    return version


async def _move(change: Change, keys: list[VersionKey], stage: pb.ModelVersion.Stage.ValueType) -> None:
    """Moves versions that are in other stages, and tells of it."""
    if not keys:
        return
    await change.tx.model_versions.set_stage(keys, stage, change.now_us)
    for key in keys:
        before, after = (pb.ModelVersion.Stage.Name(each) for each in (key.stage, stage))
        change.tell(pb.RegistryEvent.KIND_VERSION_TRANSITIONED, key.version, "stage", before, after)


async def _check_cycle(tx: Transaction, source: pb.ModelVersion, destination: str) -> None:
    """Refuses a copy of what comes from its destination. A chain ends: numbers of versions are not given out again."""
    name, origin = source.name, source.copied_from
    while name != destination:
        if not origin.name or origin.server:
            return
        name = origin.name
        found = await tx.model_versions.get(name, origin.version)
        origin = pb.ModelVersionOrigin() if found is None else found.copied_from
    raise FailedPrecondition(
        f"Version {source.version} of {quote(source.name)} comes from {quote(destination)}, so it is no news there. "
        "Use the version that it was copied from.",
        reason=pb.ERROR_REASON_COPY_CYCLE,
        metadata={"name": source.name, "version": str(source.version), "destination": destination},
    )
