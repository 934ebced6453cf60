"""Watches of metric points."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from milepost import v1 as pb
from milepost_server.errors import invalid_field
from milepost_server.points.columns import CHUNK_POINTS, Points
from milepost_server.points.thinning import thin
from milepost_server.services.changes import ChangeFeed
from milepost_server.services.refusals import run_not_found
from milepost_server.services.resume import bad_token, resume_token, resumed
from milepost_server.services.series_positions import MAX_SERIES, Position, Positions
from milepost_server.storage.base import Storage, Transaction, WatchedSeries

_DEFAULT_POINTS = 10_000
# A message of more points than this takes no further metric; with one of the most points it stays below the 4 MiB that
# clients take by default.
_MESSAGE_POINTS = 50_000
_MESSAGE_SERIES = 1000
# Points of one metric that are in memory at once.
_WINDOW_POINTS = 262_144
# Their last chunks are in memory at once, also when few points of them are new.
_TAILS_AT_ONCE = 256
_FREE = ("max_points",)


class MetricWatchService:
    """Watches of metric points.

    Args:
        storage: The database.
        feed: Says when to look.
    """

    def __init__(self, storage: Storage, feed: ChangeFeed) -> None:
        self._storage = storage
        self._feed = feed

    async def watch(self, request: pb.WatchMetricsRequest) -> AsyncGenerator[pb.WatchMetricsResponse, None]:
        """See `MetricService.WatchMetrics`."""
        watch = _Watch(self._storage, request)
        run_ids = list(request.run_ids)
        with self._feed.subscribe(run_ids=run_ids) as subscription:
            if not await self._storage.scan(lambda tx: tx.runs.get_many(run_ids, frozenset(("run_id",)))):
                raise run_not_found(run_ids[0])
            told = False
            async for response in watch.news(run_ids):
                told = True
                yield response
            if not told:
                yield watch.message()
            while (found := await subscription.next()) is not None:
                async for response in watch.news(run_ids if found.all else found.run_ids):
                    yield response


@dataclass(frozen=True, slots=True)
class _Backlog:
    """Points of one metric that are to be told.

    Args:
        state: How far the metric has come.
        begin: Number of the first point.
        restarted: Whether the reader is to drop what it was told before.
    """

    state: WatchedSeries
    begin: int
    restarted: bool

    def __len__(self) -> int:
        return self.state.next_sequence - self.begin


# Points of one metric, and how many of the new ones are not among them.
_News = tuple[Points, int]


class _Watch:
    """What one watcher was told.

    Args:
        storage: The database.
        request: What to watch.

    Raises:
        InvalidArgument: The token is bad.
    """

    def __init__(self, storage: Storage, request: pb.WatchMetricsRequest) -> None:
        self._storage = storage
        self._request = request
        self._most = max(request.max_points or _DEFAULT_POINTS, 2)
        self._runs: dict[str, int] = {}
        for index, run_id in enumerate(request.run_ids):
            self._runs.setdefault(run_id, index)
        payload = resumed(request, _FREE)
        try:
            self._positions = Positions() if payload is None else Positions.from_bytes(payload, len(request.run_ids))
        except ValueError:
            raise bad_token() from None

    def message(self, series: Sequence[pb.WatchedPoints] = ()) -> pb.WatchMetricsResponse:
        """A message behind which the watch goes on from the positions."""
        token = resume_token(self._request, self._positions.to_bytes(), _FREE)
        return pb.WatchMetricsResponse(series=series, resume_token=token)

    async def news(self, run_ids: Collection[str]) -> AsyncGenerator[pb.WatchMetricsResponse, None]:
        """Tells what is new of some of the runs."""
        states = await self._storage.scan(lambda tx: tx.changes.series(run_ids, self._request.metric_keys))
        gone = await self._forget_gone(run_ids, states)
        if gone:
            yield self.message(gone)
        for backlogs in _messages(self._backlogs(states), self._most):
            found = await self._storage.scan(partial(_read, backlogs=backlogs, most=self._most))
            series = [self._told(one, found[one.state.number]) for one in backlogs if one.state.number in found]
            if series:
                yield self.message(series)

    async def _forget_gone(self, run_ids: Collection[str], states: Sequence[WatchedSeries]) -> list[pb.WatchedPoints]:
        """Tells of metrics that were removed: they are to be begun again, with no points so far."""
        looked = {self._runs[run_id] for run_id in run_ids}
        left = {state.number for state in states}
        gone = [(number, at) for number, at in self._positions if at.run in looked and number not in left]
        if not gone:
            return []
        key_ids = {at.key_id for _, at in gone}
        names = await self._storage.scan(lambda tx: tx.changes.key_names(key_ids))
        for number, _ in gone:
            self._positions.forget(number)
        return [
            pb.WatchedPoints(
                run_id=self._request.run_ids[at.run], points=pb.MetricPoints(key=names[at.key_id]), restarted=True
            )
            for _, at in gone
            if at.key_id in names
        ]

    def _backlogs(self, states: Sequence[WatchedSeries]) -> list[_Backlog]:
        """What is to be told, by run and key."""
        found: list[_Backlog] = []
        new = 0
        for state in sorted(states, key=lambda state: (self._runs[state.run_id], state.key)):
            at = self._positions.get(state.number)
            new += at is None
            restarted = at is not None and at.epoch != state.epoch
            begin = 0 if at is None or restarted else at.next_sequence
            if restarted or begin < state.next_sequence:
                found.append(_Backlog(state, begin, restarted))
        if len(self._positions) + new > MAX_SERIES:
            raise invalid_field(
                "run_ids",
                f"the runs have {len(self._positions) + new} metrics, more than the {MAX_SERIES} that one watch "
                "follows; name metric_keys, or fewer runs",
            )
        return found

    def _told(self, backlog: _Backlog, news: _News) -> pb.WatchedPoints:
        """Records that points were told, and returns them."""
        state, (points, skipped) = backlog.state, news
        position = Position(self._runs[state.run_id], state.key_id, state.epoch, state.next_sequence)
        self._positions.set(state.number, position)
        told = pb.WatchedPoints(run_id=state.run_id, restarted=backlog.restarted, skipped=skipped)
        told.points.key = state.key
        points.fill(told.points)
        return told


def _messages(backlogs: Sequence[_Backlog], most: int) -> Iterator[list[_Backlog]]:
    """Backlogs grouped by message."""
    group: list[_Backlog] = []
    size = 0
    for backlog in backlogs:
        count = min(len(backlog), most)
        if group and (size + count > _MESSAGE_POINTS or len(group) == _MESSAGE_SERIES):
            yield group
            group, size = [], 0
        group.append(backlog)
        size += count
    if group:
        yield group


async def _read(tx: Transaction, backlogs: Sequence[_Backlog], most: int) -> dict[int, _News]:
    """The points of backlogs, each thinned to about `most`, by number of the series.

    Without those that were rewound or removed since their state was read: their next state is told soon.
    """
    states = await tx.metric_reads.states([backlog.state.number for backlog in backlogs])
    found: dict[int, _News] = {}
    few: dict[int, tuple[int, int]] = {}
    for backlog in backlogs:
        number = backlog.state.number
        state = states.get(number)
        if state is None or state.epoch != backlog.state.epoch:
            continue
        if len(backlog) <= CHUNK_POINTS:
            few[number] = backlog.begin, backlog.state.next_sequence
        else:
            found[number] = await _read_thinned(tx, backlog, most)
    numbers = list(few)
    for index in range(0, len(numbers), _TAILS_AT_ONCE):
        some = numbers[index : index + _TAILS_AT_ONCE]
        tails = await tx.changes.tails({number: few[number] for number in some})
        found |= {number: thin(tails.get(number) or Points.empty(), most) for number in some}
    return found


async def _read_thinned(tx: Transaction, backlog: _Backlog, most: int) -> _News:
    number, begin, end = backlog.state.number, backlog.begin, backlog.state.next_sequence
    total = len(backlog)
    parts: list[Points] = []
    skipped = 0
    more = True
    while more:
        found = await tx.metric_reads.points(number, begin, _WINDOW_POINTS, end)
        begin, more = found.end, found.more
        share = max(most * len(found.points) // total, 2)
        points, left_out = await tx.compute(partial(thin, found.points, share))
        parts.append(points)
        skipped += left_out
    return Points.concatenate(parts), skipped
