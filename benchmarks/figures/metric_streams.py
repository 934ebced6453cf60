"""Streaming metric points durably."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import grpc

from benchmarks.databases import postgresql
from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark, median
from benchmarks.peers import grpc_ack
from benchmarks.process import Process, module
from benchmarks.rates import run_load
from benchmarks.subject import Subject, new_run, scratch_folder, server
from milepost.v1 import tracking_service_pb2_grpc

_POINTS = 1000
_STREAMS = 16
# Of a chunk of 1,000 points, as the store makes them of a metric that is noisy to the last bit.
_CHUNK_BYTES = 8_900


@benchmark("StreamMetrics, 1 stream", "StreamMetrics, 16 streams", "bytes a point")
def stream_sqlite(effort: Effort) -> Iterator[Figure]:
    """Points a second through `StreamMetrics` in batches of 1,000, until the last batch is acknowledged.

    SQLite at `synchronous=FULL`. Beside it a bare stream of the same messages, which answers each with an ack and
    stores nothing. `bytes a point`: what the database uses, over the points stored so far, which have the full
    precision of float64.
    """
    with scratch_folder() as folder, server(folder) as subject, Process(module("peers.grpc_ack")) as bare:
        yield _rate("StreamMetrics, 1 stream", effort, subject, bare, 1, 2_000_000)
        yield _rate("StreamMetrics, 16 streams", effort, subject, bare, _STREAMS, 2_000_000)
        points, size = _stored(folder / "data" / "milepost.db")
        yield Figure("bytes a point", size / points, "bytes", goal=Goal("value", "<", 10), detail=f"{points} points")


@benchmark("StreamMetrics, 1 stream, PostgreSQL", "StreamMetrics, 16 streams, PostgreSQL")
def stream_postgresql(effort: Effort) -> Iterator[Figure]:
    """The same on a PostgreSQL of the same machine, which flushes each commit."""
    with (
        scratch_folder() as folder,
        postgresql() as url,
        server(folder, database_url=url) as subject,
        Process(module("peers.grpc_ack")) as bare,
    ):
        yield _rate("StreamMetrics, 1 stream, PostgreSQL", effort, subject, bare, 1, 1_000_000)
        yield _rate("StreamMetrics, 16 streams, PostgreSQL", effort, subject, bare, _STREAMS, 1_000_000)


@benchmark("raw SQLite chunks")
def raw_chunks(effort: Effort) -> Iterator[Figure]:
    """What the disk allows: points a second by plain `sqlite3`, one blob of 1,000 points and one commit at a time."""
    with scratch_folder() as folder, closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB)")
        samples = [_commits(database, effort.seconds / 3) for _ in range(effort.rounds)]
        yield Figure("raw SQLite chunks", median(samples).value * _POINTS, "points/s")


def _commits(database: sqlite3.Connection, seconds: float) -> Sample:
    began, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        database.execute("INSERT INTO chunk (data) VALUES (randomblob(?))", (_CHUNK_BYTES,))
        count += 1
    return Sample(count / elapsed)


def _rate(name: str, effort: Effort, subject: Subject, bare: Process, streams: int, least: float) -> Figure:
    batches = int(1200 * effort.seconds) // streams
    limit, sample = alternate(
        effort,
        partial(_stream, int(bare.first_line), bare.pid, grpc_ack.PATH, ["bare"] * streams, batches),
        partial(_stream_to_new_runs, subject, streams, batches),
    )
    detail = f"\n  limit: {limit.detail}\n  subject: {sample.detail}"
    return Figure(name, sample.value, "points/s", limit.value, Goal("value", ">=", least), detail)


def _stream_to_new_runs(subject: Subject, streams: int, batches: int) -> Sample:
    with grpc.insecure_channel(subject.target) as channel:
        tracking = tracking_service_pb2_grpc.TrackingServiceStub(channel)
        runs = [new_run(tracking) for _ in range(streams)]
    return _stream(subject.grpc_port, subject.pid, "/milepost.v1.MetricService/StreamMetrics", runs, batches)


def _stream(port: int, pid: int, path: str, runs: list[str], batches: int) -> Sample:
    options = ("--port", port, "--server-pid", pid, "--path", path, "--batches", batches, "--points", _POINTS)
    report = run_load("metric_streams", *options, "--channels", min(len(runs), 4), "--runs", *runs)
    detail = f"server {report['server_cores']:.0%} of a core; load {report['load_cores']:.0%}"
    return Sample(report["points"] / report["seconds"], detail)


def _stored(path: Path) -> tuple[int, int]:
    """Points in a database, and bytes of its pages that are in use."""
    with closing(sqlite3.connect(path)) as database:
        (points,) = database.execute("SELECT sum(count) FROM metric_chunk").fetchone()
        pages, free, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return points, (pages - free) * size
