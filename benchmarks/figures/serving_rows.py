"""Predictions of 1,000 rows at once, beside a bare loop over the library's `predict` in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.wrappers_pb2 import BytesValue
from threadpoolctl import threadpool_limits

from benchmarks.figures.serving import ECHO, FRAMES, MLSERVER, V2_PATH, native_frame, native_input, v2_request
from benchmarks.framework import Effort, Figure, Goal, Sample, benchmark
from benchmarks.load.counting import Report, write_payloads
from benchmarks.mlflow_servers import OURS, beside, take_turns
from benchmarks.model_servers import NAME, Models, ModelServer, milepost_serve, mlserver
from benchmarks.peers import grpc_echo
from benchmarks.process import Process, module
from benchmarks.rates import rate_sample, run_load
from benchmarks.subject import scratch_folder

_ROWS, _CALLERS = 1000, 4
_V2, _STREAM = "served 1,000 rows, gRPC V2", "served 1,000 rows, stream"
_COLUMNS = "served 1,000 rows of columns, stream"
_PEERS = (MLSERVER, ECHO)
_LOOP, _LOOP_FRAMES = "loop", "loop over frames"
_LEAST = Goal("ratio", ">=", 0.7)


@benchmark(_V2, _STREAM, _COLUMNS, *(f"{_V2}, beside {peer}" for peer in _PEERS))
def serving_rows(effort: Effort) -> Iterator[Figure]:
    """Batches of 1,000 rows of 20 float64 for a logistic regression by 4 callers; 160 kB each.

    Beside scikit-learn's own `predict` of the same array, or of the same data frame for a model that takes columns,
    called in a loop with one thread, which sends nothing anywhere. Callers are grpc.aio with bytes built ahead. The
    bare echo parses a message of the same size.
    """
    with scratch_folder() as folder, ExitStack() as stack:
        models = Models(folder)
        ours = stack.enter_context(milepost_serve({NAME: models.arrays, FRAMES: models.frames}))
        peer = stack.enter_context(mlserver(models))
        bare = stack.enter_context(Process(module("peers.grpc_echo", "--answer-bytes", 8000)))
        load = _Load(folder, effort, models)
        takers = {
            _LOOP: partial(_loop, models.of_arrays.predict, models.values, effort),
            _LOOP_FRAMES: partial(_loop, models.of_frames.predict, models.frame, effort),
            _V2: partial(load.unary, ours, load.v2),
            _STREAM: partial(load.stream, ours, load.native, NAME),
            _COLUMNS: partial(load.stream, ours, load.columns, FRAMES),
            ECHO: partial(load.unary, ModelServer(0, int(bare.first_line), bare.pid), load.echo, grpc_echo.PATH),
            **({MLSERVER: partial(load.unary, peer, load.v2)} if peer else {}),
        }
        samples = take_turns(effort.rounds, takers)
    for name, loop in ((_V2, _LOOP), (_STREAM, _LOOP), (_COLUMNS, _LOOP_FRAMES)):
        yield Figure(name, samples[name].value, "calls/s", samples[loop].value, _LEAST, samples[name].detail)
    yield from beside(_V2, "calls/s", {**samples, OURS: samples[_V2]}, dict.fromkeys(_PEERS))


class _Load:
    """The load generators, with what they send."""

    def __init__(self, folder: Path, effort: Effort, models: Models) -> None:
        self._folder = folder
        self._seconds = effort.seconds
        request = v2_request(models, _ROWS)
        self.v2 = self._payload("v2", request)
        self.echo = self._payload("echo", BytesValue(value=bytes(len(request))).SerializeToString())
        self.native = self._payload("native", native_input(models, _ROWS))
        self.columns = self._payload("columns", native_frame(models, _ROWS))

    def _payload(self, name: str, content: bytes) -> Path:
        path = self._folder / f"{name}.json"
        write_payloads(path, [content])
        return path

    def unary(self, server: ModelServer, payload: Path, path: str = V2_PATH) -> Sample:
        return self._sample("grpc_aio_calls", server, payload, "--path", path, "--connections", _CALLERS)

    def stream(self, server: ModelServer, payload: Path, model: str) -> Sample:
        return self._sample("serving_stream", server, payload, "--model", model)

    def _sample(self, load: str, server: ModelServer, payload: Path, *options: object) -> Sample:
        given = ("--port", server.grpc_port, "--server-pid", server.pid, "--seconds", self._seconds)
        report = run_load(load, *given, "--callers", _CALLERS, "--payloads", payload, *options)
        return rate_sample(Report(**report))


def _loop(predict: Callable[[Any], Any], batch: Any, effort: Effort) -> Sample:
    """Calls a second of `predict` in this process."""
    calls = 0
    with threadpool_limits(1):
        began = time.perf_counter()
        while time.perf_counter() - began < effort.seconds:
            predict(batch)
            calls += 1
        return Sample(calls / (time.perf_counter() - began))
