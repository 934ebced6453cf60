"""Rules of runs."""

from __future__ import annotations

import secrets

from milepost import v1 as pb
from milepost_server.errors import invalid_field, quote
from milepost_server.filters import RUNS, Schema, parse_filter, parse_order_by
from milepost_server.filters.ast import Attribute, OrderKey, ValueKind
from milepost_server.services.clock import Clock
from milepost_server.services.experiment_keys import check_active
from milepost_server.services.masks import read_fields, require, written_fields
from milepost_server.services.names import make_run_name
from milepost_server.services.pages import decode_token, encode_token, page_limit
from milepost_server.services.params import check_params
from milepost_server.services.refusals import (
    etag_mismatch,
    run_deleted,
    run_exists,
    run_not_found,
)
from milepost_server.services.replays import write_once
from milepost_server.services.run_facets import parse_columns
from milepost_server.services.run_keys import existing_run, writable_run
from milepost_server.storage.base import Query, RunKey, Storage, Transaction

_LATEST_FIRST = (OrderKey(Attribute("start_time", ValueKind.TIME), descending=True),)
_WRITABLE = ("name", "state", "start_time", "end_time", "description", "user")
_FINAL = (pb.Run.STATE_FINISHED, pb.Run.STATE_FAILED, pb.Run.STATE_KILLED)


class RunService:
    """Runs. Every method returns the resource as stored, or raises the errors that its RPC names."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def create(self, request: pb.CreateRunRequest) -> pb.Run:
        """See `TrackingService.CreateRun`."""
        check_params(request.run.params, "run.params")
        chosen = request.run.run_id

        async def work(tx: Transaction) -> pb.Run:
            now = self._clock()
            run = _completed(request.run, now)
            await check_active(tx, run.experiment_id)
            if run.parent_run_id:
                await _check_parent(tx, run)
            if await tx.runs.create(run, now) is None:
                raise run_exists(chosen)
            return await _existing(tx, run.run_id)

        return await write_once(self._storage, self._clock, request, pb.Run, work)

    async def get(self, run_id: str) -> pb.Run:
        """See `TrackingService.GetRun`."""
        found = await self._storage.read(lambda tx: tx.runs.get(run_id))
        if found is None:
            raise run_not_found(run_id)
        return found

    async def batch_get(self, request: pb.BatchGetRunsRequest) -> list[pb.Run]:
        """See `TrackingService.BatchGetRuns`."""
        fields = read_fields(pb.Run, request)
        found = await self._storage.scan(lambda tx: tx.runs.get_many(request.run_ids, fields))
        for run_id in request.run_ids:
            if run_id not in found:
                raise run_not_found(run_id)
        return [found[run_id] for run_id in request.run_ids]

    async def list(self, request: pb.ListRunsRequest, schema: Schema = RUNS) -> tuple[list[pb.Run], str]:
        """See `TrackingService.ListRuns`. Returns a page and the token of the next."""
        query = Query(
            filter=parse_filter(request.filter, schema),
            order_by=parse_order_by(request.order_by, schema) or _LATEST_FIRST,
            view=request.view,
            limit=page_limit(request.page_size, 100, 1000),
            after=decode_token(request, request.page_token),
            fields=read_fields(pb.Run, request),
            experiment_ids=tuple(int(experiment_id) for experiment_id in request.experiment_ids),
            columns=parse_columns(request.columns),
        )
        page = await self._storage.scan(lambda tx: tx.runs.list(query))
        return page.items, encode_token(request, page.last)

    async def update(self, request: pb.UpdateRunRequest) -> pb.Run:
        """See `TrackingService.UpdateRun`."""
        given = request.run
        require("run.run_id", given.run_id)
        fields = written_fields(given, request.update_mask, _WRITABLE)
        if "state" in fields and given.state == pb.Run.STATE_UNSPECIFIED:
            raise invalid_field("run.state", "must be set to write it, for example to STATE_FINISHED")
        if "start_time" in fields and not given.HasField("start_time"):
            raise invalid_field("run.start_time", "must be set to write it; a run always has one")

        async def work(tx: Transaction) -> pb.Run:
            key, stored = await _active(tx, given.run_id)
            if given.etag and given.etag != stored.etag:
                raise etag_mismatch(given.etag, stored.etag)
            now = self._clock()
            written = pb.Run()
            written.CopyFrom(given)
            await tx.runs.update(key, written, _with_end(written, stored, fields, now), now)
            return await _existing(tx, given.run_id)

        return await write_once(self._storage, self._clock, request, pb.Run, work)

    async def delete(self, request: pb.DeleteRunRequest) -> pb.Run:
        """See `TrackingService.DeleteRun`."""

        async def work(tx: Transaction) -> pb.Run:
            key = await existing_run(tx, request.run_id, lock=True)
            if not key.deleted:
                await tx.runs.set_deleted(key, True, self._clock())
            return await _existing(tx, request.run_id)

        return await write_once(self._storage, self._clock, request, pb.Run, work)

    async def restore(self, request: pb.RestoreRunRequest) -> pb.Run:
        """See `TrackingService.RestoreRun`."""

        async def work(tx: Transaction) -> pb.Run:
            key = await existing_run(tx, request.run_id, lock=True)
            if key.deleted:
                await check_active(tx, str(key.experiment_id))
                if not await tx.runs.set_deleted(key, False, self._clock()):
                    raise run_not_found(request.run_id)
            return await _existing(tx, request.run_id)

        return await write_once(self._storage, self._clock, request, pb.Run, work)


def _completed(given: pb.Run, now_us: int) -> pb.Run:
    """A new run with what the client left open."""
    run = pb.Run()
    run.CopyFrom(given)
    run.run_id = given.run_id or secrets.token_hex(16)
    run.experiment_id = str(int(given.experiment_id or "0"))
    run.name = given.name or make_run_name()
    run.state = given.state or pb.Run.STATE_RUNNING
    if not given.HasField("start_time"):
        run.start_time.FromMicroseconds(now_us)
    if run.state in _FINAL and not given.HasField("end_time"):
        run.end_time.FromMicroseconds(now_us)
    return run


def _with_end(written: pb.Run, stored: pb.Run, fields: list[str], now_us: int) -> list[str]:
    """The fields to write, with `end_time` following a change of state unless the client gave one."""
    if "state" not in fields or "end_time" in fields:
        return fields
    if written.state not in _FINAL:
        written.ClearField("end_time")
    elif stored.HasField("end_time"):
        return fields
    else:
        written.end_time.FromMicroseconds(now_us)
    return [*fields, "end_time"]


async def _check_parent(tx: Transaction, run: pb.Run) -> None:
    parent = await existing_run(tx, run.parent_run_id)
    if parent.deleted:
        raise run_deleted(run.parent_run_id)
    if parent.experiment_id != int(run.experiment_id):
        raise invalid_field(
            "run.parent_run_id",
            f"run {quote(run.parent_run_id)} is of experiment {parent.experiment_id}; nest runs within one experiment",
        )


async def _existing(tx: Transaction, run_id: str) -> pb.Run:
    found = await tx.runs.get(run_id)
    if found is None:
        raise run_not_found(run_id)
    return found


async def _active(tx: Transaction, run_id: str) -> tuple[RunKey, pb.Run]:
    key = await writable_run(tx, run_id)
    stored = await tx.runs.header(run_id)
    assert stored is not None
    return key, stored
