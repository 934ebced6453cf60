"""Writing single metric points durably."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import grpc

from benchmarks.framework import Effort, Figure, Sample, alternate, benchmark, median
from benchmarks.load.counting import write_payloads
from benchmarks.peers import grpc_echo
from benchmarks.process import Process, module
from benchmarks.rates import grpc_rate, rate_figure
from benchmarks.subject import Subject, new_run, scratch_folder, server
from milepost import v1 as pb
from milepost.v1 import tracking_service_pb2_grpc

_CALLERS = 32
_STEPS = 64
_PAGE_BYTES = 4096


@benchmark("LogMetrics, one point")
def log_one_point(effort: Effort) -> Iterator[Figure]:
    """`LogMetrics` of one point a call, durable (SQLite, `synchronous=FULL`) when answered, beside the bare echo.

    32 callers share 4 connections and write to 32 runs. The echo gets the same requests, answers a message of the
    same size, and stores nothing.
    """
    yield _logging("LogMetrics, one point", effort, "grpc_calls")


@benchmark("LogMetrics, Python callers")
def log_one_point_python(effort: Effort) -> Iterator[Figure]:
    """As `LogMetrics, one point`, with both servers called by grpc.aio, which takes the other core."""
    yield _logging("LogMetrics, Python callers", effort, "grpc_aio_calls")


def _logging(name: str, effort: Effort, load: str) -> Figure:
    with scratch_folder() as folder, server(folder) as subject:
        payloads = folder / "payloads.json"
        write_payloads(payloads, _requests(subject))
        answer_bytes = pb.LogMetricsResponse(metric_points=1).ByteSize()
        with Process(module("peers.grpc_echo", "--answer-bytes", answer_bytes)) as echo:
            echo_path, path = grpc_echo.PATH, "/milepost.v1.MetricService/LogMetrics"
            limit, sample = alternate(
                effort,
                partial(grpc_rate, effort, int(echo.first_line), echo.pid, echo_path, payloads, load),
                partial(grpc_rate, effort, subject.grpc_port, subject.pid, path, payloads, load),
            )
    return rate_figure(name, limit, sample, 0.55)


def _requests(subject: Subject) -> list[bytes]:
    with grpc.insecure_channel(subject.target) as channel:
        tracking = tracking_service_pb2_grpc.TrackingServiceStub(channel)
        runs = [new_run(tracking) for _ in range(_CALLERS)]
    return [
        pb.LogMetricsRequest(
            run_id=run,
            metrics=[pb.MetricPoints(key="loss", values=[1 / (step + 1)], steps=[step], timestamps_ms=[1_700_000_000])],
        ).SerializeToString()
        for step in range(_STEPS)
        for run in runs
    ]


@benchmark("raw SQLite commits", "raw fsyncs")
def raw_durability(effort: Effort) -> Iterator[Figure]:
    """What the disk allows one writer without group commit, on the disk of the server's data.

    `raw SQLite commits`: transactions of one inserted row by plain `sqlite3` in WAL mode at `synchronous=FULL`.
    `raw fsyncs`: 4,096 bytes appended to a file, then fsync.
    """
    with scratch_folder() as folder:
        with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("CREATE TABLE points (id INTEGER PRIMARY KEY, step INTEGER, value REAL)")
            commits = _rate(effort, lambda: database.execute("INSERT INTO points (step, value) VALUES (1, 0.5)"))
        yield Figure("raw SQLite commits", commits, "commits/s")
        yield Figure("raw fsyncs", _fsync_rate(effort, folder / "raw"), "fsyncs/s")


def _fsync_rate(effort: Effort, path: Path) -> float:
    with path.open("wb", buffering=0) as file:

        def append() -> None:
            file.write(bytes(_PAGE_BYTES))
            os.fsync(file.fileno())

        return _rate(effort, append)


def _rate(effort: Effort, act: Callable[[], object]) -> float:
    """Median over the rounds of how often a second `act` can be done by one thread."""
    samples = []
    for _ in range(effort.rounds):
        began, count = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < effort.seconds / 3:
            act()
            count += 1
        samples.append(Sample(count / elapsed))
    return median(samples).value
