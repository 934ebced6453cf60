"""Writes synthetic runs through the storage layer, so that they are stored as a server would store them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from benchmarks.fill.synthetic import Shape, synthetic_run
from milepost import v1 as pb
from milepost_server.storage.base import Storage, Transaction
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema

_BATCH_RUNS = 250
# A database server works on several transactions at once; SQLite takes one after the other.
_WRITERS = 4
# Transactions that give numbers to new keys wait for one another: until most keys have one, there is one writer.
_FIRST_RUNS = 2000


async def fill(url: str, shape: Shape, name: str, *, done: Callable[[int], None] = lambda _: None) -> str:
    """Stores an experiment with runs.

    Args:
        url: The database, created when it is empty.
        shape: The runs.
        name: Name of the experiment, which must be new.
        done: Called with the number of runs that were stored since the last call.

    Returns:
        The experiment's id.

    Raises:
        ValueError: The name is taken.
    """
    await ensure_schema(url, upgrade=False)
    storage = await open_storage(url, "file:///artifacts", synchronous="NORMAL", pool_size=_WRITERS)
    try:
        number = await storage.write(lambda tx: tx.experiments.create(pb.Experiment(name=name), 0))
        if number is None:
            raise ValueError(f"there is an experiment {name!r} already; choose another name")
        first = min(_FIRST_RUNS, shape.runs)
        await _write(storage, shape, number, iter(range(0, first, _BATCH_RUNS)), done)
        batches = iter(range(first, shape.runs, _BATCH_RUNS))
        await asyncio.gather(*(_write(storage, shape, number, batches, done) for _ in range(_WRITERS)))
    finally:
        await storage.close()
    return str(number)


async def _write(
    storage: Storage, shape: Shape, experiment_id: int, batches: Iterator[int], done: Callable[[int], None]
) -> None:
    for begin in batches:
        runs = [synthetic_run(shape, number) for number in range(begin, min(begin + _BATCH_RUNS, shape.runs))]

        async def work(tx: Transaction, runs: list[tuple[pb.Run, list[pb.MetricPoints]]] = runs) -> None:
            for run, metrics in runs:
                run.experiment_id = str(experiment_id)
                time_us = run.start_time.ToMicroseconds()
                key = await tx.runs.create(run, time_us)
                if key is None:
                    raise ValueError("these runs are stored already; choose another seed")
                await tx.metrics.append(key, metrics, time_us)

        await storage.write(work)
        done(len(runs))
