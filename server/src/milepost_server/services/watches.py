"""Watches of runs and experiments."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from milepost import v1 as pb
from milepost_server.services.changes import OVERLAP_US, ChangeFeed, Round
from milepost_server.services.clock import Clock
from milepost_server.services.masks import read_fields
from milepost_server.services.refusals import experiment_not_found, run_not_found
from milepost_server.services.resume import bad_token, resume_token, resumed
from milepost_server.services.run_changes import RunNews, ToldRun
from milepost_server.storage.base import Storage, TouchedRun, Transaction

# Comparing a run of more entries than this would hold up other calls.
_LARGE_RUN = 1000
# Runs read at once, and the size from which a message takes no further run.
_RUNS_AT_ONCE = 100
_MESSAGE_BYTES = 1024 * 1024
# Runs of an experiment that a watcher remembers to have told, so that it does not tell them again unchanged.
_REMEMBERED_RUNS = 10_000


class WatchService:
    """Watches. Each reads the state again when something was committed, and tells its reader what is new.

    Args:
        storage: The database.
        feed: Says when to look.
        clock: The time of resume tokens.
    """

    def __init__(self, storage: Storage, feed: ChangeFeed, clock: Clock) -> None:
        self._storage = storage
        self._feed = feed
        self._clock = clock

    async def run(self, request: pb.WatchRunRequest) -> AsyncGenerator[pb.WatchRunResponse, None]:
        """See `TrackingService.WatchRun`."""
        fields = read_fields(pb.Run, request)
        known = resumed(request)
        run_id = request.run_id

        async def read(tx: Transaction) -> pb.Run | None:
            return (await tx.runs.get_many([run_id], fields)).get(run_id)

        with self._feed.subscribe(run_ids=[run_id]) as subscription:
            run = await self._storage.scan(read)
            if run is None:
                raise run_not_found(run_id)
            told = ToldRun()
            news = await _compared(told, run)
            response = pb.WatchRunResponse() if news.digest == known else news.response
            while True:
                if response is not None:
                    response.resume_token = resume_token(request, news.digest)
                    yield response
                if await subscription.next() is None:
                    return
                run = await self._storage.scan(read)
                if run is None:
                    return
                news = await _compared(told, run)
                response = news.response

    async def experiment(self, request: pb.WatchExperimentRequest) -> AsyncGenerator[pb.WatchExperimentResponse, None]:
        """See `TrackingService.WatchExperiment`."""
        watch = _ExperimentWatch(self._storage, request)
        with self._feed.subscribe(experiment_id=watch.number) as subscription:
            seen_us = self._clock()
            if not await watch.exists():
                raise experiment_not_found(request.experiment_id)
            if watch.since_us is None:
                yield watch.response(_Part(seen_us))
            else:
                async for response in watch.responses(watch.changed_since(watch.since_us), seen_us, always=True):
                    yield response
            while (found := await subscription.next()) is not None:
                looked_us = self._clock()
                async for response in watch.responses(watch.news(found, seen_us), looked_us):
                    yield response
                if found.all and not await watch.exists():
                    return
                seen_us = looked_us


@dataclass
class _Part:
    """What one message tells.

    Args:
        since_us: A time behind which nothing that was told before changed.
        runs: Runs that are new or changed.
        purged: Ids of runs that are gone.
    """

    since_us: int
    runs: Sequence[pb.Run] = ()
    purged: Sequence[str] = ()


class _ExperimentWatch:
    """What one watcher of an experiment was told.

    Args:
        storage: The database.
        request: What to watch.

    Raises:
        InvalidArgument: The mask or the token is bad.
    """

    def __init__(self, storage: Storage, request: pb.WatchExperimentRequest) -> None:
        self._storage = storage
        self._request = request
        self._fields = read_fields(pb.Run, request)
        self._told: OrderedDict[str, int] = OrderedDict()
        self.number = int(request.experiment_id)
        payload = resumed(request, ("read_mask",))
        try:
            self.since_us = None if payload is None else int(payload)
        except ValueError:
            raise bad_token() from None

    def response(self, part: _Part) -> pb.WatchExperimentResponse:
        """The message for a part."""
        token = resume_token(self._request, str(part.since_us).encode(), ("read_mask",))
        return pb.WatchExperimentResponse(runs=part.runs, purged_run_ids=part.purged, resume_token=token)

    async def responses(
        self, parts: AsyncIterable[_Part], time_us: int, *, always: bool = False
    ) -> AsyncGenerator[pb.WatchExperimentResponse, None]:
        """The messages for parts that together tell all up to a time; with `always`, one at least."""
        last = _Part(time_us) if always else None
        async for part in parts:
            if last is not None and (last.runs or last.purged):
                yield self.response(last)
            last = part
        if last is not None:
            last.since_us = time_us
            yield self.response(last)

    async def exists(self) -> bool:
        """Whether the experiment exists."""
        return await self._storage.scan(lambda tx: tx.experiments.get(self.number)) is not None

    async def news(self, found: Round, since_us: int) -> AsyncGenerator[_Part, None]:
        """What there is to tell of a round that began behind a time."""
        for begin in range(0, len(found.run_ids), _RUNS_AT_ONCE):
            some = found.run_ids[begin : begin + _RUNS_AT_ONCE]
            stored = await self._read(some)
            purged = [run_id for run_id in some if run_id not in stored]
            if purged:
                yield _Part(since_us, purged=purged)
            for runs in self._messages(some, stored):
                yield _Part(since_us, runs)
        if found.all:
            async for part in self.changed_since(since_us):
                yield part

    async def changed_since(self, since_us: int) -> AsyncGenerator[_Part, None]:
        """The runs that changed since a time, in order of their changes."""
        position = since_us - OVERLAP_US, 0
        while touched := await self._touched(position):
            position = touched[-1].position
            some = [run.run_id for run in touched]
            for runs in self._messages(some, await self._read(some)):
                yield _Part(touched[0].position[0], runs)

    async def _touched(self, after: tuple[int, int]) -> Sequence[TouchedRun]:
        return await self._storage.scan(lambda tx: tx.changes.touched(self.number, after, _RUNS_AT_ONCE))

    async def _read(self, run_ids: Sequence[str]) -> dict[str, pb.Run]:
        return await self._storage.scan(lambda tx: tx.runs.get_many(run_ids, self._fields))

    def _messages(self, run_ids: Sequence[str], stored: Mapping[str, pb.Run]) -> Iterator[list[pb.Run]]:
        """Those of the runs that the reader does not know as they are, as many in a list as one message takes."""
        runs: list[pb.Run] = []
        size = 0
        for run_id in run_ids:
            run = stored.get(run_id)
            if run is None:
                continue
            serialized = run.SerializeToString(deterministic=True)
            if self._told.get(run_id) == hash(serialized):
                continue
            self._told[run_id] = hash(serialized)
            self._told.move_to_end(run_id)
            runs.append(run)
            size += len(serialized)
            if size >= _MESSAGE_BYTES:
                yield runs
                runs, size = [], 0
        if runs:
            yield runs
        while len(self._told) > _REMEMBERED_RUNS:
            self._told.popitem(last=False)


async def _compared(told: ToldRun, run: pb.Run) -> RunNews:
    if len(run.params) + len(run.tags) + len(run.metrics) <= _LARGE_RUN:
        return told.compare(run)
    return await asyncio.to_thread(told.compare, run)
