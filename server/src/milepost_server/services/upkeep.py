"""Rules of the database's upkeep: when it needs some, and what to tell people."""

from __future__ import annotations

import asyncio
import logging

from milepost import v1 as pb
from milepost_server.storage.base import Storage, Transaction

_log = logging.getLogger(__name__)

_RENEW_EVERY_S = 30
# A database with fewer rows is quick without statistics.
_FEW_ROWS = 1000
# Statistics are renewed when there are so many times as many rows as when they were made.
_GROWTH = 1.5
# Space that holds nothing is worth mentioning from this share of the database and this size on.
_MUCH_FREE = 0.25
_MUCH_FREE_BYTES = 64 * 1024 * 1024


class UpkeepService:
    """Looks after the database."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._analyzed_at: int | None = None

    async def status(self) -> pb.DatabaseStatus:
        """See `ServerService.GetDatabaseStatus`."""
        status = await self._storage.scan(lambda tx: tx.upkeep.status())
        status.advice.extend(_advice(status))
        return status

    async def renew_statistics(self) -> bool:
        """Renews the planner's statistics when there are much more rows than when they were made, and says whether.

        Only where the database does not do so by itself.
        """
        if self._storage.kind != "sqlite":
            return False
        newest = await self._storage.read(lambda tx: tx.upkeep.newest())
        if self._analyzed_at is None:
            self._analyzed_at = newest if (await self._storage.scan(lambda tx: tx.upkeep.status())).analyzed else 0
        if newest < max(_FEW_ROWS, self._analyzed_at * _GROWTH):
            return False

        async def work(tx: Transaction) -> None:
            await tx.upkeep.analyze()

        await self._storage.write(work)
        self._analyzed_at = newest
        return True


async def renew_statistics_forever(upkeep: UpkeepService) -> None:
    """Looks every half a minute whether the planner's statistics are to be renewed."""
    while True:
        try:
            await upkeep.renew_statistics()
        except Exception:
            _log.warning("statistics could not be renewed; it will be tried again", exc_info=True)
        await asyncio.sleep(_RENEW_EVERY_S)


def _advice(status: pb.DatabaseStatus) -> list[str]:
    advice = []
    if status.free_bytes > max(_MUCH_FREE_BYTES, status.size_bytes * _MUCH_FREE):
        free, size = (f"{count / 2**20:,.0f} MiB" for count in (status.free_bytes, status.size_bytes))
        advice.append(
            f"{free} of {size} hold nothing. New data will use them; to give them back to the disk, run "
            "`milepost db optimize` (SQLite: while the server is stopped)."
        )
    if not status.analyzed and status.runs + status.metric_series >= _FEW_ROWS:
        advice.append("The planner has no statistics, so searches may be slow. Run `milepost db optimize`.")
    return advice
