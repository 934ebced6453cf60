"""Subscriptions keep what changed until their watcher looks, and no more than they must."""

from __future__ import annotations

import asyncio

from milepost_server.services.changes import Subscription


async def test_changes_of_one_run_are_one() -> None:
    subscription = Subscription(asyncio.Event())
    for run_id in ("a", "b", "a"):
        subscription.wake(run_id)
    found = await subscription.next()
    assert found is not None
    assert (found.run_ids, found.all) == (("a", "b"), False)


async def test_too_many_runs_are_everything() -> None:
    subscription = Subscription(asyncio.Event())
    for number in range(20_000):
        subscription.wake(str(number))
    found = await subscription.next()
    assert found is not None
    assert found.all
    assert len(found.run_ids) == 10_000


async def test_runs_are_kept_when_everything_may_have_changed() -> None:
    subscription = Subscription(asyncio.Event())
    subscription.wake("a")
    subscription.wake()
    found = await subscription.next()
    assert found is not None
    assert (found.run_ids, found.all) == (("a",), True)


async def test_changes_during_a_round_are_the_next() -> None:
    subscription = Subscription(asyncio.Event())
    subscription.wake("a")
    await subscription.next()
    subscription.wake("b")
    found = await subscription.next()
    assert found is not None
    assert found.run_ids == ("b",)


async def test_stop_ends_the_rounds_also_in_the_pause_between_them() -> None:
    stopped = asyncio.Event()
    subscription = Subscription(stopped)
    subscription.wake("a")
    await subscription.next()
    subscription.wake("b")
    waiting = asyncio.create_task(subscription.next())
    stopped.set()
    assert await waiting is None
