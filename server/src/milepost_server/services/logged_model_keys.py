"""Logged models that a call names, found or refused."""

from __future__ import annotations

from milepost_server.services.model_refusals import logged_model_deleted, logged_model_not_found
from milepost_server.services.refusals import run_deleted
from milepost_server.storage.base import Transaction
from milepost_server.storage.logged_models import LoggedModelKey


async def existing_model(tx: Transaction, model_id: str, *, lock: bool = False) -> LoggedModelKey:
    """Where a logged model is stored, deleted or not.

    With `lock`, its run, and with it the model and its files, are kept from changing until the transaction ends.
    """
    found = await tx.logged_models.key(model_id)
    if found is not None and lock:
        await tx.runs.key(found.run.run_id, lock=True)
        # Another call may have changed it before this one had the lock.
        found = await tx.logged_models.key(model_id)
    if found is None:
        raise logged_model_not_found(model_id)
    return found


async def writable_model(tx: Transaction, model_id: str) -> LoggedModelKey:
    """An active model of an active run, kept from changing until the transaction ends."""
    key = await existing_model(tx, model_id, lock=True)
    if key.run.deleted:
        raise run_deleted(key.run.run_id)
    if key.deleted:
        raise logged_model_deleted(model_id)
    return key
