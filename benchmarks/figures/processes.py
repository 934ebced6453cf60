"""What starting costs: the client's import, the server's start and its idle memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import grpc

from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark
from benchmarks.peers import grpc_echo
from benchmarks.process import ROOT, Process, cpu_s, environment, module, resident_bytes
from benchmarks.subject import scratch_folder, server
from milepost import v1 as pb
from milepost.v1 import server_service_pb2_grpc

_ANSWER_BYTES = 100
_ANSWER_WITHIN_S = 30


@benchmark("import milepost")
def import_client(effort: Effort) -> Iterator[Figure]:
    """A fresh interpreter from start to end that imports `milepost`, beside one that does nothing.

    An import before the first one counted compiles the modules.
    """
    _python("import milepost")
    limit, sample = alternate(effort, lambda: _python("pass"), lambda: _python("import milepost"))
    yield Figure("import milepost", sample.value, "s", limit.value, Goal("value", "<", 0.35))


def _python(code: str) -> Sample:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), check=True)
    return Sample(time.monotonic() - began)


@benchmark("start to first answer", "idle server memory")
def start(effort: Effort) -> Iterator[Figure]:
    """The server's start with an empty data folder, and its memory, each beside that of the bare gRPC echo.

    The time runs from the spawn of the process to the answer of the first call over gRPC, and so includes making the
    database. The memory is what is resident after that answer. A start before the first one counted compiles the
    modules.
    """
    memory: dict[str, list[float]] = {"peer": [], "subject": []}

    def peer() -> Sample:
        began = time.monotonic()
        with Process(module("peers.grpc_echo", "--answer-bytes", _ANSWER_BYTES)) as process:
            with grpc.insecure_channel(f"127.0.0.1:{int(process.first_line)}") as channel:
                method = grpc_echo.PATH
                channel.unary_unary(method, bytes, bytes)(b"", timeout=_ANSWER_WITHIN_S)
                elapsed = time.monotonic() - began
            memory["peer"].append(resident_bytes(process.pid) / 2**20)
        return Sample(elapsed)

    def subject() -> Sample:
        with scratch_folder() as folder:
            began = time.monotonic()
            with server(folder) as running:
                with grpc.insecure_channel(running.target) as channel:
                    stub = server_service_pb2_grpc.ServerServiceStub(channel)
                    stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=_ANSWER_WITHIN_S)
                    elapsed, cpu = time.monotonic() - began, cpu_s(running.pid)
                memory["subject"].append(resident_bytes(running.pid) / 2**20)
        return Sample(elapsed, f"{cpu:.2f} s of CPU")

    peer()
    subject()
    limit, sample = alternate(effort, peer, subject)
    yield Figure("start to first answer", sample.value, "s", limit.value, Goal("value", "<", 2), sample.detail)
    peak = max(memory["subject"])
    yield Figure("idle server memory", peak, "MiB", max(memory["peer"]), Goal("value", "<", 150))
