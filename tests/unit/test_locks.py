"""Locks that are shared or exclusive."""

from __future__ import annotations

import asyncio

import pytest

from milepost_server.services.locks import SharedLock, SharedLocks


async def is_free(lock: SharedLock) -> bool:
    """Whether the lock can be had alone at once."""
    held = asyncio.Event()

    async def hold() -> None:
        async with lock.exclusive():
            held.set()

    task = asyncio.create_task(hold())
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return held.is_set()


async def test_sharers_hold_the_lock_together() -> None:
    lock = SharedLock()
    async with lock.shared():
        async with lock.shared():
            assert not await is_free(lock)
        assert not await is_free(lock)
    assert await is_free(lock)


async def test_nobody_shares_with_an_exclusive_holder() -> None:
    lock, order = SharedLock(), []

    async def share() -> None:
        async with lock.shared():
            order.append("shared")

    async with lock.exclusive():
        task = asyncio.create_task(share())
        assert not await is_free(lock)
        order.append("exclusive")
    await task
    assert order == ["exclusive", "shared"]


async def test_failure_of_a_holder_frees_the_lock() -> None:
    lock = SharedLock()
    with pytest.raises(KeyError):
        async with lock.shared():
            raise KeyError
    with pytest.raises(KeyError):
        async with lock.exclusive():
            raise KeyError
    assert await is_free(lock)


async def test_cancelled_waiter_leaves_the_lock_usable() -> None:
    lock = SharedLock()
    async with lock.shared():
        assert not await is_free(lock)
        async with lock.shared():
            pass
    assert await is_free(lock)


def test_name_has_one_lock_as_long_as_it_is_used() -> None:
    locks = SharedLocks()
    lock = locks["run"]
    assert locks["run"] is lock
    assert locks["other"] is not lock
