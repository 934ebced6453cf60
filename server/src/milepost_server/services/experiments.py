"""Rules of experiments."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.errors import AlreadyExists, NotFound, quote
from milepost_server.filters import EXPERIMENTS, Schema, parse_filter, parse_order_by
from milepost_server.filters.ast import Attribute, OrderKey, ValueKind
from milepost_server.services.clock import Clock
from milepost_server.services.masks import read_fields, require, written_fields
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.refusals import (
    etag_mismatch,
    experiment_deleted,
    experiment_not_found,
    tag_not_found,
)
from milepost_server.services.replays import write_once
from milepost_server.storage.base import Query, Storage, Transaction

_NEWEST_FIRST = (OrderKey(Attribute("create_time", ValueKind.TIME), descending=True),)
_WRITABLE = ("name", "description", "tags")


class ExperimentService:
    """Experiments. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def create(self, request: pb.CreateExperimentRequest) -> pb.Experiment:
        """See `TrackingService.CreateExperiment`."""

        async def work(tx: Transaction) -> pb.Experiment:
            number = await tx.experiments.create(request.experiment, self._clock())
            if number is None:
                raise _name_taken(request.experiment.name)
            return await _existing(tx, str(number))

        return await write_once(self._storage, self._clock, request, pb.Experiment, work)

    async def get(self, experiment_id: str) -> pb.Experiment:
        """See `TrackingService.GetExperiment`."""
        return await self._storage.read(lambda tx: _existing(tx, experiment_id))

    async def get_by_name(self, name: str) -> pb.Experiment:
        """See `TrackingService.GetExperimentByName`."""
        found = await self._storage.read(lambda tx: tx.experiments.find(name))
        if found is None:
            raise NotFound(
                f"No experiment is named {quote(name)}. Names are case-sensitive.",
                reason=pb.ERROR_REASON_EXPERIMENT_NOT_FOUND,
                metadata={"name": name},
            )
        return found

    async def batch_get(self, request: pb.BatchGetExperimentsRequest) -> list[pb.Experiment]:
        """See `TrackingService.BatchGetExperiments`."""
        numbers = [int(experiment_id) for experiment_id in request.experiment_ids]
        found = await self._storage.scan(lambda tx: tx.experiments.get_many(numbers))
        for number in numbers:
            if number not in found:
                raise experiment_not_found(str(number))
        return [found[number] for number in numbers]

    async def list(
        self, request: pb.ListExperimentsRequest, schema: Schema = EXPERIMENTS
    ) -> tuple[list[pb.Experiment], str]:
        """See `TrackingService.ListExperiments`. Returns a page and the token of the next."""
        query = Query(
            filter=parse_filter(request.filter, schema),
            order_by=parse_order_by(request.order_by, schema) or _NEWEST_FIRST,
            view=request.view,
            limit=page_limit(request.page_size, 100, 1000),
            after=decode_token(request, request.page_token),
            fields=read_fields(pb.Experiment, request),
        )
        page = await self._storage.scan(lambda tx: tx.experiments.list(query))
        return page.items, encode_token(request, page.last)

    async def update(self, request: pb.UpdateExperimentRequest) -> pb.Experiment:
        """See `TrackingService.UpdateExperiment`."""
        given = request.experiment
        require("experiment.experiment_id", given.experiment_id)
        fields = written_fields(given, request.update_mask, _WRITABLE)
        if "name" in fields:
            require("experiment.name", given.name)

        async def work(tx: Transaction) -> pb.Experiment:
            number, stored = await _active(tx, given.experiment_id)
            if given.etag and given.etag != stored.etag:
                raise etag_mismatch(given.etag, stored.etag)
            values = {field: getattr(given, field) for field in fields if field != "tags"}
            if not await tx.experiments.update(number, values, self._clock()):
                raise _name_taken(given.name)
            if "tags" in fields:
                whole = await _existing(tx, given.experiment_id)
                await tx.experiments.delete_tags(number, whole.tags.keys() - given.tags.keys())
                await tx.experiments.set_tags(number, given.tags)
            return await _existing(tx, given.experiment_id)

        return await write_once(self._storage, self._clock, request, pb.Experiment, work)

    async def update_tags(self, request: pb.UpdateExperimentTagsRequest) -> pb.Experiment:
        """See `TrackingService.UpdateExperimentTags`."""

        async def work(tx: Transaction) -> pb.Experiment:
            number, _ = await _active(tx, request.experiment_id)
            missing = set(request.delete) - await tx.experiments.delete_tags(number, request.delete)
            if missing:
                raise tag_not_found(missing)
            await tx.experiments.set_tags(number, request.set)
            await tx.experiments.update(number, {}, self._clock())
            return await _existing(tx, request.experiment_id)

        return await write_once(self._storage, self._clock, request, pb.Experiment, work)

    async def set_deleted(
        self, request: pb.DeleteExperimentRequest | pb.RestoreExperimentRequest, deleted: bool
    ) -> pb.Experiment:
        """See `TrackingService.DeleteExperiment` and `RestoreExperiment`."""

        async def work(tx: Transaction) -> pb.Experiment:
            stored = await tx.experiments.lock(int(request.experiment_id))
            if stored is None:
                raise experiment_not_found(request.experiment_id)
            if stored.HasField("delete_time") != deleted:
                await tx.experiments.set_deleted(int(request.experiment_id), deleted, self._clock())
            return await _existing(tx, request.experiment_id)

        return await write_once(self._storage, self._clock, request, pb.Experiment, work)


async def _existing(tx: Transaction, experiment_id: str) -> pb.Experiment:
    found = await tx.experiments.get(int(experiment_id))
    if found is None:
        raise experiment_not_found(experiment_id)
    return found


async def _active(tx: Transaction, experiment_id: str) -> tuple[int, pb.Experiment]:
    """The experiment, kept from changing, and its number."""
    stored = await tx.experiments.lock(int(experiment_id))
    if stored is None:
        raise experiment_not_found(experiment_id)
    if stored.HasField("delete_time"):
        raise experiment_deleted(experiment_id)
    return int(experiment_id), stored


def _name_taken(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"An experiment named {quote(name)} exists, active or deleted. Choose another name, or purge the deleted one.",
        reason=pb.ERROR_REASON_EXPERIMENT_EXISTS,
        metadata={"name": name},
    )
