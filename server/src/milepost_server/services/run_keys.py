"""Runs that a call names, found or refused."""

from __future__ import annotations

from milepost_server.services.refusals import run_deleted, run_not_found
from milepost_server.storage.base import RunKey, Transaction


async def existing_run(tx: Transaction, run_id: str, *, lock: bool = False) -> RunKey:
    """Where a run is stored, deleted or not; with `lock`, kept from changing until the transaction ends."""
    key = await tx.runs.key(run_id, lock=lock)
    if key is None:
        raise run_not_found(run_id)
    return key


async def writable_run(tx: Transaction, run_id: str) -> RunKey:
    """An active run, kept from changing until the transaction ends."""
    key = await existing_run(tx, run_id, lock=True)
    if key.deleted:
        raise run_deleted(run_id)
    return key
