"""Follows committed changes and wakes those who watch what changed.

Nobody is handed a change: a watcher that wakes reads what there is now. So nothing is kept for slow readers, and what
is told twice or in another order does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from milepost_server.services.clock import Clock
from milepost_server.storage.base import ANY_RUN, REGISTRY, Changed, Storage

OVERLAP_US = 15_000_000
"""How far behind a time to look for what was committed since it: for transactions that were under way and clocks of
other servers that differ."""

_log = logging.getLogger(__name__)

# Between two looks of one watcher: at least so long, and within bounds so many times as long as a look itself takes, so
# that one who watches a great deal takes no more than its share.
_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_PAUSE_BY_COST = 4
# When more runs than this wait for a watcher, it looks for itself what changed.
_MAX_RUNS = 10_000


@dataclass(frozen=True)
class Round:
    """What a watcher has to look at.

    Args:
        run_ids: The runs that changed, in order.
        all: Whether anything else that it watches may have changed, too.
    """

    run_ids: tuple[str, ...]
    all: bool


class Subscription:
    """What one watcher waits on.

    Args:
        stopped: Set when the server shuts down.
        own: Whether it is for a part of the server.
    """

    def __init__(self, stopped: asyncio.Event, *, own: bool = False) -> None:
        self.own = own
        self._stopped = stopped
        self._woken = asyncio.Event()
        self._run_ids: dict[str, None] = {}
        self._all = False
        self._begun = 0.0

    def wake(self, run_id: str | None = None) -> None:
        """Has the watcher look at a run; at everything for None."""
        if run_id is None or len(self._run_ids) >= _MAX_RUNS:
            self._all = True
        else:
            self._run_ids[run_id] = None
        self._woken.set()

    async def next(self) -> Round | None:
        """What to look at, once something changed; None when the server shuts down.

        To be called again when the watcher has looked and its reader has taken what it saw.
        """
        now = time.monotonic()
        pause_s = min(max(_PAUSE_S, _PAUSE_BY_COST * (now - self._begun)), _LONGEST_PAUSE_S) if self._begun else 0.0
        await self._woken.wait()
        await self._pause(now + pause_s - time.monotonic())
        if self._stopped.is_set():
            return None
        found = Round(tuple(self._run_ids), self._all)
        self._run_ids.clear()
        self._all = False
        self._woken.clear()
        self._begun = time.monotonic()
        return found

    async def _pause(self, seconds: float) -> None:
        if seconds > 0 and not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()


class ChangeFeed:
    """Wakes watchers after commits, of this server and of others on the same database.

    Args:
        storage: The database.
        clock: The time.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._stopped = asyncio.Event()
        self._of_runs: dict[str, set[Subscription]] = {}
        self._of_experiments: dict[int, set[Subscription]] = {}
        self._of_registry: set[Subscription] = set()
        self._subscriptions: set[Subscription] = set()
        self._rechecking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow. To be called once, in the event loop."""
        self._storage.listen(self._changed)
        if self._storage.recheck_s is not None:
            self._rechecking = asyncio.create_task(self._recheck_forever(self._storage.recheck_s))

    @property
    def watchers(self) -> int:
        """How many watchers there are outside of the server."""
        return sum(not subscription.own for subscription in self._subscriptions)

    def stop(self) -> None:
        """Ends the rounds of all watchers, present and future."""
        self._stopped.set()
        for subscription in self._subscriptions:
            subscription.wake()

    async def close(self) -> None:
        """Stops following."""
        self.stop()
        if self._rechecking is not None:
            self._rechecking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._rechecking

    @contextmanager
    def subscribe(
        self,
        *,
        run_ids: Collection[str] = (),
        experiment_id: int | None = None,
        registry: bool = False,
        own: bool = False,
    ) -> Iterator[Subscription]:
        """A subscription to runs, to the runs of an experiment, or to the model registry.

        Subscribe first, then read: nothing is missed. `own` is for parts of the server.
        """
        subscription = Subscription(self._stopped, own=own)
        if self._stopped.is_set():
            subscription.wake()
        groups = [self._of_runs.setdefault(run_id, set()) for run_id in run_ids]
        if experiment_id is not None:
            groups.append(self._of_experiments.setdefault(experiment_id, set()))
        if registry:
            groups.append(self._of_registry)
        for group in (self._subscriptions, *groups):
            group.add(subscription)
        try:
            yield subscription
        finally:
            for group in (self._subscriptions, *groups):
                group.discard(subscription)
            for run_id in run_ids:
                if not self._of_runs.get(run_id, True):
                    del self._of_runs[run_id]
            if experiment_id is not None and not self._of_experiments.get(experiment_id, True):
                del self._of_experiments[experiment_id]

    def _changed(self, changed: Collection[Changed]) -> None:
        if ANY_RUN in changed:
            for subscription in self._subscriptions:
                subscription.wake()
            return
        if REGISTRY in changed:
            for subscription in self._of_registry:
                subscription.wake()
        for number, run_id in changed:
            for subscription in self._of_runs.get(run_id, ()):
                subscription.wake(run_id)
            for subscription in self._of_experiments.get(number, ()):
                subscription.wake(run_id)

    async def _recheck_forever(self, every_s: float) -> None:
        """Wakes watchers of what changed lately, for the changes that nobody told of."""
        since = self._clock()
        while True:
            await asyncio.sleep(every_s)
            now = self._clock()
            # To look for new events costs a watcher no more than it would to ask here whether there are any.
            self._changed((REGISTRY,))
            if not self._of_runs and not self._of_experiments:
                since = now
                continue
            try:
                self._changed(await self._missed(since - OVERLAP_US))
            except Exception:
                _log.warning("changes of other servers cannot be looked for; it will be tried again", exc_info=True)
            else:
                since = now

    async def _missed(self, time_us: int) -> set[Changed]:
        run_ids, experiment_ids = list(self._of_runs), list(self._of_experiments)
        return await self._storage.scan(lambda tx: tx.changes.since(run_ids, experiment_ids, time_us))
