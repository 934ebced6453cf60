"""Commits are told to the listener, and can be found again by those who were not told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost_server.storage.base import ANY_RUN, Changed, Storage, TouchedRun, Transaction
from milepost_server.storage.sql import changes
from milepost_server.storage.sql.sqlite_connection import SQLITE
from support.databases import KINDS, new_url, opened, sqlite_url


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    async with opened(new_url(request, request.param, tmp_path)) as made:
        yield made


def listened(storage: Storage) -> list[Changed]:
    """What the listener is told from now on. On PostgreSQL it begins with `ANY_RUN`, which is left out."""
    told: list[Changed] = []

    def listen(changed: Collection[Changed]) -> None:
        told.extend(one for one in changed if one != ANY_RUN)

    storage.listen(listen)
    return told


async def create(tx: Transaction, run_id: str) -> None:
    run = pb.Run(run_id=run_id, experiment_id="0", name=run_id, state=pb.Run.STATE_RUNNING)
    run.start_time.FromMicroseconds(1)
    assert await tx.runs.create(run, 1)


async def tag(tx: Transaction, run_id: str) -> None:
    key = await tx.runs.key(run_id, lock=True)
    assert key is not None
    await tx.runs.set_tags(key, {"a": "b"})


async def test_listener_is_told_of_what_was_committed_and_of_nothing_else(storage: Storage) -> None:
    told = listened(storage)
    await storage.write(lambda tx: create(tx, "a"))
    await storage.scan(lambda tx: tx.runs.get("a"))

    async def fail(tx: Transaction) -> None:
        await create(tx, "b")
        raise LookupError

    outcomes = await asyncio.gather(
        storage.write(lambda tx: tag(tx, "a")),
        storage.write(fail),
        storage.write(lambda tx: create(tx, "c")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), LookupError, type(None)]
    assert sorted(told) == [(0, "a"), (0, "a"), (0, "c")]


async def test_run_is_touched_at_most_once_in_a_while(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def position() -> int:
        (run,) = await storage.scan(lambda tx: tx.changes.touched(0, (0, 0), 10))
        return run.position[0]

    now = changes.now_us()
    monkeypatch.setattr(changes, "now_us", lambda: now)
    await storage.write(lambda tx: create(tx, "a"))
    monkeypatch.setattr(changes, "now_us", lambda: now + 999_999)
    await storage.write(lambda tx: tag(tx, "a"))
    assert await position() == now
    monkeypatch.setattr(changes, "now_us", lambda: now + 1_000_000)
    await storage.write(lambda tx: tag(tx, "a"))
    assert await position() == now + 1_000_000


async def test_touched_runs_come_in_order_and_in_pages(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "now_us", lambda: 10)
    await storage.write(lambda tx: create(tx, "late"))
    monkeypatch.setattr(changes, "now_us", lambda: 5)
    for run_id in ("a", "b", "c"):
        await storage.write(partial(create, run_id=run_id))
    found: list[str] = []
    position = 0, 0

    async def next_page(tx: Transaction) -> Sequence[TouchedRun]:
        return await tx.changes.touched(0, position, 2)

    while page := await storage.scan(next_page):
        found += [run.run_id for run in page]
        position = page[-1].position
    assert found == ["a", "b", "c", "late"]


async def test_what_changed_since_a_time_or_is_gone_is_found(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    for time, run_id in ((5, "old"), (20, "new"), (21, "newer")):
        monkeypatch.setattr(changes, "now_us", lambda time=time: time)
        await storage.write(partial(create, run_id=run_id))

    async def since(run_ids: list[str], experiments: list[int]) -> set[Changed]:
        return await storage.scan(lambda tx: tx.changes.since(run_ids, experiments, 10))

    assert await since(["old", "new", "gone"], []) == {(0, "new"), (ANY_RUN[0], "gone")}
    assert await since([], [0]) == {(0, "new"), (0, "newer")}
    assert await since([], [0, 12345]) == {(0, "new"), (0, "newer"), ANY_RUN}
    assert await since([], []) == set()


async def test_touched_runs_are_found_by_the_index(tmp_path: Path) -> None:
    statements = changes.TOUCHED, changes.OF_EXPERIMENTS
    async with opened(sqlite_url(tmp_path)):
        pass
    values = {"experiment": 1, "time": 5, "row": 5, "most": 10, "experiments": "[1]"}
    with closing(sqlite3.connect(tmp_path / "milepost.db")) as driver:
        for statement in statements:
            compiled = statement.compiled(SQLITE)
            rows = driver.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", {**compiled.own, **values})
            plan = " ".join(row[3] for row in rows)
            assert "(experiment_id=? AND touch_us>?)" in plan
            assert "TEMP B-TREE" not in plan
