"""What transactions changed: noted while they run, and found again by those who were not told."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import bindparam, or_, select, update

from milepost_server.points.columns import Points
from milepost_server.storage.base import ANY_RUN, REGISTRY, Changed, RunKey, TouchedRun, WatchedSeries
from milepost_server.storage.sql.schema import attribute_key, experiment, run, series
from milepost_server.storage.sql.statements import Connection, Statement, any_of
from milepost_server.storage.sql.tails import tails

# `run.touch_us` is written once in so long: the index over it would otherwise be written with every point.
_TOUCH_EVERY_US = 1_000_000

_TOUCH = Statement(update(run).where(run.c.id == bindparam("run")).values(touch_us=bindparam("now")))
TOUCHED = Statement(
    select(run.c.touch_us, run.c.id, run.c.run_id)
    .where(
        run.c.experiment_id == bindparam("experiment"),
        # The first condition follows from the second, and is what an index is used for.
        run.c.touch_us >= bindparam("time"),
        or_(run.c.touch_us > bindparam("time"), run.c.id > bindparam("row")),
    )
    .order_by(run.c.touch_us, run.c.id)
    .limit(bindparam("most"))
)
_RUNS = Statement(select(run.c.experiment_id, run.c.run_id, run.c.touch_us).where(any_of(run.c.run_id, "run_ids")))
_EXPERIMENTS = Statement(select(experiment.c.id).where(any_of(experiment.c.id, "experiments")))
OF_EXPERIMENTS = Statement(
    select(run.c.experiment_id, run.c.run_id).where(
        any_of(run.c.experiment_id, "experiments"), run.c.touch_us > bindparam("time")
    )
)
_series = (
    select(series.c.id, run.c.run_id, series.c.key_id, attribute_key.c.name, series.c.epoch, series.c.next_sequence)
    .join(run, run.c.id == series.c.run_id)
    .join(attribute_key, attribute_key.c.id == series.c.key_id)
    .where(any_of(run.c.run_id, "run_ids"))
)
_ALL_SERIES = Statement(_series)
_NAMED_SERIES = Statement(_series.where(any_of(attribute_key.c.name, "names")))
_KEY_NAMES = Statement(select(attribute_key.c.id, attribute_key.c.name).where(any_of(attribute_key.c.id, "key_ids")))


def now_us() -> int:
    """The time that `run.touch_us` is written by."""
    return time.time_ns() // 1000


class Changes:
    """Notes what one transaction may change. To be told to others once it is committed.

    Args:
        noted: Where to note it.
    """

    __slots__ = ("_connection", "noted")

    def __init__(self, connection: Connection, noted: set[Changed]) -> None:
        self._connection = connection
        self.noted = noted

    def note(self, key: RunKey) -> None:
        """Notes that a run is created, changed or gone."""
        self.noted.add((key.experiment_id, key.run_id))

    async def touch(self, key: RunKey, touch_us: int) -> None:
        """Writes when a run changes that was last touched at a time."""
        now = now_us()
        if not 0 <= now - touch_us < _TOUCH_EVERY_US:
            await self._connection.execute(_TOUCH, run=key.row, now=now)

    def note_registry(self) -> None:
        """Notes that something happened in the model registry."""
        self.noted.add(REGISTRY)

    def note_all(self) -> None:
        """Notes that more changes than are worth telling one by one."""
        self.noted.add(ANY_RUN)


class ChangeRows:
    """See `storage.base.Changes`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def touched(self, experiment_id: int, after: tuple[int, int], limit: int) -> Sequence[TouchedRun]:
        rows = await self._connection.fetch(TOUCHED, experiment=experiment_id, time=after[0], row=after[1], most=limit)
        return [TouchedRun(run_id, (touch_us, number)) for touch_us, number, run_id in rows]

    async def since(self, run_ids: Collection[str], experiment_ids: Collection[int], time_us: int) -> set[Changed]:
        changed: set[Changed] = set()
        array = self._connection.array
        if run_ids:
            found = await self._connection.fetch(_RUNS, run_ids=array(list(run_ids)))
            missing = set(run_ids).difference(row[1] for row in found)
            changed |= {(number, run_id) for number, run_id, touch_us in found if touch_us > time_us}
            changed |= {(ANY_RUN[0], run_id) for run_id in missing}
        if experiment_ids:
            wanted = array(list(experiment_ids))
            changed.update(await self._connection.fetch(OF_EXPERIMENTS, experiments=wanted, time=time_us))
            if len(await self._connection.fetch(_EXPERIMENTS, experiments=wanted)) < len(experiment_ids):
                changed.add(ANY_RUN)
        return changed

    async def series(self, run_ids: Collection[str], names: Collection[str]) -> Sequence[WatchedSeries]:
        array = self._connection.array
        if names:
            rows = await self._connection.fetch(_NAMED_SERIES, run_ids=array(list(run_ids)), names=array(list(names)))
        else:
            rows = await self._connection.fetch(_ALL_SERIES, run_ids=array(list(run_ids)))
        return [WatchedSeries(*row) for row in rows]

    async def key_names(self, key_ids: Collection[int]) -> dict[int, str]:
        return dict(await self._connection.fetch(_KEY_NAMES, key_ids=self._connection.array(list(key_ids))))

    async def tails(self, ranges: Mapping[int, tuple[int, int]]) -> dict[int, Points]:
        return await tails(self._connection, ranges)
