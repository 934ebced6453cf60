"""Reading a run by unary gRPC and by REST."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.request import urlopen

import orjson

from benchmarks.framework import Effort, Figure, alternate, benchmark
from benchmarks.load.counting import write_payloads
from benchmarks.peers import grpc_echo
from benchmarks.process import Process, module
from benchmarks.rates import grpc_rate, http_rate, rate_figure
from benchmarks.subject import scratch_folder, server, typical_run
from milepost import v1 as pb


@benchmark("GetRun")
def get_run(effort: Effort) -> Iterator[Figure]:
    """`GetRun` of a run with 10 params, 10 metrics and 5 tags, beside a bare echo with answers of the same size.

    32 callers share 4 connections; each waits for its answer before it calls again. The echo parses a message of one
    bytes field and serializes another: no validation, no storage, no interceptors.
    """
    with scratch_folder() as folder, server(folder) as subject:
        run = typical_run(subject)
        answer_bytes = pb.GetRunResponse(run=run).ByteSize()
        payloads = folder / "payloads.json"
        write_payloads(payloads, [pb.GetRunRequest(run_id=run.run_id).SerializeToString()])
        with Process(module("peers.grpc_echo", "--answer-bytes", answer_bytes)) as echo:
            echo_path, path = f"/{grpc_echo.SERVICE}/{grpc_echo.METHOD}", "/milepost.v1.TrackingService/GetRun"
            limit, sample = alternate(
                effort,
                partial(grpc_rate, effort, int(echo.first_line), echo.pid, echo_path, payloads),
                partial(grpc_rate, effort, subject.grpc_port, subject.pid, path, payloads),
            )
    yield rate_figure("GetRun", limit, sample, 0.65)


@benchmark("REST GET run")
def rest_get_run(effort: Effort) -> Iterator[Figure]:
    """`GET /v1/runs/ID` of the same run, beside a bare ASGI application under the same uvicorn settings.

    32 callers have a kept connection each. For each request the bare application parses the JSON text that the subject
    answers from a constant, and writes it again, both by orjson.
    """
    with scratch_folder() as folder, server(folder) as subject:
        run = typical_run(subject)
        path = f"/v1/runs/{run.run_id}"
        document = folder / "run.json"
        document.write_bytes(_document(subject.http_port, path))
        with Process(module("peers.asgi_echo", "--document", document)) as echo:
            limit, sample = alternate(
                effort,
                partial(http_rate, effort, int(echo.first_line), echo.pid, path),
                partial(http_rate, effort, subject.http_port, subject.pid, path),
            )
    yield rate_figure("REST GET run", limit, sample, 0.60)


def _document(port: int, path: str) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        text: bytes = answer.read()
    return orjson.dumps(orjson.loads(text))
