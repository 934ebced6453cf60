"""Folds small chunks of metric points in the background: see `docs/architecture.md`, Storage."""

from __future__ import annotations

import asyncio
import logging
import time

from milepost_server.services.clock import Clock
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.metric_writes import FoldableSeries

_log = logging.getLogger(__name__)

_EVERY_S = 1.0
_SERIES_AT_ONCE = 100
_PAUSE = 4


async def fold_forever(storage: Storage, clock: Clock) -> None:
    """Folds what is due, again and again until cancelled. Several servers on one database may do so."""
    while True:
        began = time.monotonic()
        try:
            folded = await fold_some(storage, clock)
        except Exception:
            _log.warning("folding of metric chunks failed; it will be tried again", exc_info=True)
            folded = 0
        # Behind with much of it, it leaves the database to others for most of the time.
        busy = time.monotonic() - began
        await asyncio.sleep(_EVERY_S if folded < _SERIES_AT_ONCE else _PAUSE * busy)


async def fold_some(storage: Storage, clock: Clock) -> int:
    """Folds some of the series that are due, each in its own transaction, and returns how many."""
    due = await storage.scan(lambda tx: tx.metrics.foldable(clock(), _SERIES_AT_ONCE))
    for series in due:
        await _fold(storage, clock, series)
    return len(due)


async def _fold(storage: Storage, clock: Clock, series: FoldableSeries) -> None:
    async def work(tx: Transaction) -> None:
        if await tx.runs.key(series.run_id, lock=True) is not None:
            await tx.metrics.fold(series.number, clock())

    await storage.write(work)
