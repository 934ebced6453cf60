"""Reading metric points: whole histories, and charts of them.

Limits are what the same points cost without a server: to read the chunks that are needed from the database's file and
to decode them with numpy, and for histories also to move as many bytes by a bare gRPC stream.
"""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

import milepost
from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark
from benchmarks.load.counting import write_payloads
from benchmarks.process import Process, forget_peak, module, peak_resident_bytes, resident_bytes
from benchmarks.rates import run_load
from benchmarks.subject import scratch_folder, server
from milepost import v1 as pb
from milepost_server.points.codec import decode_many

_BATCH = 100_000
_START_MS = 1_700_000_000_000
# What 65,536 points take in a message, and as many messages as a history has.
_MESSAGE_BYTES, _MESSAGES = 1_600_000, 16
_HISTORY = ("1M points into numpy", "1M points into pandas", "1M points as Arrow", "server memory during histories")
_ONE = ("chart of 10M points", "chart of 10M points by time", "chart of 10M points, repeated")
_MANY = "chart of 50 runs x 4 metrics"


@benchmark(*_HISTORY)
def histories(effort: Effort) -> Iterator[Figure]:
    """One metric of 1,000,000 points read whole by the Python client, from the call to the arrays, frame or bytes.

    The limit is the time to read and decode all chunks, and to stream as many bytes from a bare gRPC server. The memory
    is the peak of the server's resident bytes over what it had when idle.
    """
    with scratch_folder() as folder, server(folder) as subject, milepost.Client(subject.target) as client:
        run_id = client.runs.create().run_id
        _log(client, run_id, ["m"], 1_000_000)
        reads: list[Callable[[], object]] = [
            lambda: client.metrics.histories(run_id, "m")[0].values,
            lambda: client.metrics.histories(run_id, "m")[0].to_pandas(),
            lambda: client.metrics.export(run_id, io.BytesIO(), "m"),
        ]
        for read in reads:
            read()  # what is imported and opened once is no part of the figure
        idle = resident_bytes(subject.pid)
        forget_peak(subject.pid)
        with Process(module("peers.grpc_stream", "--chunks", _MESSAGES, "--chunk-bytes", _MESSAGE_BYTES)) as peer:
            limit = partial(_history_limit, folder, int(peer.first_line))
            for name, read in zip(_HISTORY, reads, strict=False):
                yield _figure(effort, name, 500, limit, partial(_elapsed, read))
        growth = (peak_resident_bytes(subject.pid) - idle) / 2**20
    yield Figure(_HISTORY[3], growth, "MiB", goal=Goal("value", "<", 64), detail=f"idle at {idle / 2**20:.0f} MiB")


@benchmark(*_ONE)
def chart_of_one(effort: Effort) -> Iterator[Figure]:
    """One metric of 10,000,000 points in about 1,000 buckets, by the Python client.

    The first two ask for another number of buckets each time, so that no answer is at hand. The limit is the time to
    read and decode the chunks that lie across the edge of a bucket, a fifth of all.
    """
    with scratch_folder() as folder, server(folder) as subject, milepost.Client(subject.target) as client:
        run_id = client.runs.create().run_id
        _log(client, run_id, ["m"], 10_000_000)
        counts = iter(range(1000, 2000))
        limit = partial(_decoding, folder, 5)
        fresh: list[Callable[[], object]] = [
            lambda: client.metrics.series(run_id, "m", buckets=next(counts)),
            lambda: client.metrics.series(run_id, "m", buckets=next(counts), axis="time"),
        ]
        for name, read in zip(_ONE, fresh, strict=False):
            yield _figure(effort, name, 100, limit, partial(_elapsed, read))
        again = partial(client.metrics.series, run_id, "m", buckets=999)
        again()
        yield _figure(effort, _ONE[2], 20, limit, partial(_elapsed, again))


@benchmark(_MANY)
def chart_of_many(effort: Effort) -> Iterator[Figure]:
    """4 metrics of 50 runs, 10,000 points each, in about 500 buckets, in one call of the Python client.

    The number of buckets differs from call to call. The limit is the time to read and decode all their chunks.
    """
    with scratch_folder() as folder, server(folder) as subject, milepost.Client(subject.target) as client:
        run_ids = [client.runs.create().run_id for _ in range(50)]
        keys = [f"m{number}" for number in range(4)]
        for run_id in run_ids:
            _log(client, run_id, keys, 10_000)
        counts = iter(range(500, 1500))

        def read() -> object:
            return client.metrics.series(run_ids, keys, buckets=next(counts))

        yield _figure(effort, _MANY, 150, partial(_decoding, folder, 1), partial(_elapsed, read))


def _figure(
    effort: Effort, name: str, most: float, limit: Callable[[], Sample], subject: Callable[[], Sample]
) -> Figure:
    bound, sample = alternate(effort, limit, subject)
    return Figure(name, sample.value, "ms", bound.value, Goal("value", "<", most))


def _elapsed(act: Callable[[], object]) -> Sample:
    """Milliseconds that `act` takes."""
    began = time.perf_counter()
    act()
    return Sample((time.perf_counter() - began) * 1000)


def _history_limit(folder: Path, port: int) -> Sample:
    payloads = folder / "request.json"
    write_payloads(payloads, [b""])
    report = run_load(
        "grpc_transfer", "down", "--port", port, "--path", "/benchmarks.Stream/Down", "--payloads", payloads
    )
    return Sample(_decoding(folder, 1).value + report["seconds"] * 1000)


def _decoding(folder: Path, every: int) -> Sample:
    """Milliseconds to read some chunks from the database's file and to decode them: one of `every` so many."""
    path = folder / "data" / "milepost.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        places = database.execute("SELECT series_id, sequence FROM metric_chunk ORDER BY 1, 2").fetchall()[::every]
        query = "SELECT data, count FROM metric_chunk WHERE series_id = ? AND sequence = ?"
        return _elapsed(lambda: decode_many([database.execute(query, place).fetchone() for place in places]))


def _log(client: milepost.Client, run_id: str, keys: Sequence[str], count: int) -> None:
    """Logs noisy values at regular steps and times that jitter, as training does."""
    random = np.random.default_rng(0)
    for begin in range(0, count, _BATCH // len(keys)):
        steps = np.arange(begin, min(begin + _BATCH // len(keys), count))
        times = _START_MS + steps * 37 + random.integers(0, 9, len(steps))
        columns = {"steps": steps.tolist(), "timestamps_ms": times.tolist()}
        metrics = [pb.MetricPoints(key=key, values=random.random(len(steps)).tolist(), **columns) for key in keys]
        client.metrics.log(run_id, metrics)
