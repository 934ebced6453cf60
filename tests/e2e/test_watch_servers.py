"""Servers on one PostgreSQL tell each other what was committed, also after what can go wrong between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost_server.storage.base import Transaction
from milepost_server.storage.sql.open import open_storage
from support.grpc_api import GrpcApi
from support.postgres import Postgres
from support.servers import RunningServer
from support.values import points, unique

# Of a server: the connection by which it follows the others.
_FOLLOWERS = "application_name = 'milepost-changes'"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.create_database()


@pytest.fixture
async def apis(url: str, tmp_path: Path) -> AsyncIterator[tuple[GrpcApi, GrpcApi]]:
    """Two servers on one database."""
    servers = [await asyncio.to_thread(RunningServer, tmp_path, database_url=url) for _ in range(2)]
    apis = [GrpcApi(server.grpc_address, "postgresql") for server in servers]
    yield apis[0], apis[1]
    for api, server in zip(apis, servers, strict=True):
        await api.close()
        await asyncio.to_thread(server.stop)


async def test_watchers_of_one_server_are_told_what_another_commits(apis: tuple[GrpcApi, GrpcApi]) -> None:
    first, second = apis
    run = await second.create_run()
    async with (
        first.watch_run(run.run_id) as watch,
        first.watch_experiment("0") as wide,
        first.watch_metrics([run.run_id]) as metrics,
    ):
        for one in (watch, wide, metrics):
            await one.next()
        await second.log_batch(run.run_id, tags={"a": "b"}, metrics=[points("m", [1.0])])
        assert dict((await watch.next()).run.tags) == {"a": "b"}
        await wide.until(lambda message: [dict(one.tags) for one in message.runs] == [{"a": "b"}])
        assert list((await metrics.next()).series[0].points.values) == [1.0]
        await second.delete_run(run.run_id)
        await second.purge_run(run.run_id)
        assert (await wide.until(lambda message: message.purged_run_ids))[-1].purged_run_ids == [run.run_id]
        assert (await metrics.next()).series[0].restarted


async def test_many_changes_at_once_are_all_told(apis: tuple[GrpcApi, GrpcApi]) -> None:
    first, second = apis
    # No more at once than the server has connections for, or some would be told to come again.
    at_once = asyncio.Semaphore(8)

    async def create() -> pb.Run:
        async with at_once:
            return await second.create_run()

    async with first.watch_experiment("0", "run_id") as wide:
        await wide.next()
        created = await asyncio.gather(*(create() for _ in range(300)))
        known: set[str] = set()
        while len(known) < 300:
            known |= {run.run_id for run in (await wide.next()).runs}
    assert known == {run.run_id for run in created}


async def test_watchers_go_on_after_the_connection_between_servers_was_cut(
    apis: tuple[GrpcApi, GrpcApi], url: str, postgres: Postgres
) -> None:
    first, second = apis
    run = await second.create_run()
    async with first.watch_run(run.run_id) as watch:
        await watch.next()
        for _ in range(3):
            name = url.rpartition("/")[2]
            followers = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {_FOLLOWERS}"
            await asyncio.to_thread(postgres.sql, f"{followers} AND datname = '{name}'")
            value = unique()
            await second.log_batch(run.run_id, tags={"round": value})
            assert dict((await watch.next()).run.tags) == {"round": value}


async def test_commit_that_nobody_told_of_is_found(apis: tuple[GrpcApi, GrpcApi], url: str) -> None:
    first, _ = apis
    run = await first.create_run()
    # A server that crashes right after a commit tells nobody: here is one that never does.
    silent = await open_storage(url, "file:///artifacts", synchronous="FULL", pool_size=1)
    async with first.watch_run(run.run_id, "tags") as watch, first.watch_experiment("0", "tags") as wide:
        await watch.next()
        await wide.next()

        async def tag(tx: Transaction) -> None:
            key = await tx.runs.key(run.run_id, lock=True)
            assert key is not None
            await tx.runs.set_tags(key, {"a": "b"})

        await silent.write(tag)
        assert (await watch.next()).run == pb.Run(tags={"a": "b"})
        assert list((await wide.next()).runs) == [pb.Run(tags={"a": "b"})]
    await silent.close()
