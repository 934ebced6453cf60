"""Reading runs by unary gRPC and by REST.

The server gives an answer again while nothing was committed since, for the last few hundred requests. So each way of
reading is measured twice: over more runs than are remembered, where each call reads the database, and of one run.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import orjson

from benchmarks.framework import Effort, Figure, alternate, benchmark
from benchmarks.load.counting import write_payloads
from benchmarks.peers import grpc_echo
from benchmarks.process import Process, module
from benchmarks.rates import grpc_rate, http_rate, rate_figure
from benchmarks.subject import scratch_folder, server, typical_runs
from milepost import v1 as pb

# More than the server remembers answers of, so that none is at hand when its turn comes again.
_MANY = 1000


@benchmark("GetRun")
def get_run(effort: Effort) -> Iterator[Figure]:
    """`GetRun` of 1,000 runs in turn, each with 10 params, 10 metrics and 5 tags, beside a bare echo.

    32 callers share 4 connections; each waits for its answer before it calls again. The echo parses a message of one
    bytes field and serializes another of the size of a run's answer: no validation, no storage, no interceptors.
    """
    yield _grpc_reads("GetRun", effort, _MANY)


@benchmark("GetRun, repeated")
def get_run_repeated(effort: Effort) -> Iterator[Figure]:
    """As `GetRun`, but of one run and while nothing is written, so that the server may give one answer again."""
    yield _grpc_reads("GetRun, repeated", effort, 1)


@benchmark("GetRun, Python callers")
def get_run_python(effort: Effort) -> Iterator[Figure]:
    """As `GetRun`, with both servers called by grpc.aio, which takes the other core: what a user of Python sees."""
    yield _grpc_reads("GetRun, Python callers", effort, _MANY, "grpc_aio_calls")


@benchmark("REST GET run")
def rest_get_run(effort: Effort) -> Iterator[Figure]:
    """`GET /v1/runs/ID` of such 1,000 runs in turn, beside a bare ASGI application under the same uvicorn settings.

    32 callers have a kept connection each. For each request the bare application parses the JSON text that the subject
    answers from a constant, and writes it again, both by orjson.
    """
    yield _rest_reads("REST GET run", effort, _MANY)


@benchmark("REST GET run, repeated")
def rest_get_run_repeated(effort: Effort) -> Iterator[Figure]:
    """As `REST GET run`, but of one run and while nothing is written, so that the server may give one answer again."""
    yield _rest_reads("REST GET run, repeated", effort, 1)


def _grpc_reads(name: str, effort: Effort, count: int, load: str = "grpc_calls") -> Figure:
    with scratch_folder() as folder, server(folder) as subject:
        runs = typical_runs(subject, count)
        answer_bytes = pb.GetRunResponse(run=runs[0]).ByteSize()
        payloads = folder / "payloads.json"
        write_payloads(payloads, [pb.GetRunRequest(run_id=run.run_id).SerializeToString() for run in runs])
        with Process(module("peers.grpc_echo", "--answer-bytes", answer_bytes)) as echo:
            echo_path, path = grpc_echo.PATH, "/milepost.v1.TrackingService/GetRun"
            limit, sample = alternate(
                effort,
                partial(grpc_rate, effort, int(echo.first_line), echo.pid, echo_path, payloads, load),
                partial(grpc_rate, effort, subject.grpc_port, subject.pid, path, payloads, load),
            )
    return rate_figure(name, limit, sample, 0.65)


def _rest_reads(name: str, effort: Effort, count: int) -> Figure:
    with scratch_folder() as folder, server(folder) as subject:
        paths = [f"/v1/runs/{run.run_id}" for run in typical_runs(subject, count)]
        payloads, document = folder / "paths.json", folder / "run.json"
        write_payloads(payloads, [path.encode() for path in paths])
        _save_document(subject.http_port, paths[0], document)
        with Process(module("peers.asgi_echo", "--document", document)) as echo:
            limit, sample = alternate(
                effort,
                partial(http_rate, effort, int(echo.first_line), echo.pid, payloads),
                partial(http_rate, effort, subject.http_port, subject.pid, payloads),
            )
    return rate_figure(name, limit, sample, 0.60)


def _save_document(port: int, path: str, document: Path) -> None:
    with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        document.write_bytes(orjson.dumps(orjson.loads(answer.read())))
