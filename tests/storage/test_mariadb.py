"""What is different on MariaDB: limits of its packets, its text and its numbers."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.engine import make_url

from milepost import v1 as pb
from milepost_server.errors import ResourceExhausted
from milepost_server.services.batches import BatchService
from milepost_server.services.clock import system_clock
from milepost_server.services.runs import RunService
from milepost_server.storage.base import Storage, Transaction
from support.databases import opened
from support.mariadb import Mariadb
from support.values import INT64_MAX, bits

# The default of the server, and what it is raised to here.
PACKET, LARGE_PACKET = 16 * 1024 * 1024, 64 * 1024 * 1024
EXTREMES = [5e-324, 2.2250738585072014e-308, 0.1, 1 / 3, math.pi, 1e22, 1.7976931348623157e308, -4.9e-324]


@pytest.fixture
async def storage(mariadb: Mariadb) -> AsyncIterator[Storage]:
    """An empty database."""
    async with opened(mariadb.create_database()) as made:
        yield made


@pytest.fixture
def large_packets(mariadb: Mariadb) -> Iterator[None]:
    """A server that takes large packets."""
    mariadb.sql(f"SET GLOBAL max_allowed_packet = {LARGE_PACKET}")
    yield
    mariadb.sql(f"SET GLOBAL max_allowed_packet = {PACKET}")


def large_batch(run_id: str) -> pb.LogBatchRequest:
    """Params of 20 million bytes."""
    batch = pb.LogBatchRequest(run_id=run_id)
    for number in range(400):
        batch.params[f"p{number}"].string_value = f"{number % 10}" * 50_000
    return batch


async def create_run(storage: Storage) -> str:
    """Id of a new run."""
    created = await RunService(storage, system_clock).create(pb.CreateRunRequest(run=pb.Run(experiment_id="0")))
    return created.run_id


async def test_a_run_larger_than_a_packet_is_refused_and_not_cut(storage: Storage) -> None:
    run_id = await create_run(storage)
    await BatchService(storage, system_clock).log_batch(large_batch(run_id))
    with pytest.raises(ResourceExhausted, match=rf"the {PACKET} bytes .* max_allowed_packet") as caught:
        await RunService(storage, system_clock).get(run_id)
    assert caught.value.reason == pb.ERROR_REASON_MESSAGE_TOO_LARGE


@pytest.mark.usefixtures("large_packets")
async def test_a_run_is_as_large_as_a_packet_may_be(storage: Storage) -> None:
    run_id = await create_run(storage)
    batch = large_batch(run_id)
    await BatchService(storage, system_clock).log_batch(batch)
    assert (await RunService(storage, system_clock).get(run_id)).params == batch.params


async def test_what_is_larger_than_a_packet_is_not_sent(storage: Storage) -> None:
    names = [f"{number}{'é' * 450}" for number in range(20_000)]

    async def work(tx: Transaction) -> object:
        key = await tx.runs.key(run_id)
        assert key is not None
        return await tx.metrics.known(key, names)

    run_id = await create_run(storage)
    with pytest.raises(ResourceExhausted, match="max_allowed_packet"):
        await storage.read(work)
    assert await create_run(storage)


async def test_small_packets_are_warned_of(mariadb: Mariadb, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "milepost_server"):
        async with opened(mariadb.create_database()):
            pass
    assert f"max_allowed_packet is {PACKET}; raise it to {LARGE_PACKET}" in caplog.text


async def test_finite_doubles_and_integers_are_kept_bit_for_bit(storage: Storage) -> None:
    run_id = await create_run(storage)
    batch = pb.LogBatchRequest(run_id=run_id)
    for number, value in enumerate(EXTREMES):
        batch.params[f"p{number}"].double_value = value
    batch.params["integer"].int_value = INT64_MAX
    await BatchService(storage, system_clock).log_batch(batch)
    runs = RunService(storage, system_clock)
    for number, value in enumerate(EXTREMES):
        found, _ = await runs.list(pb.ListRunsRequest(filter=f"params.p{number} = {value!r}"))
        assert [run.run_id for run in found] == [run_id], value
    found, _ = await runs.list(pb.ListRunsRequest(filter=f"params.integer = {INT64_MAX}"))
    assert bits([found[0].params[f"p{number}"].double_value for number in range(len(EXTREMES))]) == bits(EXTREMES)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", "A"), ("e", "é"), ("á", "a\u0301"), ("ss", "ß"), ("a", "a "), ("\U0001f600", "\U0001f601"), ("k", "\u212a")],
)
async def test_texts_that_other_collations_take_for_the_same_are_different(
    storage: Storage, first: str, second: str
) -> None:
    async def create(tx: Transaction) -> list[int | None]:
        return [await tx.experiments.create(pb.Experiment(name=name), 1) for name in (first, second, first, second)]

    numbers = await storage.write(create)
    assert [number is None for number in numbers] == [False, False, True, True]


async def test_mysql_in_the_url_finds_a_mariadb_too(mariadb: Mariadb) -> None:
    url = make_url(mariadb.create_database())
    other = url.set(drivername="mysql").render_as_string(hide_password=False)
    async with opened(other) as storage:
        assert storage.kind == "mariadb"
        assert await storage.read(lambda tx: tx.experiments.find("Default"))
