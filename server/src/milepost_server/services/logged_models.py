"""Rules of logged models."""

from __future__ import annotations

import asyncio
import secrets

from milepost import v1 as pb
from milepost_server.errors import AlreadyExists, FailedPrecondition, invalid_field, quote
from milepost_server.filters import LOGGED_MODELS, Schema, parse_filter, parse_order_by
from milepost_server.filters.ast import Attribute, OrderKey, ValueKind
from milepost_server.services.clock import Clock
from milepost_server.services.logged_model_files import FileList, listed_files
from milepost_server.services.logged_model_keys import existing_model, writable_model
from milepost_server.services.masks import read_fields
from milepost_server.services.model_holders import check_owner, owner_of
from milepost_server.services.model_metrics import timed
from milepost_server.services.model_refusals import MOST_USES, logged_model_not_found, model_in_use
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.params import check_params, param_conflict
from milepost_server.services.refusals import run_deleted, tag_not_found
from milepost_server.services.replays import write_once
from milepost_server.storage.base import Query, Storage, Transaction
from milepost_server.storage.logged_models import LoggedModelKey

_NEWEST_FIRST = (OrderKey(Attribute("create_time", ValueKind.TIME), descending=True),)
# To read a list of so many files takes some 10 ms, which other calls should not have to wait.
_MANY_FILES = 1000
_FINAL = (pb.LoggedModel.STATUS_READY, pb.LoggedModel.STATUS_FAILED)


class LoggedModelService:
    """Logged models. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def create(self, request: pb.CreateLoggedModelRequest) -> pb.LoggedModel:
        """See `LoggedModelService.CreateLoggedModel`."""
        given = request.logged_model
        check_owner(given)
        check_params(given.params, "logged_model.params")

        async def work(tx: Transaction) -> pb.LoggedModel:
            now = self._clock()
            model = pb.LoggedModel()
            model.CopyFrom(given)
            model.model_id = given.model_id or f"m-{secrets.token_hex(16)}"
            model.ClearField("status_message")
            if given.model_id and await tx.logged_models.key(given.model_id) is not None:
                raise _model_exists(given.model_id)
            run = await owner_of(tx, model, now)
            if not await tx.logged_models.create(run, model, now):
                raise _model_exists(model.model_id)
            if request.HasField("output_step"):
                made = pb.ModelOutput(model_id=model.model_id, step=request.output_step)
                await tx.runs.log_models(run, [], [made])
            return await _existing(tx, model.model_id)

        return await write_once(self._storage, self._clock, request, pb.LoggedModel, work)

    async def finalize(self, request: pb.FinalizeLoggedModelRequest) -> pb.LoggedModel:
        """See `LoggedModelService.FinalizeLoggedModel`."""
        if request.status not in _FINAL:
            raise invalid_field("status", "must be STATUS_READY or STATUS_FAILED")
        listed = await _listed(request)

        async def work(tx: Transaction) -> pb.LoggedModel:
            key = await writable_model(tx, request.model_id)
            stored = await tx.logged_models.files(key) if request.status == pb.LoggedModel.STATUS_READY else []
            differences = listed.differences(stored) if listed is not None else None
            if key.status == pb.LoggedModel.STATUS_PENDING:
                if differences:
                    raise differences.refusal(request.model_id)
                files = FileList(stored) if request.stored_files else listed
                model = _finalized(await _existing(tx, request.model_id), request, files)
                await tx.logged_models.finalize(key, model, self._clock())
            elif key.status != request.status or differences:
                raise _other_end(key)
            return await _existing(tx, request.model_id)

        return await write_once(self._storage, self._clock, request, pb.LoggedModel, work)

    async def get(self, model_id: str) -> pb.LoggedModel:
        """See `LoggedModelService.GetLoggedModel`."""

        async def work(tx: Transaction) -> pb.LoggedModel:
            model = await _existing(tx, model_id)
            if model.status == pb.LoggedModel.STATUS_READY:
                files = await tx.logged_models.files(await existing_model(tx, model_id))
                model.files.extend(pb.ModelFile(**file._asdict()) for file in files)
            return model

        return await self._storage.scan(work)

    async def list(
        self, request: pb.ListLoggedModelsRequest, schema: Schema = LOGGED_MODELS
    ) -> tuple[list[pb.LoggedModel], str]:
        """See `LoggedModelService.ListLoggedModels`. Returns a page and the token of the next."""
        query = Query(
            filter=parse_filter(request.filter, schema),
            order_by=parse_order_by(request.order_by, schema) or _NEWEST_FIRST,
            view=request.view,
            limit=page_limit(request.page_size, 100, 1000),
            after=decode_token(request, request.page_token),
            fields=read_fields(pb.LoggedModel, request),
            experiment_ids=tuple(int(experiment_id) for experiment_id in request.experiment_ids),
            datasets=tuple((dataset.name, dataset.digest) for dataset in request.datasets),
            order_dataset=(
                (request.order_dataset.name, request.order_dataset.digest)
                if request.HasField("order_dataset")
                else None
            ),
        )
        page = await self._storage.scan(lambda tx: tx.logged_models.list(query))
        return page.items, encode_token(request, page.last)

    async def update(self, request: pb.UpdateLoggedModelRequest) -> pb.LoggedModel:
        """See `LoggedModelService.UpdateLoggedModel`."""
        check_params(request.params, "params")

        async def work(tx: Transaction) -> pb.LoggedModel:
            key = await writable_model(tx, request.model_id)
            now = self._clock()
            conflicts = await tx.logged_models.log_params(key, request.params)
            for name, stored in sorted(conflicts.items()):
                raise param_conflict(name, stored, request.params[name], "model")
            if request.delete_tags:
                missing = set(request.delete_tags) - await tx.logged_models.delete_tags(key, set(request.delete_tags))
                if missing:
                    raise tag_not_found(missing)
            await tx.logged_models.set_tags(key, request.tags)
            await tx.logged_models.log_metrics(key, [timed(metric, now) for metric in request.metrics])
            await tx.logged_models.touch(key, now)
            return await _existing(tx, request.model_id)

        return await write_once(self._storage, self._clock, request, pb.LoggedModel, work)

    async def delete(self, request: pb.DeleteLoggedModelRequest) -> pb.LoggedModel:
        """See `LoggedModelService.DeleteLoggedModel`."""

        async def work(tx: Transaction) -> pb.LoggedModel:
            key = await existing_model(tx, request.model_id, lock=True)
            if not key.deleted:
                uses = await tx.model_uses.of_model(request.model_id, MOST_USES + 1)
                if uses:
                    raise model_in_use(f"Logged model {request.model_id}", uses)
                await tx.logged_models.set_deleted(key, True, self._clock())
            return await _existing(tx, request.model_id)

        return await write_once(self._storage, self._clock, request, pb.LoggedModel, work)

    async def restore(self, request: pb.RestoreLoggedModelRequest) -> pb.LoggedModel:
        """See `LoggedModelService.RestoreLoggedModel`."""

        async def work(tx: Transaction) -> pb.LoggedModel:
            key = await existing_model(tx, request.model_id, lock=True)
            if key.run.deleted:
                raise run_deleted(key.run.run_id)
            if key.deleted:
                await tx.logged_models.set_deleted(key, False, self._clock())
            return await _existing(tx, request.model_id)

        return await write_once(self._storage, self._clock, request, pb.LoggedModel, work)


async def _existing(tx: Transaction, model_id: str) -> pb.LoggedModel:
    found = await tx.logged_models.get(model_id)
    if found is None:
        raise logged_model_not_found(model_id)
    return found


async def _listed(request: pb.FinalizeLoggedModelRequest) -> FileList | None:
    """The files that a request lists; None when it lists none."""
    ready = request.status == pb.LoggedModel.STATUS_READY
    if request.stored_files and (request.files or not ready):
        raise invalid_field("stored_files", "goes with STATUS_READY and without files; leave out one of them")
    if not ready or request.stored_files:
        return None
    many = len(request.files) > _MANY_FILES
    return await asyncio.to_thread(listed_files, request.files) if many else listed_files(request.files)


def _finalized(model: pb.LoggedModel, request: pb.FinalizeLoggedModelRequest, files: FileList | None) -> pb.LoggedModel:
    """A pending model as it becomes."""
    model.status = request.status
    if files is None:
        model.status_message = request.status_message
    else:
        model.sha256, model.size = files.sha256, files.size
    if request.flavors:
        model.ClearField("flavors")
        model.flavors.extend(request.flavors)
    model.signature_json = request.signature_json or model.signature_json
    return model


def _model_exists(model_id: str) -> AlreadyExists:
    return AlreadyExists(
        f"A logged model with id {quote(model_id)} exists, active or deleted. Choose another, or none to be given one.",
        reason=pb.ERROR_REASON_LOGGED_MODEL_EXISTS,
        metadata={"modelId": model_id},
    )


def _other_end(key: LoggedModelKey) -> FailedPrecondition:
    status = pb.LoggedModel.Status.Name(key.status).removeprefix("STATUS_").lower()
    return FailedPrecondition(
        f"Logged model {key.model_id} is {status} already, which cannot become another status or list of files. "
        "Log a new model instead.",
        reason=pb.ERROR_REASON_LOGGED_MODEL_FINAL,
        metadata={"modelId": key.model_id, "status": status},
    )
