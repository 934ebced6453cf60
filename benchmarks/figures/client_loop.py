"""What logging costs the training loop, and how soon all of it is durable."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark, median
from benchmarks.peers import grpc_ack
from benchmarks.process import Process, cpu_s, module
from benchmarks.rates import run_load
from benchmarks.subject import Subject, scratch_folder, server

_CALLS = 1_000_000
_BATCH = 20_000


@benchmark("1,000,000 log_metric calls", "raw appends, 1,000,000", "raw stream, 1,000,000 points")
def log_loop(effort: Effort) -> Iterator[Figure]:
    """Seconds from the first `run.log_metric` of a Python loop until the last point is durable.

    The limit is the loop alone, appending the same points to a list. Then the points as 50 messages of 20,000, made
    ahead, on a bare stream that answers each and stores nothing.
    """
    with scratch_folder() as folder, server(folder) as subject, Process(module("peers.grpc_ack")) as bare:
        limit, sample = alternate(effort, partial(_loop, subject, "--raw"), partial(_loop, subject))
        detail = f"\n  limit: {limit.detail}\n  subject: {sample.detail}"
        yield Figure("1,000,000 log_metric calls", sample.value, "s", limit.value, Goal("value", "<", 1.0), detail)
        yield Figure("raw appends, 1,000,000", limit.value, "s")
        streamed = median(_stream(bare) for _ in range(effort.rounds))
        yield Figure("raw stream, 1,000,000 points", streamed.value, "s", detail=streamed.detail)


def _loop(subject: Subject, *options: str) -> Sample:
    before_s = cpu_s(subject.pid)
    report = run_load("log_loop", "--address", subject.target, "--calls", _CALLS, *options)
    server_s = cpu_s(subject.pid) - before_s
    detail = f"loop {report['loop_s']:.2f} s"
    if "cpu_s" in report:
        detail += f", its process {report['cpu_s']:.2f} s of CPU, the server {server_s:.2f} s"
    return Sample(report["total_s"], detail)


def _stream(bare: Process) -> Sample:
    report = run_load(
        "metric_streams",
        *("--port", int(bare.first_line), "--server-pid", bare.pid, "--path", grpc_ack.PATH),
        *("--batches", _CALLS // _BATCH, "--points", _BATCH, "--runs", "bare"),
    )
    return Sample(report["seconds"], f"server {report['server_cores']:.0%} of a core")
