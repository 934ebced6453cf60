"""Rates of calls: runs a load generator against a server and makes a sample of its report."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.framework import Effort, Figure, Goal, Sample
from benchmarks.load.counting import Report
from benchmarks.process import ROOT, environment, module


def run_load(name: str, *arguments: object) -> Any:
    """Runs `benchmarks.load.<name>` to its end and returns the JSON it printed.

    Raises:
        subprocess.CalledProcessError: It failed, since a call was refused for one; its traceback is on standard error.
    """
    command = module(f"load.{name}", *arguments)
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def grpc_rate(effort: Effort, port: int, pid: int, path: str, payloads: Path, load: str = "grpc_calls") -> Sample:
    """Calls per second of a unary method by 32 callers on 4 connections, made by a generator of `benchmarks.load`."""
    options = ("--port", port, "--server-pid", pid, "--path", path, "--seconds", effort.seconds)
    return rate_sample(Report(**run_load(load, *options, "--payloads", payloads)))


def http_rate(effort: Effort, port: int, pid: int, paths: Path) -> Sample:
    """`GET` requests per second by 32 callers on as many kept connections."""
    options = ("--port", port, "--server-pid", pid, "--seconds", effort.seconds)
    return rate_sample(Report(**run_load("http_calls", *options, "--payloads", paths)))


def rate_figure(name: str, limit: Sample, subject: Sample, least: float) -> Figure:
    """A rate whose goal is a ratio to its limit of `least`."""
    detail = f"\n  limit: {limit.detail}\n  subject: {subject.detail}"
    return Figure(name, subject.value, "calls/s", limit.value, Goal("ratio", ">=", least), detail)


def rate_sample(report: Report) -> Sample:
    """The rate of a report, and what it says besides."""
    per_call_us = report.server_cores / report.calls_per_s * 1e6
    return Sample(
        report.calls_per_s,
        f"p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms; "
        f"server {report.server_cores:.0%} of a core, {per_call_us:.0f} us a call; load {report.load_cores:.0%}",
    )
