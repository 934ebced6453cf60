"""Rules of imported registered models and their versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, NotFound, invalid_field, quote, required_field
from milepost_server.services.imports_checks import check_once, times_of
from milepost_server.services.model_sources import check_source, with_source
from milepost_server.services.registered_models import stored_model
from milepost_server.services.registry_changes import Change
from milepost_server.storage.base import Transaction
from milepost_server.storage.imports import Times

_MOST_VERSIONS = 10_000
_GREATEST_VERSION = 10**12
_CREATED, _EXISTS, _ID_TAKEN = pb.IMPORT_OUTCOME_CREATED, pb.IMPORT_OUTCOME_EXISTS, pb.IMPORT_OUTCOME_ID_TAKEN


@dataclass(frozen=True, slots=True)
class _Given:
    """A registered model of a request.

    Args:
        entry: The model with its versions.
        field: Where it is in the request.
        times: When it was created and last changed.
        version_times: The same of its versions, by number.
    """

    entry: pb.ImportedRegisteredModel
    field: str
    times: Times
    version_times: dict[int, Times]

    @property
    def model(self) -> pb.RegisteredModel:
        return self.entry.registered_model


def registered_model_import(
    request: pb.ImportRegisteredModelsRequest, user: str, now_us: int
) -> Callable[[Transaction], Awaitable[pb.ImportRegisteredModelsResponse]]:
    """The unit of work that stores registered models."""
    total = sum(len(entry.model_versions) for entry in request.registered_models)
    if total > _MOST_VERSIONS:
        raise invalid_field(
            "registered_models", f"{total} versions are more than the {_MOST_VERSIONS} of one request; send several"
        )
    models = [_checked(entry, f"registered_models[{n}]") for n, entry in enumerate(request.registered_models)]
    check_once((f"{given.field}.registered_model.name", given.model.name) for given in models)

    async def work(tx: Transaction) -> pb.ImportRegisteredModelsResponse:
        outcomes: dict[str, pb.RegisteredModelOutcome] = {}
        changes = []
        # In one order for all transactions, so that two of them never wait for each other.
        for given in sorted(models, key=lambda given: given.model.name):
            change = Change(tx, user, now_us)
            outcomes[given.field] = await _import(change, given)
            changes.append(change)
        for change in changes:
            await change.store_events()
        return pb.ImportRegisteredModelsResponse(outcomes=[outcomes[given.field] for given in models])

    return work


def _checked(entry: pb.ImportedRegisteredModel, field: str) -> _Given:
    """A model whose versions are complete, each of another number."""
    model = entry.registered_model
    if not model.HasField("create_time"):
        raise required_field(f"{field}.registered_model.create_time")
    versions: dict[int, Times] = {}
    for index, version in enumerate(entry.model_versions):
        place = f"{field}.model_versions[{index}]"
        _check_version(version, model.name, place)
        if version.version in versions:
            raise invalid_field(f"{place}.version", f"{version.version} comes twice; send each version once")
        versions[version.version] = times_of(version, place, 0)
    return _Given(entry, field, times_of(model, f"{field}.registered_model", 0), versions)


def _check_version(version: pb.ModelVersion, name: str, field: str) -> None:
    if version.name != name:
        raise invalid_field(f"{field}.name", f"{quote(version.name)} is not the model's name, {quote(name)}; send that")
    if not 1 <= version.version <= _GREATEST_VERSION:
        raise invalid_field(
            f"{field}.version", f"{version.version} is not from 1 to {_GREATEST_VERSION}; send its number"
        )
    if not version.HasField("create_time"):
        raise required_field(f"{field}.create_time")
    if not _without_files(version):
        check_source(version, field)


async def _import(change: Change, given: _Given) -> pb.RegisteredModelOutcome:
    created = await change.lock_or_import(given.model, given.times.create_us)
    stored = await stored_model(change.tx, given.model.name)
    if stored.create_time.ToMicroseconds() != given.times.create_us:
        return pb.RegisteredModelOutcome(outcome=pb.IMPORT_OUTCOME_NAME_TAKEN)
    versions = await _import_versions(change, given)
    imported = {
        version.version
        for version, outcome in zip(given.entry.model_versions, versions, strict=True)
        if outcome.outcome == _CREATED
    }
    await change.tx.model_versions.raise_last_number(change.model, given.entry.greatest_version)
    await _import_aliases(change, given, stored, imported)
    if created:
        await change.tx.registered_models.set_times(change.model, given.times.create_us, given.times.update_us)
    elif imported:
        await change.touch()
    if created or imported:
        change.tell(pb.RegistryEvent.KIND_MODEL_IMPORTED, after=str(len(imported)))
    return pb.RegisteredModelOutcome(outcome=_CREATED if created else _EXISTS, versions=versions)


async def _import_versions(change: Change, given: _Given) -> list[pb.ModelVersionOutcome]:
    last = await change.tx.model_versions.last_number(change.model)
    outcomes = []
    for index, version in enumerate(given.entry.model_versions):
        times = given.version_times[version.version]
        stored = await change.tx.model_versions.get(given.model.name, version.version)
        if stored is not None:
            same = stored.create_time.ToMicroseconds() == times.create_us
            outcomes.append(pb.ModelVersionOutcome(outcome=_EXISTS if same else _ID_TAKEN, status=stored.status))
        elif version.version <= last:
            outcomes.append(pb.ModelVersionOutcome(outcome=_ID_TAKEN))
        else:
            complete = await _with_files(change.tx, version, f"{given.field}.model_versions[{index}]")
            await change.tx.model_versions.create_numbered(change.model, complete, times.create_us, times.update_us)
            outcomes.append(pb.ModelVersionOutcome(outcome=_CREATED, status=complete.status))
    return outcomes


async def _import_aliases(change: Change, given: _Given, stored: pb.RegisteredModel, imported: set[int]) -> None:
    """Stores the aliases of new versions that the model does not have; others may have been moved or removed since."""
    for alias, number in sorted(given.model.aliases.items()):
        if number in imported and alias not in stored.aliases:
            key = await change.version(number)
            await change.tx.registered_models.set_alias(change.model, alias, key)
        elif number not in given.version_times and await change.tx.model_versions.key(change.model, number) is None:
            raise invalid_field(
                f"{given.field}.registered_model.aliases[{alias}]",
                f"the model has no version {number}; send it with its alias",
            )


def _without_files(version: pb.ModelVersion) -> bool:
    """Whether a version consists of nothing, as one whose upload failed."""
    return version.status == pb.ModelVersion.STATUS_FAILED and not version.source_uri


async def _with_files(tx: Transaction, given: pb.ModelVersion, field: str) -> pb.ModelVersion:
    """A version with what follows from its source; without one when its files are not there."""
    version = pb.ModelVersion()
    if _without_files(given):
        version.CopyFrom(given)
        _drop_source(version)
    else:
        try:
            version = await with_source(tx, given, field)
        except (NotFound, FailedPrecondition) as missing:
            version.CopyFrom(given)
            _drop_source(version)
            version.status = pb.ModelVersion.STATUS_FAILED
            version.status_message = f"The files were not there when the version was imported. {missing}"
    version.stage = given.stage or pb.ModelVersion.STAGE_NONE
    return version


def _drop_source(version: pb.ModelVersion) -> None:
    for name in ("model_id", "run_id", "path", "sha256", "size", "inputs"):
        version.ClearField(name)
