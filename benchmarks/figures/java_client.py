"""The Java client beside the Python client and the server's own limit."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc

from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark, median
from benchmarks.process import ROOT, environment
from benchmarks.rates import run_load
from benchmarks.subject import Subject, new_run, scratch_folder, server
from milepost.v1 import tracking_service_pb2_grpc

_JAVA = ROOT / "clients" / "java"
_PROGRAMS = _JAVA / "benchmarks" / "target" / "milepost-benchmarks.jar"
_POINTS = 5_000_000
_BATCH = 20_000
_MIB = 200


@benchmark("Java, points of one writer", "Java, a log call", "Python, points of one writer")
def metric_writer(effort: Effort) -> Iterator[Figure]:
    """Points a second by one writer, from its first `log` until all are durable; and what a call costs the caller.

    The limit is what the server takes by one stream of batches of 20,000 points that are serialized ahead. Python's
    client logs 1,000,000 points in a loop, as in `1,000,000 log_metric calls`.
    """
    _build()
    with scratch_folder() as folder, server(folder) as subject:
        limit, sample = alternate(effort, partial(_limit, subject), partial(_stream, subject))
        yield Figure("Java, points of one writer", sample.value, "points/s", limit.value, Goal("ratio", ">=", 0.7))
        calls = [_run("MetricStream", subject.target, _new_run(subject), _POINTS) for _ in range(effort.rounds)]
        call = median(Sample(report["log_median_ns"], f"p99 {report['log_p99_ns']:.0f} ns") for report in calls)
        yield Figure("Java, a log call", call.value, "ns", goal=Goal("value", "<", 1000), detail=call.detail)
        python = median(_python(subject) for _ in range(effort.rounds))
        yield Figure("Python, points of one writer", python.value, "points/s")


@benchmark("Java, artifact upload", "Java, artifact download")
def artifacts(effort: Effort) -> Iterator[Figure]:
    """A file of 200 MiB up and down through the Java client. The limit is the Python client."""
    _build()
    with scratch_folder() as folder, server(folder) as subject:
        python, java = [], []
        for _ in range(effort.rounds):
            options = ("--address", subject.target, "--run", _new_run(subject), "--mib", _MIB)
            python.append(run_load("client_transfer", *options))
            java.append(_run("ArtifactTransfer", subject.target, _new_run(subject), _MIB))
        for name, key in (("upload", "up_mib_per_s"), ("download", "down_mib_per_s")):
            limit, sample = (median(Sample(report[key]) for report in reports) for reports in (python, java))
            yield Figure(f"Java, artifact {name}", sample.value, "MiB/s", limit.value, Goal("ratio", ">=", 0.8))


def _stream(subject: Subject) -> Sample:
    return Sample(_run("MetricStream", subject.target, _new_run(subject), _POINTS)["points_per_s"])


def _limit(subject: Subject) -> Sample:
    report = run_load(
        "metric_streams",
        *("--port", subject.grpc_port, "--server-pid", subject.pid, "--points", _BATCH),
        *("--batches", _POINTS // _BATCH, "--runs", _new_run(subject)),
    )
    return Sample(report["points"] / report["seconds"])


def _python(subject: Subject) -> Sample:
    report = run_load("log_loop", "--address", subject.target, "--calls", 1_000_000)
    return Sample(1_000_000 / report["total_s"])


def _new_run(subject: Subject) -> str:
    with grpc.insecure_channel(subject.target) as channel:
        return new_run(tracking_service_pb2_grpc.TrackingServiceStub(channel))


def _build() -> None:
    if not shutil.which("mvn"):
        raise RuntimeError("the Java client's figures need Maven and a JDK")
    options = ("--batch-mode", "--quiet", "--projects", "benchmarks", "--also-make", "-Dmaven.test.skip")
    subprocess.run(["mvn", "--file", str(_JAVA / "pom.xml"), *options, "package"], cwd=ROOT, check=True)


def _run(program: str, *arguments: object) -> Any:
    """What a program of `clients/java/benchmarks` prints."""
    command = ["java", "-cp", str(_PROGRAMS), f"dev.milepost.benchmarks.{program}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)
