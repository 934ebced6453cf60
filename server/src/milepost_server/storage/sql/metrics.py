"""Rows of metric points and their summaries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from milepost import v1 as pb
from milepost_server.storage.base import RunKey
from milepost_server.storage.metric_writes import FoldableSeries
from milepost_server.storage.sql import appending, folding, rewinding
from milepost_server.storage.sql.statements import Connection


class MetricRows:
    """See `storage.metric_writes.Metrics`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(
        self, key: RunKey, metrics: Sequence[pb.MetricPoints], now_us: int, *, skip_repeats: bool = False
    ) -> int:
        return await appending.append(self._connection, key, metrics, now_us, skip_repeats=skip_repeats)

    async def known(self, key: RunKey, names: Collection[str]) -> set[str]:
        return await rewinding.known(self._connection, key, names)

    async def rewind(self, key: RunKey, names: Collection[str], after_step: int) -> int:
        return await rewinding.rewind(self._connection, key, names, after_step)

    async def remove(self, key: RunKey, names: Collection[str]) -> int:
        return await rewinding.remove(self._connection, key, names)

    async def recompute(self, key: RunKey, names: Collection[str]) -> list[str]:
        return await rewinding.recompute(self._connection, key, names)

    async def foldable(self, now_us: int, limit: int) -> Sequence[FoldableSeries]:
        return await folding.foldable(self._connection, now_us, limit)

    async def fold(self, number: int, now_us: int) -> None:
        await folding.fold(self._connection, number, now_us)
